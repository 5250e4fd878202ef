"""The client's own checks, run where Node is: types, and the state machines in TypeScript."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.product import ROOT

pytestmark = pytest.mark.browser


def npm(*arguments: str) -> None:
    """Run a script of web/package.json with the Node that built the client."""
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["npm", *arguments],
        cwd=ROOT / "web",
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_agree(built_client: Path) -> None:
    npm("run", "check")


def test_the_state_machines_keep_their_promises(built_client: Path) -> None:
    npm("test")


def test_the_types_are_those_of_the_api(built_client: Path, tmp_path: Path) -> None:
    schema, types = tmp_path / "openapi.json", tmp_path / "schema.d.ts"
    command = [sys.executable, "manage.py", "spectacular", "--format", "openapi-json"]
    subprocess.run([*command, "--file", str(schema)], cwd=ROOT, check=True, capture_output=True)
    npm("exec", "--", "openapi-typescript", str(schema), "--array-length", "-o", str(types))
    committed = (ROOT / "web" / "src" / "api" / "schema.d.ts").read_text("utf-8")
    assert types.read_text("utf-8") == committed, "run `npm run types` in web/"


def test_the_lock_file_names_no_registry() -> None:
    lock = (ROOT / "web" / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert "registry" not in lock

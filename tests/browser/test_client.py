"""The client's own checks, run where Node is: types, and the state machines in TypeScript."""

import os
import subprocess
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


def test_the_lock_file_names_no_registry() -> None:
    lock = (ROOT / "web" / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert "registry" not in lock

"""The product as an operator starts it, for tests and benchmarks that talk to it from outside."""

import base64
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from tests.services import TEMPLATE, database_named, free_port, sql

ROOT = Path(__file__).resolve().parent.parent

#: Tests come from one address and sign up by the dozen.
NO_THROTTLES = {
    f"THROTTLE_{name}": "100000/min"
    for name in ("LOGIN", "LOGIN_ACCOUNT", "REGISTER", "COMMENT", "LIKE", "WRITE")
}


@dataclass
class Product:
    """A running instance with a folder, a database and a port of its own."""

    folder: Path
    environment: Mapping[str, str]
    port: int
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        """Where it answers, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str) -> str:
        """Run a management command against this instance; its output."""
        return _manage(self.environment, *arguments)

    def start(self, *, seconds: float = 40) -> None:
        """Start `manage.py serve` and return when it is ready."""
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve"],
                cwd=ROOT,
                env=dict(self.environment),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if urllib.request.urlopen(f"{self.url}/readyz", timeout=2).status == 200:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the product did not start:\n{self.log()}")

    def stop(self) -> int:
        """Stop it as a platform does, with SIGTERM; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()

    def kill(self) -> None:
        """Kill -9 the server process; its workers notice by themselves."""
        self.process.kill()
        self.process.wait()

    def kill_a_worker_at_work(self) -> bool:
        """Kill -9 a worker that has an FFmpeg (the sandbox stands between the two), if any has."""
        for worker in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if descendants(worker, "ffmpeg"):
                    worker.kill()
                    return True
        return False

    def log(self) -> str:
        """What it printed so far."""
        return (self.folder / "serve.log").read_text("utf-8", "replace")

    def call(self, method: str, path: str, body: object = None, token: str = "") -> Any:
        """A JSON request; the parsed answer. An error answer raises HTTPError."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}{path}", data=data, headers=headers, method=method
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def sign_up(self, name: str = "") -> str:
        """Register an account and sign in; its access token."""
        name = name or f"user-{secrets.token_hex(4)}"
        password = secrets.token_urlsafe(16)
        account = {"username": name, "email": f"{name}@example.com", "password": password}
        self.call("POST", "/api/register/", account)
        signed_in = self.call("POST", "/api/login/", {"login": name, "password": password})
        return str(signed_in["access"])

    def upload(
        self, path: Path, token: str, *, chunk_bytes: int = 8 * 1024 * 1024, filename: str = ""
    ) -> str:
        """Upload a file by tus in chunks, under its own name or another; the id of the video."""
        size = path.stat().st_size
        headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
        metadata = f"filename {_base64(filename or path.name)}"
        created = _send(
            f"{self.url}/api/uploads/",
            "POST",
            headers | {"Upload-Length": str(size), "Upload-Metadata": metadata},
        )
        location = created["Location"]
        location = location if location.startswith("http") else self.url + location
        with path.open("rb") as source:
            offset = 0
            while chunk := source.read(chunk_bytes):
                patch = {"Content-Type": "application/offset+octet-stream"}
                patch["Upload-Offset"] = str(offset)
                answer = _send(location, "PATCH", headers | patch, chunk)
                offset = int(answer["Upload-Offset"])
        return str(self.call("GET", urlsplit(location).path, token=token)["video_id"])

    def wait_for(self, video_id: str, token: str, status: str, *, seconds: float = 60) -> Any:
        """The video, once it has `status`. Fails at once when it has failed instead."""
        deadline = time.monotonic() + seconds
        while True:
            video = self.call("GET", f"/api/videos/{video_id}/", token=token)
            if video["status"] == status:
                return video
            if video["status"] == "failed" or time.monotonic() > deadline:
                raise AssertionError(f"not {status}: {video}\n{self.log()[-4000:]}")
            time.sleep(0.1)


def descendants(process: psutil.Process, *names: str) -> list[psutil.Process]:
    """What runs below a process under a name that begins so; some of it may end meanwhile."""
    found = []
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.name().startswith(names):
                found.append(child)
    return found


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _send(url: str, method: str, headers: dict[str, str], body: bytes = b"") -> Mapping[str, str]:
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(answer.headers)


@contextlib.contextmanager
def database_of_its_own() -> Iterator[dict[str, str]]:
    """Where the full stack is set, a database beside the tests' own; else nothing to set.

    It has the schema already.
    """
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        yield {}
        return
    name = f"product_{secrets.token_hex(4)}"
    template = os.environ.get(TEMPLATE)
    database = {"DATABASE_URL": database_named(url, name)}
    sql(url, f"CREATE DATABASE {name} TEMPLATE {template or 'template1'}")
    try:
        if not template:
            _manage(_environment(**database), "migrate", "--verbosity", "0")
        yield database
    finally:
        sql(url, f"DROP DATABASE {name} WITH (FORCE)")


def _environment(**settings: str) -> dict[str, str]:
    """That of an operator, not that of pytest."""
    ours = {name: it for name, it in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return {**ours, **NO_THROTTLES, "DEBUG": "true", **settings}


def _manage(environment: Mapping[str, str], *arguments: str) -> str:
    """Run a management command; what it printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=dict(environment),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{arguments}: {done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout.decode()


@contextlib.contextmanager
def prepared(folder: Path, **settings: str) -> Iterator[Product]:
    """An instance with its schema, not started yet; stopped when the block ends."""
    with database_of_its_own() as database:
        port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        own = {**database, "VAR_DIR": str(folder), "PORT": str(port)}
        environment = _environment(**own | settings)
        product = Product(folder, environment, port)
        if not database:
            product.manage("migrate", "--verbosity", "0")
        try:
            yield product
        finally:
            if hasattr(product, "process"):
                product.stop()


@contextlib.contextmanager
def running(folder: Path, **settings: str) -> Iterator[Product]:
    """The same, started and ready."""
    with prepared(folder, **settings) as product:
        product.start()
        yield product

"""How a remote worker talks to its server: TLS, redirects, cut connections, wrong clocks."""

import json
import ssl
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from media.remote.client import Client
from media.remote.errors import Refused, Unreachable
from media.remote.signing import Key, is_genuine, is_timely, read

KEY = Key(uuid.uuid4(), bytes(range(32)))
Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer(self, body)

        do_GET = do_POST = do_PUT = _any

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def say(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections that are kept for the next call are closed with the test."""
    made: list[Client] = []
    real = Client.__init__

    def init(self: Client, *given: Any, **options: Any) -> None:
        real(self, *given, **options)
        made.append(self)

    monkeypatch.setattr(Client, "__init__", init)
    yield
    for each in made:
        each.close()


def client(port: int) -> Client:
    return Client(f"http://127.0.0.1:{port}", KEY)


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for `localhost` and no other name, with its key."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command += f" -addext subjectAltName=DNS:localhost -keyout {path}.key -out {path}"
    subprocess.run(command.split(), check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.key").read_text())
    return path


def test_a_certificate_that_nobody_vouches_for_ends_the_call(certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    heard: list[bytes] = []

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        heard.append(body)
        say(handler, 200, b"{}")

    with serving(answer, tls) as port:
        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            Client(f"https://localhost:{port}", KEY).call("claim", {})
        trusting = Client(f"https://localhost:{port}", KEY, ca_file=str(certificate))
        assert trusting.call("claim", {}) == {}
        other_name = Client(f"https://127.0.0.1:{port}", KEY, ca_file=str(certificate))
        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            other_name.call("claim", {})
    assert heard == [b"{}"]


# --- Answers -------------------------------------------------------------------------------------


def test_nothing_is_followed_elsewhere() -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        asked.append(handler.path)
        say(handler, 302, Location="/elsewhere")

    with serving(answer) as port, pytest.raises(Unreachable):
        client(port).call("claim", {})
    assert asked == ["/worker/claim"]


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"{}"), (502, b"<html>"), (404, b"<html>a page of somebody</html>"), (200, b"no json")],
)
def test_what_is_not_an_answer_of_ours_is_tried_again_later(status: int, body: bytes) -> None:
    with (
        serving(lambda handler, _: say(handler, status, body)) as port,
        pytest.raises(Unreachable),
    ):
        client(port).call("claim", {})


def test_a_refusal_has_its_code() -> None:
    problem = json.dumps({"code": "worker-claim-lost", "detail": "Not yours."}).encode()
    with serving(lambda handler, _: say(handler, 409, problem)) as port:
        with pytest.raises(Refused) as refused:
            client(port).call("callback", {})
        assert (refused.value.status, refused.value.code) == (409, "worker-claim-lost")


def test_a_wrong_clock_is_set_by_the_server() -> None:
    ahead = 3600.0

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        signed = read({name.lower(): value for name, value in handler.headers.items()})
        assert signed is not None
        assert is_genuine(signed, KEY.secret, method="POST", path=handler.path, body=body)
        now = time.time() + ahead
        if is_timely(signed, now):
            say(handler, 200, b'{"ok": true}')
        else:
            problem = {"code": "worker-clock-wrong", "server_time": int(now)}
            say(handler, 401, json.dumps(problem).encode())

    with serving(answer) as port:
        worker = client(port)
        assert worker.call("claim", {}) == {"ok": True}
        assert worker.call("claim", {}) == {"ok": True}


def test_a_held_call_ends_when_it_is_hung_up() -> None:
    hold = threading.Event()

    def answer(_handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        hold.wait(20)

    with serving(answer) as port:
        worker, ended = client(port), threading.Event()

        def call() -> None:
            with pytest.raises(Unreachable):
                worker.call("claim", {}, wait_seconds=20)
            ended.set()

        threading.Thread(target=call, daemon=True).start()
        time.sleep(0.5)
        worker.hang_up()
        assert ended.wait(3)
        hold.set()


# --- Bytes ---------------------------------------------------------------------------------------


def test_a_source_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    whole = bytes(range(256)) * 1000
    ranges: list[str] = []

    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        ranges.append(handler.headers["Range"])
        start = int(handler.headers["Range"].removeprefix("bytes=").partition("-")[0])
        part = whole[start:]
        handler.send_response(206)
        handler.send_header("Content-Length", str(len(part)))
        handler.end_headers()
        # The first answer breaks off in the middle.
        handler.wfile.write(part if start else part[:100_000])
        handler.close_connection = True

    into = tmp_path / "source"
    with serving(answer) as port:
        worker = client(port)

        def fetch() -> None:
            worker.fetch(
                lambda: "/worker/source/x", into, size_bytes=len(whole), check=lambda: None
            )

        for _ in range(3):
            try:
                fetch()
                break
            except Unreachable:
                continue
    assert into.read_bytes() == whole
    assert ranges[0] == "bytes=0-255999"
    assert ranges[-1] != ranges[0]


def test_more_than_was_said_is_not_stored(tmp_path: Path) -> None:
    with (
        serving(lambda handler, _: say(handler, 206, b"x" * 5000)) as port,
        pytest.raises(Unreachable, match="longer"),
    ):
        client(port).fetch(
            lambda: "/worker/source/x", tmp_path / "s", size_bytes=10, check=lambda: None
        )


def test_a_fetch_ends_when_the_job_does(tmp_path: Path) -> None:
    def check() -> None:
        raise KeyError("lost")

    with (
        serving(lambda handler, _: say(handler, 206, b"x" * 10)) as port,
        pytest.raises(KeyError),
    ):
        client(port).fetch(lambda: "/worker/source/x", tmp_path / "s", size_bytes=10, check=check)

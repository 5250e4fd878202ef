"""The small HTTP server of a remote worker that can be reached: `POST /process`, `GET /health`.

`/process` is only a wake-up: what is to be done, the worker asks for as always. It is signed by the
server with the worker's own key, over the same lines as every signed request.
"""

import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from media.remote.signing import SKEW_SECONDS, Key, is_genuine, is_timely, read

logger = logging.getLogger(__name__)

BODY_MAX_BYTES = 16 * 1024
#: Requests that are answered at a time, and how long each may take to arrive.
AT_A_TIME = 16
TIMEOUT_SECONDS = 5.0
_NONCES_MAX = 10_000


class Door:
    """Listens from `open` to `close`; `ring` is called for each genuine wake-up."""

    def __init__(
        self,
        address: tuple[str, int],
        key: Key,
        *,
        server: str,
        ring: Callable[[], None],
        is_well: Callable[[], bool],
    ) -> None:
        self._key = key
        self._server = urlsplit(server)
        self._ring = ring
        self._is_well = is_well
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(AT_A_TIME)
        self._http = _Listener(address, _handler_of(self), self._places)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._http.server_address[1])

    def open(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._http.serve_forever, name="door", daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._http.shutdown()
        self._http.server_close()

    def health(self) -> tuple[int, dict[str, Any]]:
        """Whether this worker can do its work, without saying what it is."""
        return (200, {"status": "ok"}) if self._is_well() else (503, {"status": "not ok"})

    def process(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Take a wake-up; the status to answer with."""
        signed, now = read(headers), time.time()
        if signed is None or not is_genuine(
            signed, self._key.secret, method="POST", path=path, body=body
        ):
            return 401
        if not is_timely(signed, now):
            return 401
        if not self._is_new(signed.nonce, now):
            return 409
        if not self._is_ours(body):
            return 400
        self._ring()
        return 202

    def _is_new(self, nonce: str, now: float) -> bool:
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < now - 3 * SKEW_SECONDS:
                self._seen.popitem(last=False)
            if nonce in self._seen or len(self._seen) >= _NONCES_MAX:
                return False
            self._seen[nonce] = now
            return True

    def _is_ours(self, body: bytes) -> bool:
        """Whether the wake-up wants its reports where this worker reports to anyway."""
        try:
            told = json.loads(body)
            back = urlsplit(str(told["callback_url"]))
            return bool(told["video_id"]) and back[:2] == self._server[:2]
        except (ValueError, KeyError, TypeError, RecursionError):
            return False


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[BaseHTTPRequestHandler],
        places: threading.BoundedSemaphore,
    ) -> None:
        self._places = places
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, as long as there is one; else hang up."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


def _handler_of(door: Door) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_SECONDS
        server_version, sys_version = "reelay-worker", ""

        def do_GET(self) -> None:
            status, shape = door.health() if self.path.endswith("/health") else (404, {})
            self._answer(status, shape)

        def do_POST(self) -> None:
            size = self.headers.get("Content-Length", "")
            if not self.path.endswith("/process"):
                return self._answer(404, {})
            if not size.isdigit() or int(size) > BODY_MAX_BYTES:
                return self._answer(413, {})
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = door.process("/process", headers, self.rfile.read(int(size)))
            return self._answer(status, {})

        def _answer(self, status: int, shape: dict[str, Any]) -> None:
            body = json.dumps(shape).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            logger.debug("door", extra={"request": format % args})

    return Handler

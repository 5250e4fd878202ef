"""The server as a remote worker talks to it: signed calls, and bytes by link.

One connection per thread is kept open. Nothing is redirected, every answer is bounded, and a
certificate that cannot be verified ends the call.
"""

import base64
import hashlib
import http.client
import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from media.remote.errors import Refused, Unreachable
from media.remote.signing import Key, sign

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 20.0
#: The longest JSON answer: the plan of twelve hours has some MiB.
ANSWER_MAX_BYTES = 64 * 1024 * 1024
_PART_BYTES = 1024 * 1024


class Client:
    """Talks to one server with one key. Safe to use from many threads."""

    def __init__(self, server: str, key: Key, *, ca_file: str | None = None) -> None:
        parts = urlsplit(server)
        self._host = parts.hostname or ""
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._key = key
        self._own = threading.local()
        self._waiting: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()
        self._clock_offset = 0.0

    # --- Signed calls -------------------------------------------------------------------------

    def call(self, verb: str, shape: object, *, wait_seconds: float = 0.0) -> Any:
        """`POST /worker/{verb}`; the parsed answer, or None where it has no body.

        Raises Refused or Unreachable. `wait_seconds` is how long the server may hold it; `hang_up`
        ends such a call at once.
        """
        body = json.dumps(shape).encode()
        try:
            return self._call(verb, body, wait_seconds)
        except Refused as refused:
            server_time = refused.extra.get("server_time")
            if refused.code != "worker-clock-wrong" or not isinstance(server_time, int):
                raise
            self._clock_offset = server_time - time.time()
            logger.warning("our clock is off", extra={"seconds": round(self._clock_offset)})
            return self._call(verb, body, wait_seconds)

    def _call(self, verb: str, body: bytes, wait_seconds: float) -> Any:
        path = f"/worker/{verb}"
        now = time.time() + self._clock_offset
        headers = sign(self._key, method="POST", path=path, body=body, now=now)
        headers["Content-Type"] = "application/json"
        timeout = TIMEOUT_SECONDS + wait_seconds
        with self._asked("POST", path, body, headers, timeout, is_held=wait_seconds > 0) as answer:
            data = _read(answer)
            return json.loads(data) if data else None

    def hang_up(self) -> None:
        """End all calls that are being held."""
        with self._lock:
            waiting = list(self._waiting)
        for connection in waiting:
            if connection.sock is not None:
                try:
                    connection.sock.shutdown(2)
                except OSError:
                    continue  # it has just ended

    def close(self) -> None:
        """Close the connection of this thread."""
        found: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if found is not None:
            found.close()

    # --- By link ------------------------------------------------------------------------------

    def get_json(self, path: str) -> Any:
        """What a link opens, parsed."""
        with self._asked("GET", path, b"", {}, TIMEOUT_SECONDS) as answer:
            return json.loads(_read(answer))

    def fetch(
        self, path: Callable[[], str], into: Path, *, size_bytes: int, check: Callable[[], None]
    ) -> None:
        """Append to `into` until it has `size_bytes`, going on where it ends.

        `path` gives the newest link at each request. Raises Refused, Unreachable, or what `check`
        raises.
        """
        with into.open("ab") as file:
            have = file.tell()
            while have < size_bytes:
                headers = {"Range": f"bytes={have}-{size_bytes - 1}"}
                with self._asked("GET", path(), b"", headers, TIMEOUT_SECONDS) as answer:
                    if answer.status != 206 and have:
                        raise Unreachable("the server does not send parts")
                    while part := answer.read(_PART_BYTES):
                        check()
                        file.write(part)
                        have += len(part)
                        if have > size_bytes:
                            raise Unreachable("the source is longer than was said")

    def put(self, path: str, made: Path) -> None:
        """Store a file under a link."""
        data = made.read_bytes()
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Digest": f"sha-256=:{digest}:",
        }
        with self._asked("PUT", path, data, headers, TIMEOUT_SECONDS) as answer:
            _read(answer)

    # --- Connections --------------------------------------------------------------------------

    @contextmanager
    def _asked(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
        timeout: float,
        *,
        is_held: bool = False,
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer that is no refusal; its connection is closed unless all of it was read."""
        connection = self._connection()
        if is_held:
            with self._lock:
                self._waiting.add(connection)
        try:
            answer = self._send(connection, method, path, body, headers, timeout)
            if answer.status >= 400 or answer.status in range(300, 400):
                _raise_refusal(answer)
            yield answer
            if not answer.isclosed():
                connection.close()
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            connection.close()
            raise Unreachable(f"{method} {path.split('/')[2]}: {error!r}") from error
        except BaseException:
            connection.close()
            raise
        finally:
            with self._lock:
                self._waiting.discard(connection)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
        timeout: float,
    ) -> http.client.HTTPResponse:
        was_open = connection.sock is not None
        for is_last in (not was_open, True):
            connection.timeout = timeout
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            try:
                connection.request(method, self._prefix + path, body or None, headers)
                return connection.getresponse()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # A connection that was kept may have been closed by the server meanwhile.
                connection.close()
                if is_last or verb_is_signed(path):
                    raise
        raise AssertionError("unreachable")  # the loop returns or raises

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if found is None:
            found = (
                http.client.HTTPSConnection(self._host, self._port, context=self._tls)
                if self._tls
                else http.client.HTTPConnection(self._host, self._port)
            )
            self._own.connection = found
        return found


def verb_is_signed(path: str) -> bool:
    """Whether a request may not be sent twice as it is: its nonce works once."""
    return path.split("/")[2] in ("claim", "heartbeat", "callback")


def _read(answer: http.client.HTTPResponse) -> bytes:
    data = answer.read(ANSWER_MAX_BYTES + 1)
    if len(data) > ANSWER_MAX_BYTES:
        raise Unreachable("the answer is too long")
    return data


def _raise_refusal(answer: http.client.HTTPResponse) -> None:
    text = answer.read(64 * 1024)
    if answer.status >= 500 and answer.status != 507:
        raise Unreachable(f"the server answered {answer.status}")
    try:
        problem = json.loads(text)
        code, detail = str(problem["code"]), str(problem.get("detail", ""))
    except (ValueError, KeyError, TypeError) as error:
        # Whoever answers there, it is not our server: a proxy, a redirect, a page of somebody.
        raise Unreachable(f"an answer {answer.status} that is not ours") from error
    raise Refused(answer.status, code, detail, problem)

"""Logs to stdout, a line per event, each with the id of the request that caused it."""

import contextvars
import json
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

#: The id of the request (or socket, or job) that this thread or task works for.
request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")

access = logging.getLogger("access")

_STANDARD = set(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "request_id",
    "taskName",
}
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")


class RequestIdFilter(logging.Filter):
    """Put the current request id on each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true."""
        record.request_id = request_id.get()
        return True


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """One JSON object per line; what came as `extra` stands beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. JSON escapes line breaks, so no value can forge another line."""
        entry: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}"
            f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := getattr(record, "request_id", ""):
            entry["request_id"] = current
        entry |= _extra(record)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """The same for people: time, level, message, extras."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; control characters of values are escaped."""
        extras = " ".join(f"{name}={value}" for name, value in _extra(record).items())
        message = f"{record.getMessage()} {extras}".rstrip()
        message = message.encode("unicode_escape").decode() if "\n" in message else message
        line = f"{time.strftime('%H:%M:%S', time.localtime(record.created))} "
        line += f"{record.levelname.lower():7} {record.name}: {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]


class RequestLog:
    """ASGI wrapper: gives each request its id, answers it as X-Request-Id, logs the outcome.

    A client's own X-Request-Id is kept where it is a plain token, so that a trace can be followed
    through a proxy. Query strings are not logged: they may carry what should stay private.
    """

    def __init__(self, application: AsgiApplication) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] not in ("http", "websocket"):
            return await self.application(scope, receive, send)
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        current = given if _ACCEPTED_ID.fullmatch(given) else secrets.token_hex(8)
        token = request_id.set(current)
        began, status = time.monotonic(), 0

        async def send_with_id(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", []), (b"x-request-id", current.encode())]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self.application(scope, receive, send_with_id)
        finally:
            if scope["type"] == "http":
                access.info(
                    "request",
                    extra={
                        "method": scope["method"],
                        "path": scope["path"],
                        "status": status,
                        "ms": round((time.monotonic() - began) * 1000, 1),
                    },
                )
            request_id.reset(token)

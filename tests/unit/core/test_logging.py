import json
import logging
from typing import Any

import pytest

from core.logging import JsonFormatter, RequestIdFilter, RequestLog, TextFormatter, request_id


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "x", **extra})
    RequestIdFilter().filter(made)
    return made


def test_a_json_line_has_the_extras_and_the_request_id() -> None:
    token = request_id.set("abc12345")
    try:
        entry = json.loads(JsonFormatter().format(record("piece made", job=7)))
    finally:
        request_id.reset(token)
    assert (entry["message"], entry["job"], entry["request_id"]) == ("piece made", 7, "abc12345")


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_value_with_a_line_break_cannot_forge_a_line(formatter: logging.Formatter) -> None:
    assert "\n" not in formatter.format(record("path", path="/x\n12:00 info forged"))


async def answered(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {}

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": headers}
    await RequestLog(application)(scope, receive, send)
    return dict(sent[0]["headers"])


async def test_every_answer_has_a_request_id() -> None:
    assert len((await answered([]))[b"x-request-id"]) == 16


async def test_a_clients_own_id_is_kept_when_it_is_a_plain_token() -> None:
    headers = await answered([(b"x-request-id", b"trace-0123456789")])
    assert headers[b"x-request-id"] == b"trace-0123456789"


async def test_a_clients_id_that_could_break_a_log_is_replaced() -> None:
    headers = await answered([(b"x-request-id", b"a b\nc d e f g")])
    assert b"\n" not in headers[b"x-request-id"]

"""The door of a remote worker: who may wake it, and who may not."""

import http.client
import json
import socket
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from media.remote.door import BODY_MAX_BYTES, Door
from media.remote.signing import SKEW_SECONDS, Key, sign

KEY = Key(uuid.uuid4(), bytes(range(32)))
SERVER = "https://video.example"
WAKE_UP = {"video_id": "v", "callback_url": f"{SERVER}/worker/callback/v"}


class Rings:
    count = 0
    is_well = True


@pytest.fixture
def rings() -> Rings:
    return Rings()


@pytest.fixture
def door(rings: Rings) -> Iterator[Door]:
    def ring() -> None:
        rings.count += 1

    opened = Door(("127.0.0.1", 0), KEY, server=SERVER, ring=ring, is_well=lambda: rings.is_well)
    opened.open()
    yield opened
    opened.close()


def ask(
    door: Door, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=5)
    connection.request(method, path, body or None, headers or {})
    status = connection.getresponse().status
    connection.close()
    return status


def signed(
    shape: Any = WAKE_UP, *, late: float = 0, key: Key = KEY
) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(shape).encode()
    return body, sign(key, method="POST", path="/process", body=body, now=time.time() - late)


def test_the_server_wakes_it(door: Door, rings: Rings) -> None:
    assert ask(door, "POST", "/process", *signed()) == 202
    assert rings.count == 1


def test_nobody_else_does(door: Door, rings: Rings) -> None:
    body, headers = signed()
    assert ask(door, "POST", "/process", body) == 401
    assert ask(door, "POST", "/process", body + b" ", headers) == 401
    assert ask(door, "POST", "/process", *signed(late=SKEW_SECONDS + 5)) == 401
    other = Key(KEY.server_id, bytes(32))
    assert ask(door, "POST", "/process", *signed(key=other)) == 401
    assert rings.count == 0


def test_a_wake_up_is_taken_once(door: Door, rings: Rings) -> None:
    given = signed()
    assert [ask(door, "POST", "/process", *given) for _ in range(2)] == [202, 409]
    assert rings.count == 1


@pytest.mark.parametrize(
    "shape",
    [
        {"video_id": "v", "callback_url": "https://evil.example/worker/callback/v"},
        {"video_id": "v", "callback_url": "http://video.example/worker/callback/v"},
        {"video_id": "v"},
        [],
    ],
)
def test_it_reports_to_its_own_server_and_no_other(door: Door, rings: Rings, shape: Any) -> None:
    assert ask(door, "POST", "/process", *signed(shape)) == 400
    assert rings.count == 0


def test_it_says_whether_it_is_well(door: Door, rings: Rings) -> None:
    assert ask(door, "GET", "/health") == 200
    rings.is_well = False
    assert ask(door, "GET", "/health") == 503
    assert ask(door, "GET", "/etc/passwd") == 404


def test_long_bodies_are_not_read(door: Door, rings: Rings) -> None:
    long = {"Content-Length": str(BODY_MAX_BYTES + 1)}
    assert ask(door, "POST", "/process", b"", long) == 413


def test_many_who_say_nothing_do_not_keep_it_from_answering_for_long(door: Door) -> None:
    idle = [socket.create_connection(("127.0.0.1", door.port)) for _ in range(20)]
    until = time.monotonic() + 10
    while True:
        try:
            if ask(door, "GET", "/health") == 200:
                break
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < until
            time.sleep(0.2)
    for each in idle:
        each.close()

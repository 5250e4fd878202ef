"""The queue between a socket and its application."""

import asyncio
from typing import Any

from core.server.inbox import Inbox


def part(size: int) -> dict[str, Any]:
    return {"type": "http.request", "body": b"x" * size, "more_body": True}


def make_inbox(bound: int = 10) -> tuple[Inbox, list[str]]:
    calls: list[str] = []
    inbox = Inbox(
        bound=bound, pause=lambda: calls.append("pause"), resume=lambda: calls.append("resume")
    )
    return inbox, calls


async def test_messages_come_out_in_the_order_in_which_they_went_in() -> None:
    inbox, calls = make_inbox()
    inbox.put_nowait(part(1))
    inbox.put_nowait(part(2))
    assert [len((await inbox.receive())["body"]) for _ in range(2)] == [1, 2]
    assert calls == []


async def test_a_full_inbox_stops_the_sender_until_half_of_it_is_taken() -> None:
    inbox, calls = make_inbox(bound=10)
    for _ in range(3):
        inbox.put_nowait(part(5))
    assert calls == ["pause"]
    await inbox.receive()
    assert inbox.is_paused
    await inbox.receive()
    assert calls == ["pause", "resume"]
    assert not inbox.is_paused


async def test_messages_without_a_body_are_counted() -> None:
    inbox, calls = make_inbox(bound=2)
    for _ in range(3):
        inbox.put_nowait({"type": "websocket.receive", "text": "x" * 100})
    assert calls == ["pause"]


async def test_whoever_waits_is_woken_by_the_next_message() -> None:
    inbox, _calls = make_inbox()
    waiting = asyncio.create_task(inbox.receive())
    await asyncio.sleep(0)
    inbox.put_nowait(part(3))
    assert (await waiting)["body"] == b"xxx"


async def test_a_disconnect_comes_after_the_bytes_and_again_for_whoever_asks_again() -> None:
    inbox, _calls = make_inbox()
    inbox.put_nowait(part(3))
    inbox.put_nowait({"type": "http.disconnect"})
    inbox.put_nowait(part(3))
    types = [(await inbox.receive())["type"] for _ in range(3)]
    assert types == ["http.request", "http.disconnect", "http.disconnect"]


async def test_a_receiver_that_gave_up_does_not_swallow_a_message() -> None:
    inbox, _calls = make_inbox()
    impatient = asyncio.create_task(inbox.receive())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    inbox.put_nowait(part(4))
    assert len((await inbox.receive())["body"]) == 4


async def test_all_bodies_can_be_taken_at_once() -> None:
    inbox, calls = make_inbox(bound=4)
    inbox.put_nowait(part(2))
    inbox.put_nowait(part(3))
    assert inbox.take_bodies() == [b"xx", b"xxx"]
    assert not inbox.is_paused
    assert calls == ["pause"], "whoever takes them resumes when it is time"
    inbox.put_nowait(part(4))
    assert calls == ["pause"]
    assert len((await inbox.receive())["body"]) == 4

"""Tickets: whose they are, for how long, and how often."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.core import signing
from redis.exceptions import ConnectionError as RedisAway

from core.errors import Unauthenticated, Unavailable
from realtime import socket, tickets
from users.models import User

USER = cast("User", SimpleNamespace(pk=uuid.uuid4()))


def test_a_ticket_names_its_holder_and_fits_into_the_header() -> None:
    ticket = tickets.issue(USER)
    assert tickets.check(ticket).user_id == USER.pk
    assert not set(ticket) & set(' "(),/:;<=>?@[]{}\\'), "RFC 9110: a token"


def test_a_ticket_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = tickets.issue(USER)
    monkeypatch.setattr(tickets, "TICKET_SECONDS", -1)
    with pytest.raises(Unauthenticated):
        tickets.check(ticket)


def test_what_others_have_signed_is_no_ticket() -> None:
    ticket = tickets.issue(USER)
    other = signing.TimestampSigner(salt="other", sep=".").sign_object([str(USER.pk), "x"])
    signer = signing.TimestampSigner(salt="realtime.ticket", sep=".")
    payloads = [
        signer.sign_object(it)
        for it in ({"x": 1}, [1, "x", 1], str(USER.pk), ["x", "y", 1], [str(USER.pk), "x"])
    ]
    for forged in (ticket[:-1] + "x", ticket[1:], other, *payloads, "", "é"):
        with pytest.raises(Unauthenticated):
            tickets.check(forged)


def test_a_ticket_works_once_and_its_neighbour_too() -> None:
    first, second = (tickets.check(tickets.issue(USER)) for _ in range(2))
    for ticket in (first, second):
        tickets.use_up(ticket)
        with pytest.raises(Unauthenticated, match="used already"):
            tickets.use_up(ticket)


def test_of_many_who_come_at_once_one_gets_through() -> None:
    ticket = tickets.check(tickets.issue(USER))

    def gets_through(_: int) -> bool:
        try:
            tickets.use_up(ticket)
        except Unauthenticated:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(gets_through, range(64))) == 1


def test_signing_out_voids_the_tickets_of_the_account_and_no_others() -> None:
    other = cast("User", SimpleNamespace(pk=uuid.uuid4()))
    old, others = tickets.check(tickets.issue(USER)), tickets.check(tickets.issue(other))
    tickets.end_all(USER.pk)
    with pytest.raises(Unauthenticated, match="signed out since"):
        tickets.use_up(old)
    tickets.use_up(others)
    tickets.use_up(tickets.check(tickets.issue(USER)))


def test_without_the_cache_nobody_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def add(self, *arguments: Any) -> bool:
            raise RedisAway

    monkeypatch.setattr(tickets, "cache", Away())
    with pytest.raises(Unavailable):
        tickets.use_up(tickets.check(tickets.issue(USER)))


async def test_a_handshake_that_cannot_be_checked_now_is_asked_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def busy(*arguments: Any) -> None:
        raise Unavailable

    async def nothing() -> None:
        """Start nothing."""

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    hub = SimpleNamespace(start=nothing, read=busy)
    monkeypatch.setattr(socket, "current_hub", lambda: hub)
    monkeypatch.setattr(socket, "identify", busy)
    await socket.live_socket({"type": "websocket", "subprotocols": []}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 4503

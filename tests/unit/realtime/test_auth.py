"""Origins and tickets."""

import uuid
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.core import signing
from pytest_django import Settings

from core.errors import Unauthenticated
from realtime import auth
from realtime.auth import holder_of, is_ours, issue_ticket
from users.models import User

USER = cast("User", SimpleNamespace(pk=uuid.uuid4()))


def scope(host: str, scheme: str = "ws", **headers: str) -> tuple[dict[str, Any], dict[bytes, str]]:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return {"type": "websocket", "scheme": scheme}, {b"host": host, **named}


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://localhost:8000", "localhost:8000", "ws"),
        ("http://localhost", "localhost", "ws"),
        ("http://localhost:80", "localhost", "ws"),
        ("https://localhost", "localhost:443", "wss"),
        ("HTTP://LocalHost:8000", "localhost:8000", "ws"),
    ],
)
def test_our_own_pages_may_connect(origin: str, host: str, scheme: str) -> None:
    assert is_ours(origin, *scope(host, scheme))


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://localhost:8001", "localhost:8000", "ws"),
        ("https://localhost:8000", "localhost:8000", "ws"),
        ("http://localhost", "localhost", "wss"),
        ("http://evil.example", "evil.example", "ws"),
        ("http://localhost.evil.example", "localhost", "ws"),
        ("http://localhost/path", "localhost", "ws"),
        ("http://localhost:port", "localhost", "ws"),
        ("null", "localhost", "ws"),
        ("", "localhost", "ws"),
        ("localhost", "localhost", "ws"),
    ],
)
def test_other_pages_may_not(origin: str, host: str, scheme: str) -> None:
    assert not is_ours(origin, *scope(host, scheme))


def test_allowed_origins_may_connect(settings: Settings) -> None:
    settings.ALLOWED_ORIGINS = ["https://app.example"]
    assert is_ours("https://app.example", *scope("localhost:8000"))
    assert not is_ours("http://app.example", *scope("localhost:8000"))
    assert not is_ours("https://app.example:8443", *scope("localhost:8000"))


def test_a_proxy_says_that_it_speaks_tls_where_it_is_trusted(settings: Settings) -> None:
    behind = scope("localhost", x_forwarded_proto="https")
    assert not is_ours("https://localhost", *behind)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert is_ours("https://localhost", *behind)
    assert not is_ours("http://localhost", *behind)


def test_a_ticket_names_its_holder_and_fits_into_the_header() -> None:
    ticket = issue_ticket(USER)
    assert holder_of(ticket) == USER.pk
    assert not set(ticket) & set(' "(),/:;<=>?@[]{}\\'), "RFC 9110: a token"


def test_a_ticket_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = issue_ticket(USER)
    monkeypatch.setattr(auth, "TICKET_SECONDS", -1)
    with pytest.raises(Unauthenticated):
        holder_of(ticket)


def test_what_others_have_signed_is_no_ticket() -> None:
    ticket = issue_ticket(USER)
    other = signing.TimestampSigner(salt="other", sep=".").sign_object(str(USER.pk))
    payload = signing.TimestampSigner(salt="realtime.ticket", sep=".").sign_object({"x": 1})
    for forged in (ticket[:-1] + "x", ticket[1:], other, payload, "", "é"):
        with pytest.raises(Unauthenticated):
            holder_of(forged)

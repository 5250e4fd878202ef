"""Origins."""

from typing import Any

import pytest
from pytest_django import Settings

from realtime.auth import is_ours


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

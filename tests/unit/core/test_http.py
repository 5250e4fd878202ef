import io
import json

import pytest
from pytest_django import Settings
from rest_framework.exceptions import ParseError

from core.http import BodyTooLarge, BoundedJSONParser, client_address


def parse(body: bytes) -> object:
    return BoundedJSONParser().parse(io.BytesIO(body))


def test_json_is_parsed() -> None:
    text = "[" * 100 + '"'
    assert parse(json.dumps({"text": text}).encode()) == {"text": text}


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[NaN]", b"[" * 100_000, b'{"a":' * 50 + b"1" + b"}" * 50]
)
def test_what_is_wrong_with_a_body_is_the_clients_error(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse(body)


def test_a_body_beyond_the_limit_says_the_limit(settings: Settings) -> None:
    settings.API_BODY_MAX_BYTES = 10
    with pytest.raises(BodyTooLarge) as caught:
        parse(json.dumps("x" * 20).encode())
    assert caught.value.extra == {"max_bytes": 10}


def scope(*forwarded: bytes) -> dict[str, object]:
    return {"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", v) for v in forwarded]}


def test_a_forwarded_address_is_not_believed_without_a_trusted_proxy(
    settings: Settings,
) -> None:
    settings.TRUSTED_PROXIES = 0
    assert client_address(scope(b"1.2.3.4")) == "10.0.0.1"


def test_only_what_trusted_proxies_added_is_believed(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    assert client_address(scope(b"6.6.6.6, 1.2.3.4")) == "1.2.3.4"

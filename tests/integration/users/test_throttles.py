from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as RedisDown
from rest_framework.test import APIClient
from rest_framework.throttling import SimpleRateThrottle

from tests.factories.posts import make_post
from tests.factories.users import PASSWORD, client_of, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rates(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    rates = {"login": "3/min", "register": "2/hour", "like": "2/min", "comment": "1/min"}
    for scope, rate in rates.items():
        monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, scope, rate)
    cache.clear()
    yield
    cache.clear()


def guess(login: str = "ada", **headers: str) -> Any:
    body = {"login": login, "password": "wrong"}
    return APIClient().post("/api/login/", body, headers=headers)


def test_guessing_ends_in_429_that_says_when_to_come_back() -> None:
    assert [guess().status_code for _ in range(4)] == [401, 401, 401, 429]
    answer = guess()
    assert answer.json()["code"] == "too-many"
    assert 0 < int(answer["Retry-After"]) <= 60
    assert answer.json()["retry_after_seconds"] == int(answer["Retry-After"])


def test_a_forged_address_does_not_help() -> None:
    forwarded = [{"X-Forwarded-For": f"1.2.3.{n}"} for n in range(4)]
    assert [guess(**headers).status_code for headers in forwarded][-1] == 429


def test_guesses_at_one_account_are_counted_wherever_they_come_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "login", "100/min")
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "login_account", "2/min")
    names = ["ada", " ADA ", "Ada"]
    assert [guess(name).status_code for name in names] == [401, 401, 429]
    assert guess("grace").status_code == 401


def test_registrations_are_throttled() -> None:
    def register(n: int) -> int:
        body = {"username": f"u{n}x", "email": f"u{n}@example.org", "password": PASSWORD}
        return int(APIClient().post("/api/register/", body).status_code)

    assert [register(n) for n in range(3)] == [201, 201, 429]


def test_likes_and_comments_are_throttled_per_account_and_reading_is_not() -> None:
    ada, eve = make_user("ada"), make_user("eve")
    post = f"/api/posts/{make_post(ada).pk}"
    client = client_of(ada)
    assert [client.post(f"{post}/like/").status_code for _ in range(3)] == [200, 200, 429]
    said = [client.post(f"{post}/comments/", {"text": "Hi"}).status_code for _ in range(2)]
    assert said == [201, 429]
    assert client_of(eve).post(f"{post}/like/").status_code == 200
    assert {client.get(f"{post}/comments/").status_code for _ in range(5)} == {200}


def test_without_the_cache_everybody_goes_on() -> None:
    with patch("django.core.cache.cache.get", side_effect=RedisDown("down")):
        assert guess().status_code == 401

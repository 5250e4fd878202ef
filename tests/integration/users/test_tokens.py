import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient

from core.events import subscribe, unsubscribe
from tests.factories.users import make_user
from tests.racing import at_once
from users import tokens
from users.errors import InvalidToken
from users.events import SignedOut
from users.models import Session, UsedToken, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


def refresh(token: str) -> Any:
    return APIClient().post("/api/token/refresh/", {"refresh": token})


def me(access: str) -> int:
    headers = {"Authorization": f"Bearer {access}"}
    return int(APIClient().get("/api/me/", headers=headers).status_code)


def claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def test_a_refresh_token_gives_the_next_pair(ada: User) -> None:
    answer = refresh(tokens.issue(ada).refresh)
    assert answer.status_code == 200
    assert me(answer.json()["access"]) == 200
    assert refresh(answer.json()["refresh"]).status_code == 200


def test_access_lives_fifteen_minutes(ada: User) -> None:
    said = claims(tokens.issue(ada).access)
    assert said["exp"] - said["iat"] == 15 * 60


def test_a_used_refresh_token_is_refused_and_a_quick_repeat_forgiven(ada: User) -> None:
    first = tokens.issue(ada)
    second = refresh(first.refresh).json()
    assert refresh(first.refresh).status_code == 401
    assert me(second["access"]) == 200
    assert refresh(second["refresh"]).status_code == 200


def test_a_used_refresh_token_that_comes_late_ends_its_family(ada: User) -> None:
    first = tokens.issue(ada)
    other_device = tokens.issue(ada)
    second = refresh(first.refresh).json()
    UsedToken.objects.update(used_at=timezone.now() - timedelta(seconds=11))
    assert refresh(first.refresh).status_code == 401
    assert me(second["access"]) == me(first.access) == 401
    assert refresh(second["refresh"]).status_code == 401
    assert me(other_device.access) == 200


@pytest.mark.django_db(transaction=True)
def test_of_parallel_refreshes_exactly_one_succeeds(ada: User) -> None:
    token = tokens.issue(ada).refresh
    statuses = at_once([lambda: int(refresh(token).status_code)] * 10, threads=10)
    assert sorted(statuses) == [200] + [401] * 9


@pytest.mark.django_db(transaction=True)
def test_who_listens_hears_that_a_family_ended(ada: User) -> None:
    heard: list[SignedOut] = []
    subscribe(SignedOut, heard.append)
    try:
        APIClient().post("/api/logout/", {"refresh": tokens.issue(ada).refresh})
    finally:
        unsubscribe(SignedOut, heard.append)
    assert heard == [SignedOut(user_id=ada.pk)]


def test_a_disabled_account_is_refused_at_once(ada: User) -> None:
    pair = tokens.issue(ada)
    User.objects.update(is_active=False)
    assert me(pair.access) == refresh(pair.refresh).status_code == 401


def test_a_new_password_ends_every_session(ada: User) -> None:
    pair = tokens.issue(ada)
    ada.set_password("another good password")
    ada.save()
    assert me(pair.access) == refresh(pair.refresh).status_code == 401


def test_a_family_ends_some_day_however_often_it_is_refreshed(ada: User) -> None:
    pair = tokens.issue(ada)
    Session.objects.update(expire_date=timezone.now())
    assert me(pair.access) == refresh(pair.refresh).status_code == 401


def test_a_deleted_account_is_nobody(ada: User) -> None:
    pair = tokens.issue(ada)
    ada.delete()
    assert me(pair.access) == refresh(pair.refresh).status_code == 401


def test_the_key_of_the_session_is_not_in_the_token(ada: User) -> None:
    pair = tokens.issue(ada)
    key = Session.objects.get().session_key
    assert key not in str(claims(pair.access)) + str(claims(pair.refresh))


def forged(ada: User) -> dict[str, str]:
    real = tokens.issue(ada)
    said = claims(real.access)
    other = tokens.issue(make_user("eve"))
    key = settings.SECRET_KEY
    header, payload, signature = real.access.split(".")
    return {
        "a refresh token": real.refresh,
        "no token": "",
        "not a token": "x.y.z",
        "two parts": f"{header}.{payload}",
        "no signature": f"{header}.{payload}.",
        "another signature": f"{header}.{payload}.{'A' * len(signature)}",
        "another payload": f"{header}.{other.access.split('.')[1]}.{signature}",
        "algorithm none": jwt.encode(said, "", algorithm="none"),
        "another algorithm": jwt.encode(said, key * 2, algorithm="HS512"),
        "another key": jwt.encode(said, "k" * 64, algorithm="HS256"),
        "expired": jwt.encode(said | {"exp": int(time.time()) - 1}, key, algorithm="HS256"),
        "of the future": jwt.encode(said | {"nbf": int(time.time()) + 99}, key, algorithm="HS256"),
        "no use": jwt.encode(said | {"token_use": ""}, key, algorithm="HS256"),
        "no session": jwt.encode(said | {"sid": ""}, key, algorithm="HS256"),
        "another session": jwt.encode(said | {"sid": "AAAA"}, key, algorithm="HS256"),
        "another account": jwt.encode(said | {"sub": claims(other.access)["sub"]}, key),
        "a list as account": jwt.encode(said | {"sub": "x", "jti": 1}, key),
        "a critical header": jwt.encode(said, key, headers={"crit": ["x"], "x": 1}),
        "not ASCII": "ä.ö.ü",
        "very long": "a" * 5000,
    }


def test_forged_tokens_open_nothing(ada: User) -> None:
    def opens(token: str) -> bool:
        try:
            tokens.account_of_access_token(token)
        except InvalidToken:
            return False
        return True

    assert [name for name, token in forged(ada).items() if opens(token)] == []


def test_an_access_token_cannot_be_exchanged(ada: User) -> None:
    assert refresh(tokens.issue(ada).access).status_code == 401

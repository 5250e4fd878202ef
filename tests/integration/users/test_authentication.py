from typing import Any

import jwt
import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from core.errors import CsrfFailed
from tests.factories.users import PASSWORD, make_user
from users import tokens
from users.authentication import authenticate_scope
from users.errors import InvalidToken
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def browser(ada: User) -> Client:
    client = Client()
    body = {"login": "ada", "password": PASSWORD, "session": True}
    client.post("/api/login/", body, "application/json")
    return client


def scope(method: str = "GET", scheme: str = "http", **headers: str) -> dict[str, Any]:
    named = {"host": "testserver", **headers}
    return {
        "type": "http",
        "method": method,
        "scheme": scheme,
        "path": "/api/uploads/",
        "query_string": b"",
        "server": ("testserver", 443 if scheme == "https" else 80),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in named.items()],
    }


def cookies(browser: Client) -> str:
    return "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())


def csrf(browser: Client) -> str:
    return browser.cookies["csrftoken"].value


def test_without_credentials_it_is_nobody() -> None:
    assert authenticate_scope(scope("PATCH")) is None


def test_a_bearer_token_needs_no_csrf(
    ada: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token = tokens.issue(ada).access
    with django_assert_num_queries(1):
        assert authenticate_scope(scope("PATCH", authorization=f"Bearer {token}")) == ada


def test_a_bad_token_is_told_even_beside_a_good_cookie(browser: Client) -> None:
    with pytest.raises(InvalidToken):
        authenticate_scope(scope(authorization="Bearer x", cookie=cookies(browser)))


def test_a_cookie_reads(
    ada: User, browser: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        assert authenticate_scope(scope(cookie=cookies(browser))) == ada


def test_a_cookie_writes_with_the_csrf_token(ada: User, browser: Client) -> None:
    given = scope("PATCH", cookie=cookies(browser), x_csrftoken=csrf(browser))
    assert authenticate_scope(given) == ada


def test_the_body_is_left_alone(ada: User, browser: Client) -> None:
    kind = "multipart/form-data; boundary=x"
    given = {"cookie": cookies(browser), "x_csrftoken": csrf(browser)}
    assert authenticate_scope(scope("POST", content_type=kind, content_length="99", **given)) == ada


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_csrftoken": "x" * 32},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://testserver:1"},
    ],
)
def test_a_cookie_alone_writes_nothing(browser: Client, headers: dict[str, str]) -> None:
    proof = {} if "x_csrftoken" in headers or not headers else {"x_csrftoken": csrf(browser)}
    with pytest.raises(CsrfFailed):
        authenticate_scope(scope("PATCH", cookie=cookies(browser), **proof, **headers))


def test_our_own_origin_may_write(ada: User, browser: Client) -> None:
    given = {"cookie": cookies(browser), "x_csrftoken": csrf(browser)}
    assert authenticate_scope(scope("POST", origin="http://testserver", **given)) == ada


def test_over_https_a_foreign_referer_writes_nothing(browser: Client) -> None:
    given = {"cookie": cookies(browser), "x_csrftoken": csrf(browser)}
    with pytest.raises(CsrfFailed):
        authenticate_scope(scope("POST", "https", referer="https://evil.example/", **given))


def test_a_foreign_host_writes_nothing(browser: Client) -> None:
    given = {"cookie": cookies(browser), "x_csrftoken": csrf(browser)}
    with pytest.raises(CsrfFailed):
        authenticate_scope(scope("POST", host="evil.example", origin="http://testserver", **given))


def test_a_disabled_account_is_nobody(browser: Client) -> None:
    User.objects.update(is_active=False)
    assert authenticate_scope(scope(cookie=cookies(browser))) is None


def test_the_session_behind_a_token_is_no_cookie(ada: User) -> None:
    pair = tokens.issue(ada)
    sid = jwt.decode(pair.access, options={"verify_signature": False})["sid"]
    assert authenticate_scope(scope(cookie=f"sessionid={sid}")) is None

import json
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from rest_framework.test import APIClient

from tests.factories.users import PASSWORD, client_of, make_user
from users.models import Session, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


def log_in(client: Any = None, **body: object) -> Any:
    return (client or Client()).post(
        "/api/login/",
        {"login": "ada", "password": PASSWORD} | body,
        content_type="application/json",
    )


def page(csrf: str = "") -> Client:
    """A browser that enforces CSRF."""
    return Client(enforce_csrf_checks=True, headers={"X-CSRFToken": csrf} if csrf else None)


# --- For programs --------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["ada", "Ada", "ada@example.org", "ADA@Example.ORG"])
def test_people_sign_in_by_name_or_by_address(ada: User, login: str) -> None:
    answer = APIClient().post("/api/login/", {"login": login, "password": PASSWORD})
    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh", "user"}
    assert answer.json()["user"]["id"] == str(ada.pk)
    assert not answer.cookies


def test_the_access_token_opens_the_api(ada: User) -> None:
    access = log_in().json()["access"]
    answer = APIClient().get("/api/me/", headers={"Authorization": f"Bearer {access}"})
    assert answer.json()["username"] == "ada"


def test_tokens_stay_out_of_caches(ada: User) -> None:
    assert log_in()["Cache-Control"] == "private, no-store"


def refusals(ada: User) -> dict[str, Any]:
    make_user("gone", is_active=False)
    make_user("passwordless", password=None)
    return {
        "wrong password": log_in(password="wrong"),
        "no such name": log_in(login="nobody"),
        "no such address": log_in(login="nobody@example.org"),
        "disabled": log_in(login="gone"),
        "no password": log_in(login="passwordless"),
    }


def test_a_refusal_does_not_tell_whether_the_account_exists(ada: User) -> None:
    answers = refusals(ada)
    assert {answer.status_code for answer in answers.values()} == {401}
    assert len({answer.content for answer in answers.values()}) == 1
    assert all(answer["WWW-Authenticate"] for answer in answers.values())


@pytest.mark.parametrize(
    "login", ["ada", "ada@example.org", "gone", "passwordless", "nobody", "nobody@example.org"]
)
def test_each_refusal_costs_one_password_hash(ada: User, login: str) -> None:
    make_user("gone", is_active=False)
    make_user("passwordless", password=None)
    encode = MD5PasswordHasher.encode
    with patch.object(MD5PasswordHasher, "encode", autospec=True, side_effect=encode) as hashed:
        assert log_in(login=login, password="a wrong one").status_code == 401
    assert hashed.call_count == 1


def test_passwords_are_not_cut(ada: User) -> None:
    ada.set_password("x" * 75 + "a")
    ada.save()
    assert log_in(password="x" * 75 + "b").status_code == 401
    assert log_in(password="x" * 75 + "a").status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"login": "ada"}, {"login": ["ada"], "password": PASSWORD}, [], "ada", None]
)
def test_a_body_of_another_shape_is_the_clients_error(ada: User, body: object) -> None:
    answer = Client().post("/api/login/", json.dumps(body), content_type="application/json")
    assert answer.status_code == 400


# --- For browsers --------------------------------------------------------------------------------


def test_a_browser_gets_a_cookie_and_no_tokens(ada: User) -> None:
    answer = log_in(page(), session=True)
    assert set(answer.json()) == {"user"}
    assert answer.cookies["sessionid"]["httponly"]
    assert answer.cookies["sessionid"]["samesite"] == "Lax"
    assert answer.cookies["csrftoken"].value
    assert Session.objects.get().user_id == ada.pk


def test_each_sign_in_has_a_new_session_id(ada: User) -> None:
    browser = page()
    first = log_in(browser, session=True).cookies["sessionid"].value
    second = log_in(browser, session=True).cookies["sessionid"].value
    assert first != second
    assert not Session.objects.filter(session_key=first).exists()


def test_a_change_by_cookie_needs_the_csrf_token(ada: User) -> None:
    browser = page()
    token = log_in(browser, session=True).cookies["csrftoken"].value
    without = browser.post("/api/posts/", {"text": "Hi"}, "application/json")
    assert (without.status_code, without.json()["code"]) == (403, "csrf-failed")
    given = {"X-CSRFToken": token}
    answer = browser.post("/api/posts/", {"text": "Hi"}, "application/json", headers=given)
    assert answer.status_code == 201


def test_a_change_by_cookie_from_a_foreign_page_is_refused(ada: User) -> None:
    browser = page()
    token = log_in(browser, session=True).cookies["csrftoken"].value
    headers = {"X-CSRFToken": token, "Origin": "https://evil.example"}
    answer = browser.post("/api/posts/", {"text": "Hi"}, "application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf-failed")


def test_a_form_of_a_foreign_page_cannot_sign_anybody_in(ada: User) -> None:
    body = '{"login": "ada", "password": "' + PASSWORD + '", "session": true}'
    answer = page().post("/api/login/", body, "text/plain")
    assert answer.status_code == 415
    assert not answer.cookies


# --- Out -----------------------------------------------------------------------------------------


def test_logging_out_of_a_browser_ends_its_session(ada: User) -> None:
    browser = page()
    token = log_in(browser, session=True).cookies["csrftoken"].value

    def log_out(**headers: str) -> int:
        kind = "application/json"
        return browser.post("/api/logout/", content_type=kind, headers=headers).status_code

    assert log_out() == 403  # without proof of the page
    assert log_out(**{"X-CSRFToken": token}) == 204
    assert not Session.objects.exists()
    assert browser.get("/api/me/").status_code == 401


def test_logging_out_with_an_access_token_ends_the_whole_family(ada: User) -> None:
    tokens = log_in().json()
    headers = {"Authorization": f"Bearer {tokens['access']}"}
    assert APIClient().post("/api/logout/", headers=headers).status_code == 204
    assert APIClient().get("/api/me/", headers=headers).status_code == 401
    again = APIClient().post("/api/token/refresh/", {"refresh": tokens["refresh"]})
    assert again.status_code == 401


def test_logging_out_with_a_refresh_token_works_once_and_twice(ada: User) -> None:
    tokens = log_in().json()
    for _ in range(2):
        answer = APIClient().post("/api/logout/", {"refresh": tokens["refresh"]})
        assert answer.status_code == 204
    headers = {"Authorization": f"Bearer {tokens['access']}"}
    assert APIClient().get("/api/me/", headers=headers).status_code == 401


def test_a_stranger_has_nothing_to_log_out_of() -> None:
    assert APIClient().post("/api/logout/").status_code == 401


def test_logging_out_leaves_other_devices_alone(ada: User) -> None:
    other = client_of(ada)
    APIClient().post("/api/logout/", {"refresh": log_in().json()["refresh"]})
    assert other.get("/api/me/").status_code == 200

import pytest
from allauth.account.models import EmailAddress
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.factories.users import PASSWORD, make_user
from tests.racing import at_once
from users.models import Profile, User

pytestmark = pytest.mark.django_db

NEW = {"username": "grace", "email": "Grace@Example.org", "password": PASSWORD}


def test_registering_makes_the_account_its_profile_and_its_address() -> None:
    answer = APIClient().post("/api/register/", NEW)
    assert answer.status_code == 201, answer.content
    user = User.objects.get(pk=answer.json()["id"])
    assert (user.email, user.role, user.check_password(PASSWORD)) == (
        "grace@example.org",
        "user",
        True,
    )
    assert Profile.objects.filter(user=user).exists()
    address = EmailAddress.objects.get(user=user)
    assert (address.email, address.primary, address.verified) == ("grace@example.org", True, False)


def test_a_password_never_comes_back() -> None:
    answer = APIClient().post("/api/register/", NEW)
    assert set(answer.json()) == {"id", "username", "email", "role", "created_at"}


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"username": "ADA"}, ["#/username"]),
        ({"email": "ADA@example.ORG"}, ["#/email"]),
        ({"username": "Ada", "email": "ada@example.org"}, ["#/username", "#/email"]),
    ],
)
def test_what_is_taken_is_named(change: dict[str, str], pointers: list[str]) -> None:
    make_user("ada")
    answer = APIClient().post("/api/register/", NEW | change)
    assert (answer.status_code, answer.json()["code"]) == (400, "already-taken")
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"username": "a b"}, "#/username"),
        ({"username": "someone@example.org"}, "#/username"),
        ({"username": ""}, "#/username"),
        ({"username": "grace\u0007"}, "#/username"),
        ({"username": ["a", "b"]}, "#/username"),
        ({"email": "nowhere"}, "#/email"),
        ({"email": ["a@example.org", "b@example.org"]}, "#/email"),
        ({"email": "a@example.org\r\nBcc: b@example.org"}, "#/email"),
        ({"password": "short"}, "#/password"),
        ({"password": "password123"}, "#/password"),
        ({"password": "1234567890123"}, "#/password"),
        ({"password": "grace@example"}, "#/password"),
        ({"password": "x" * 129}, "#/password"),
    ],
)
def test_a_field_that_is_not_valid_is_named(change: dict[str, object], pointer: str) -> None:
    answer = APIClient().post("/api/register/", NEW | change)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert {error["pointer"] for error in answer.json()["errors"]} == {pointer}
    assert not User.objects.exists()


def test_nobody_registers_as_an_admin() -> None:
    raised = {"role": "super_admin", "is_staff": True, "is_superuser": True, "id": "0" * 32}
    APIClient().post("/api/register/", NEW | raised)
    user = User.objects.get()
    assert (user.role, user.is_staff, user.is_superuser) == ("user", False, False)


def test_names_that_only_look_different_are_one() -> None:
    make_user("grace")
    answer = APIClient().post("/api/register/", NEW | {"username": "ｇｒａｃｅ"})
    assert answer.json()["code"] == "already-taken"


def test_a_closed_instance_takes_no_accounts(settings: Settings) -> None:
    settings.REGISTRATION_OPEN = False
    answer = APIClient().post("/api/register/", NEW)
    assert (answer.status_code, answer.json()["code"]) == (403, "registration-closed")


@pytest.mark.django_db(transaction=True)
def test_of_parallel_registrations_of_one_name_exactly_one_succeeds() -> None:
    def register(number: int) -> int:
        body = NEW | {"email": f"grace{number}@example.org"}
        return APIClient().post("/api/register/", body).status_code

    statuses = at_once([lambda n=n: register(n) for n in range(6)], threads=6)  # type: ignore[misc]
    assert sorted(statuses) == [201] + [400] * 5

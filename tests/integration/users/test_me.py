import pytest

from tests.factories.users import client_of, make_user
from users.models import User

pytestmark = pytest.mark.django_db


def test_people_see_their_own_account() -> None:
    ada = make_user("ada")
    assert client_of(ada).get("/api/me").json() == {
        "id": str(ada.pk),
        "username": "ada",
        "email": "ada@example.org",
        "role": "user",
        "created_at": ada.date_joined.isoformat().replace("+00:00", "Z"),
    }


def test_a_stranger_is_asked_to_sign_in() -> None:
    answer = client_of(None).get("/api/me/")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_people_change_their_name_and_its_case() -> None:
    ada = make_user("ada")
    for name in ("lovelace", "Lovelace"):
        assert client_of(ada).patch("/api/me/", {"username": name}).json()["username"] == name
    ada.refresh_from_db()
    assert (ada.username, ada.version) == ("Lovelace", 2)


def test_a_name_that_is_taken_stays_with_its_owner() -> None:
    make_user("eve")
    answer = client_of(make_user("ada")).patch("/api/me/", {"username": "EVE"})
    assert (answer.status_code, answer.json()["code"]) == (400, "already-taken")


def test_nobody_raises_their_own_role() -> None:
    ada = make_user("ada")
    raised = {"role": "super_admin", "is_staff": True, "email": "x@example.org", "id": "0"}
    client_of(ada).patch("/api/me/", raised)
    after = User.objects.get()
    assert (after.role, after.is_staff, after.email) == ("user", False, "ada@example.org")


def test_the_configuration_is_for_everybody() -> None:
    answer = client_of(None).get("/api/config/")
    assert set(answer.json()) == {
        "max_upload_bytes",
        "chunk_bytes",
        "tail_bytes",
        "registration_open",
    }


def test_a_private_path_with_a_suffix_is_no_page_to_be_cached() -> None:
    assert client_of(make_user()).get("/api/me/a.css").status_code == 404

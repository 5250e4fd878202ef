"""The pages at /django-admin/: who gets in, what they show, and what can be done there."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from media.models import Job, MediaFile
from posts.models import Comment, Post
from tests.factories.jobs import make_job
from tests.factories.posts import make_comment, make_post
from tests.factories.users import PASSWORD, client_of, make_user
from users.models import Profile, Session, User

pytestmark = pytest.mark.django_db

MODELS: list[Any] = [User, Profile, Post, Comment, MediaFile, Job]
names = pytest.mark.parametrize("model", MODELS, ids=lambda it: it._meta.model_name)


@pytest.fixture
def ada() -> User:
    """Somebody with one of everything."""
    user = make_user("ada")
    media = MediaFile.objects.create(owner=user, filename="clip.mp4", state="processing")
    post = make_post(user, text="first words", media=[media.pk])
    make_comment(user, post)
    make_job(media)
    return user


@pytest.fixture
def admin() -> Client:
    return signed_in(make_user("mod", role="admin"))


@pytest.fixture
def super_admin() -> Client:
    return signed_in(make_user("root", role="super_admin"))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def of(user: User, model: Any) -> Any:
    """The account itself, or its only row of that kind."""
    return model.objects.get(pk=user.pk) if model in (User, Profile) else model.objects.get()


def page(model: Any, name: str = "changelist", *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=arguments)


def act(client: Client, action: str, *rows: Any) -> None:
    """Tick rows of a list and do `action` to them."""
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    answer = client.post(page(type(rows[0])), {**data, "post": "yes"})
    assert answer.status_code == 302, answer.content


# --- Who gets in ---------------------------------------------------------------------------------


@names
def test_an_admin_opens_list_and_details(ada: User, admin: Client, model: Any) -> None:
    row = of(ada, model)
    listed = admin.get(page(model)).content.decode()
    assert page(model, "change", row.pk) in listed
    details = admin.get(page(model, "change", row.pk))
    assert details.status_code == 200
    for each in User.objects.all():
        assert each.password not in listed + details.content.decode()


@names
def test_a_search_finds_by_word_and_by_id(ada: User, admin: Client, model: Any) -> None:
    row = of(ada, model)
    wanted = page(model, "change", row.pk)
    for word in ("ada", str(row.pk)) if model is not Profile else ("ada",):
        found = admin.get(page(model), {"q": word}).content.decode()
        assert wanted in found
    assert wanted not in admin.get(page(model), {"q": "nothing like it"}).content.decode()


@names
@pytest.mark.parametrize("who", ["nobody", "user", "staff", "disabled"])
def test_others_see_a_place_to_sign_in(ada: User, model: Any, who: str) -> None:
    client = Client()
    if who == "user":
        client = signed_in(ada)
    elif who == "staff":
        # Flags beside the role open nothing.
        client = signed_in(make_user("eve", is_staff=True, is_superuser=True))
    elif who == "disabled":
        client = signed_in(make_user("eve", role="admin", is_active=False))
    for path in (page(model), page(model, "change", of(ada, model).pk)):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/django-admin/login/")


def test_an_admin_signs_in_and_a_user_does_not(ada: User) -> None:
    make_user("mod", role="admin")
    for name, status in (("ada", 200), ("mod", 302)):
        form = {"username": name, "password": PASSWORD}
        assert Client().post("/django-admin/login/", form).status_code == status


def test_guesses_are_counted_together_with_those_of_the_api(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.throttles import Throttle

    make_user("mod", role="admin")
    monkeypatch.setattr(Throttle, "THROTTLE_RATES", {"login": "2/min", "login_account": "2/min"})
    right = {"username": "mod", "password": PASSWORD}
    for _ in range(2):
        client_of(None).post("/api/login/", {"login": "mod", "password": "wrong"})
    answer = Client().post("/django-admin/login/", right)
    assert answer.status_code == 200
    assert "Too many tries" in answer.content.decode()


# --- How much they ask ---------------------------------------------------------------------------


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert client.get(path).status_code == 200
    return len(asked)


MORE: dict[Any, Callable[[User, int], object]] = {
    User: lambda user, n: None,
    Profile: lambda user, n: None,
    Post: lambda user, n: make_post(user),
    Comment: lambda user, n: make_comment(user, make_post(user)),
    MediaFile: lambda user, n: MediaFile.objects.create(owner=user, filename="x"),
    Job: lambda user, n: make_job(MediaFile.objects.create(owner=user, filename="x")),
}


@names
def test_a_list_takes_the_same_queries_for_more_rows(ada: User, admin: Client, model: Any) -> None:
    few = queries(admin, page(model))
    for n in range(5):
        MORE[model](make_user(f"more-{n}"), n)
    assert queries(admin, page(model)) == few <= 8


@names
def test_details_take_few_queries(ada: User, admin: Client, model: Any) -> None:
    assert queries(admin, page(model, "change", of(ada, model).pk)) <= 8


# --- Accounts ------------------------------------------------------------------------------------


def test_a_disabled_account_is_signed_out_everywhere(ada: User, admin: Client) -> None:
    program, browser = client_of(ada), signed_in(ada)
    act(admin, "disable", ada)
    assert program.get("/api/me/").status_code == 401
    assert browser.get("/api/me/").status_code == 401
    assert not Session.objects.filter(user=ada).exists()
    act(admin, "enable", ada)
    assert client_of(ada).get("/api/me/").status_code == 200
    assert program.get("/api/me/").status_code == 401
    assert [entry.change_message for entry in LogEntry.objects.all()] == ["Enabled.", "Disabled."]


def test_the_form_disables_too_and_nothing_else_can_be_written(ada: User, admin: Client) -> None:
    forged = {"username": "x", "email": "x@example.org", "role": "super_admin", "password": "x"}
    answer = admin.post(page(User, "change", ada.pk), {**forged, "is_staff": "on"})
    assert answer.status_code == 302
    after = User.objects.get(pk=ada.pk)
    assert (after.is_active, after.version) == (False, ada.version + 1)
    for name in ("username", "email", "role", "password", "is_staff"):
        assert getattr(after, name) == getattr(ada, name)


def test_only_a_super_admin_gives_roles(ada: User, super_admin: Client) -> None:
    form = {"role": "admin", "is_active": "on"}
    assert super_admin.post(page(User, "change", ada.pk), form).status_code == 302
    ada.refresh_from_db()
    assert (ada.role, ada.is_active) == ("admin", True)


def test_an_admin_does_not_disable_admins_or_themselves(ada: User, admin: Client) -> None:
    chief = make_user("chief", role="super_admin")
    mod = User.objects.get(username="mod")
    act(admin, "disable", chief, mod, ada)
    active = User.objects.filter(is_active=True).values_list("username", flat=True)
    assert set(active) == {"chief", "mod"}
    for other in (chief, mod):
        assert admin.post(page(User, "change", other.pk), {}).status_code == 403


def test_accounts_are_not_made_or_deleted_here(ada: User, super_admin: Client) -> None:
    assert super_admin.get(page(User, "add")).status_code == 403
    assert super_admin.get(page(User, "delete", ada.pk)).status_code == 403


# --- What people made ----------------------------------------------------------------------------


def test_a_hidden_post_is_its_authors_alone(ada: User, admin: Client) -> None:
    post = Post.objects.get()
    epoch = MediaFile.objects.get().visibility_epoch
    act(admin, "hide", post)
    assert client_of(None).get(f"/api/posts/{post.pk}/").status_code == 404
    assert client_of(ada).get(f"/api/posts/{post.pk}/").json()["version"] == post.version + 1
    # Playback links that were given out for the post end.
    assert MediaFile.objects.get().visibility_epoch == epoch + 1


def test_a_deleted_comment_is_counted(ada: User, admin: Client) -> None:
    post = Post.objects.get()
    act(admin, "delete_selected", Comment.objects.get())
    after = client_of(None).get(f"/api/posts/{post.pk}/").json()
    assert (after["comments"], after["version"]) == (0, post.version + 1)


def test_a_post_goes_even_if_it_is_private_and_its_media_stay(ada: User, admin: Client) -> None:
    post = Post.objects.get()
    Post.objects.update(visibility="private")
    answer = admin.post(page(Post, "delete", post.pk), {"post": "yes"})
    assert answer.status_code == 302
    assert not Post.objects.exists()
    assert MediaFile.objects.exists()


def test_a_media_file_goes_with_its_work(ada: User, admin: Client) -> None:
    act(admin, "delete_selected", MediaFile.objects.get())
    assert not MediaFile.objects.exists()
    assert not Job.objects.exists()


def test_jobs_are_cancelled_and_tried_again(ada: User, admin: Client) -> None:
    job = Job.objects.get()
    act(admin, "cancel", job)
    job.refresh_from_db()
    assert job.state == "cancelled"
    act(admin, "retry", job)
    job.refresh_from_db()
    assert job.state == "queued"
    act(admin, "retry", job)  # refused, and told
    assert LogEntry.objects.count() == 2

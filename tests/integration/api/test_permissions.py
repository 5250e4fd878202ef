"""Who may do what: every route of accounts and posts, for everybody who may come."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import get_resolver

from posts import urls as post_urls
from posts.models import Comment, Post
from tests.factories.posts import make_comment, make_post
from tests.factories.users import PASSWORD, client_of, make_user
from users import tokens
from users import urls as user_urls
from users.models import User

pytestmark = pytest.mark.django_db

VIEWERS = ("anonymous", "owner", "other", "admin", "super_admin")


@dataclass
class World:
    """A post of `owner`, public or private, with a comment by its author and one by a guest."""

    owner: User
    post: Post
    own_comment: Comment
    guest_comment: Comment


NEW_ACCOUNT = {"username": "new", "email": "new@example.org", "password": PASSWORD}

#: What each route answers to anonymous, owner, other, admin and super_admin.
RULES: list[tuple[str, str, dict[str, Any] | None, str, tuple[int, int, int, int, int]]] = [
    ("register", "POST", NEW_ACCOUNT, "public", (201,) * 5),
    ("login", "POST", {"login": "owner", "password": PASSWORD}, "public", (200,) * 5),
    ("token-refresh", "POST", {"refresh": "REFRESH"}, "public", (200,) * 5),
    ("logout", "POST", {}, "public", (401, 204, 204, 204, 204)),
    ("me", "GET", None, "public", (401, 200, 200, 200, 200)),
    ("me", "PATCH", {"username": "renamed"}, "public", (401, 200, 200, 200, 200)),
    ("config", "GET", None, "public", (200,) * 5),
    ("posts", "GET", None, "public", (200,) * 5),
    ("posts", "POST", {"text": "Hi"}, "public", (401, 201, 201, 201, 201)),
    ("post", "GET", None, "public", (200,) * 5),
    ("post", "GET", None, "unlisted", (200,) * 5),
    ("post", "GET", None, "private", (404, 200, 404, 404, 404)),
    ("post", "PATCH", {"text": "New"}, "public", (401, 200, 403, 403, 403)),
    ("post", "PATCH", {"text": "New"}, "private", (401, 200, 404, 404, 404)),
    ("post", "DELETE", None, "public", (401, 204, 403, 204, 204)),
    ("post", "DELETE", None, "private", (401, 204, 404, 404, 404)),
    ("post-like", "POST", None, "public", (401, 200, 200, 200, 200)),
    ("post-like", "POST", None, "private", (401, 200, 404, 404, 404)),
    ("post-like", "DELETE", None, "public", (401, 200, 200, 200, 200)),
    ("post-like", "DELETE", None, "private", (401, 200, 404, 404, 404)),
    ("post-comments", "GET", None, "public", (200,) * 5),
    ("post-comments", "GET", None, "private", (404, 200, 404, 404, 404)),
    ("post-comments", "POST", {"text": "Hi"}, "public", (401, 201, 201, 201, 201)),
    ("post-comments", "POST", {"text": "Hi"}, "private", (401, 201, 404, 404, 404)),
    ("comment", "DELETE", None, "public", (401, 204, 403, 204, 204)),
    ("comment", "DELETE", None, "private", (401, 204, 404, 404, 404)),
]  # fmt: skip

CASES = [
    pytest.param(*rule[:4], viewer, status, id=f"{rule[1]} {rule[0]} {rule[3]} {viewer}")
    for rule in RULES
    for viewer, status in zip(VIEWERS, rule[4], strict=True)
]


def world(visibility: str) -> World:
    owner, guest = make_user("owner"), make_user("guest")
    post = make_post(owner)
    comments = make_comment(owner, post), make_comment(guest, post)
    Post.objects.update(visibility=visibility)
    return World(owner, post, *comments)


def url_of(name: str, here: World) -> str:
    return {
        "post": f"/api/posts/{here.post.pk}/",
        "post-like": f"/api/posts/{here.post.pk}/like/",
        "post-comments": f"/api/posts/{here.post.pk}/comments/",
        "comment": f"/api/comments/{here.own_comment.pk}/",
        "token-refresh": "/api/token/refresh/",
    }.get(name, f"/api/{name}/")


def viewer_of(name: str, here: World) -> User | None:
    match name:
        case "anonymous":
            return None
        case "owner":
            return here.owner
        case "other":
            return make_user("other")
        case role:
            return make_user(role, role=role)


@pytest.mark.parametrize(("name", "method", "body", "visibility", "viewer", "status"), CASES)
def test_each_route_answers_each_viewer_as_it_should(
    name: str, method: str, body: dict[str, Any] | None, visibility: str, viewer: str, status: int
) -> None:
    here = world(visibility)
    if body and "refresh" in body:
        body = {"refresh": tokens.issue(here.owner).refresh}
    client = client_of(viewer_of(viewer, here))
    call: Callable[..., Any] = getattr(client, method.lower())
    answer = call(url_of(name, here), body) if body is not None else call(url_of(name, here))
    assert answer.status_code == status, answer.content
    if status >= 400:
        assert answer["Content-Type"] == "application/problem+json"


def test_the_author_of_a_post_clears_away_comments_and_a_guest_only_their_own() -> None:
    here = world("public")
    for viewer, comment, status in (
        (make_user("other"), here.guest_comment, 403),
        (here.guest_comment.author, here.own_comment, 403),
        (here.owner, here.guest_comment, 204),
    ):
        answer = client_of(viewer).delete(f"/api/comments/{comment.pk}/")
        assert answer.status_code == status


def test_no_route_is_missing_from_the_matrix() -> None:
    named = {p.name for p in [*post_urls.urlpatterns, *user_urls.urlpatterns] if p.name}
    assert named == {rule[0] for rule in RULES}
    view_methods = {
        (pattern.name, method)
        for pattern in [*post_urls.urlpatterns, *user_urls.urlpatterns]
        if pattern.name
        for method in pattern.callback.view_class.http_method_names  # type: ignore[attr-defined]
        if method != "options" and hasattr(pattern.callback.view_class, method)  # type: ignore[attr-defined]
    }
    assert view_methods == {(rule[0], rule[1].lower()) for rule in RULES}


def test_every_route_answers_without_its_slash_as_with_it() -> None:
    here = world("public")
    client = client_of(here.owner)
    for rule in RULES:
        url = url_of(rule[0], here)
        with_slash, without = (client.options(u) for u in (url, url.rstrip("/")))
        assert with_slash.status_code == without.status_code == 200
        assert get_resolver().resolve(url.rstrip("/")).func is not None


def test_a_role_that_is_taken_away_counts_at_the_next_request() -> None:
    here = world("public")
    admin = make_user("admin", role="admin")
    client = client_of(admin)
    User.objects.filter(pk=admin.pk).update(role="user")
    assert client.delete(f"/api/posts/{here.post.pk}/").status_code == 403


def test_a_change_is_never_made_by_get() -> None:
    here = world("public")
    client = client_of(here.owner)
    for name in ("logout", "login", "register", "post-like", "comment"):
        answer = client.get(url_of(name, here))
        assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
        assert answer["Allow"]

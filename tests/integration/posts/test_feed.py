from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from posts import services
from tests.factories.posts import make_comment, make_media, make_post
from tests.factories.users import client_of, make_user
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


def texts(page: Any) -> list[str]:
    return [post["text"] for post in page.json()["results"]]


def test_the_newest_posts_come_first_on_pages_that_follow_each_other(ada: User) -> None:
    for number in range(5):
        make_post(ada, str(number))
    client = client_of(None)
    first = client.get("/api/posts/?limit=2")
    assert texts(first) == ["4", "3"]
    make_post(ada, "newer")
    second = client.get(first.json()["next"])
    assert texts(second) == ["2", "1"]
    last = client.get(second.json()["next"])
    assert texts(last) == ["0"]
    assert last.json()["next"] is None
    assert texts(client.get(last.json()["previous"])) == ["2", "1"]


def test_links_stay_on_the_host_that_was_asked(ada: User) -> None:
    for number in range(3):
        make_post(ada, str(number))
    link = client_of(None).get("/api/posts?limit=1").json()["next"]
    assert urlsplit(link).netloc == "testserver"


@pytest.mark.parametrize(("asked", "given"), [("1000", 100), ("0", 20), ("x", 20), ("-5", 20)])
def test_a_page_has_at_most_a_hundred_posts(ada: User, asked: str, given: int) -> None:
    for number in range(101):
        make_post(ada, str(number))
    assert len(texts(client_of(None).get(f"/api/posts/?limit={asked}"))) == given


@pytest.mark.parametrize("cursor", ["x", "cD0yMDI0", "cD0yMDI0LTAxLTAxVDAwOjAwOjAw", "bz14"])
def test_a_cursor_that_is_none_is_the_clients_error(ada: User, cursor: str) -> None:
    make_post(ada)
    answer = client_of(None).get(f"/api/posts/?cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-cursor")


def test_the_feed_shows_public_posts_and_ones_own(ada: User) -> None:
    for visibility in ("public", "unlisted", "private"):
        make_post(ada, visibility, visibility=visibility)
    assert texts(client_of(None).get("/api/posts/")) == ["public"]
    assert texts(client_of(make_user("eve")).get("/api/posts/")) == ["public"]
    assert texts(client_of(ada).get("/api/posts/")) == ["private", "unlisted", "public"]


def test_likes_are_those_of_the_viewer(ada: User) -> None:
    eve = make_user("eve")
    liked, other = make_post(ada, "liked"), make_post(ada, "other")
    services.like_post(actor=eve, post_id=liked.pk)
    services.like_post(actor=ada, post_id=other.pk)
    for viewer, expected in ((None, set()), (eve, {"liked"}), (ada, {"other"})):
        results = client_of(viewer).get("/api/posts/").json()["results"]
        assert {post["text"] for post in results if post["liked"]} == expected
        assert {post["likes"] for post in results} == {1}


def test_a_page_takes_the_same_queries_however_much_is_on_it(ada: User) -> None:
    client = client_of(ada)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert client.get("/api/posts/").status_code == 200
        return len(caught)

    make_post(ada, media=[make_media(ada).pk])
    few = queries()
    for number in range(15):
        author = make_user(f"author{number}")
        post = make_post(author, media=[make_media(author).pk for _ in range(3)])
        make_comment(ada, post)
        services.like_post(actor=ada, post_id=post.pk)
    assert queries() == few <= 7

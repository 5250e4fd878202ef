from collections.abc import Iterator

import pytest

from core.events import Event, subscribe, unsubscribe
from posts import selectors, services
from posts.events import CommentCreated, CommentDeleted
from posts.models import Comment, Post
from tests.factories.posts import make_comment, make_post
from tests.factories.users import client_of, make_user
from tests.racing import at_once
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def heard() -> Iterator[list[Event]]:
    events: list[Event] = []
    for kind in (CommentCreated, CommentDeleted):
        subscribe(kind, events.append)
    yield events
    for kind in (CommentCreated, CommentDeleted):
        unsubscribe(kind, events.append)


def test_a_comment_is_said_and_read(ada: User) -> None:
    url = f"/api/posts/{make_post(ada).pk}/comments/"
    eve = make_user("eve")
    said = client_of(eve).post(url, {"text": "  So\r\nnice  "})
    assert said.status_code == 201
    assert (said.json()["text"], said.json()["author"]["username"]) == ("So\nnice", "eve")
    assert client_of(None).get(url).json()["results"] == [said.json()]


def test_the_newest_comments_come_first_in_pages(ada: User) -> None:
    post = make_post(ada)
    for number in range(3):
        make_comment(ada, post, str(number))
    client = client_of(None)
    first = client.get(f"/api/posts/{post.pk}/comments/?limit=2").json()
    assert [comment["text"] for comment in first["results"]] == ["2", "1"]
    assert [comment["text"] for comment in client.get(first["next"]).json()["results"]] == ["0"]
    latest = selectors.latest_comments(viewer=ada, post_id=post.pk, limit=2)
    assert latest == first["results"]


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001, "\u0000", "\u0007", None, ["a"]])
def test_a_comment_that_is_not_plain_and_bounded_is_refused(ada: User, text: object) -> None:
    url = f"/api/posts/{make_post(ada).pk}/comments/"
    assert client_of(ada).post(url, {"text": text}).status_code == 400
    assert Post.objects.get().comment_count == 0


def test_comments_of_a_hidden_post_are_not_there(ada: User) -> None:
    post = make_post(ada, visibility="private")
    comment = make_comment(ada, post)
    eve = client_of(make_user("eve"))
    url = f"/api/posts/{post.pk}/comments/"
    assert eve.get(url).status_code == eve.post(url, {"text": "Hi"}).status_code == 404
    assert eve.delete(f"/api/comments/{comment.pk}/").status_code == 404


def test_deleting_a_comment_counts_it_once(ada: User) -> None:
    post = make_post(ada)
    url = f"/api/comments/{make_comment(ada, post).pk}/"
    client = client_of(ada)
    assert [client.delete(url).status_code for _ in range(2)] == [204, 404]
    post.refresh_from_db()
    assert (post.comment_count, post.version) == (0, 2)


@pytest.mark.django_db(transaction=True)
def test_each_comment_is_told_with_its_version(ada: User, heard: list[Event]) -> None:
    post = make_post(ada)
    comment = make_comment(ada, post)
    services.delete_comment(actor=ada, comment_id=comment.pk)
    assert heard == [
        CommentCreated(comment_id=comment.pk, post_id=post.pk, version=1),
        CommentDeleted(comment_id=comment.pk, post_id=post.pk, comments=0, version=2),
    ]


@pytest.mark.django_db(transaction=True)
def test_parallel_comments_are_all_counted_and_deleted_once(ada: User) -> None:
    post = make_post(ada)
    at_once([lambda: make_comment(ada, post)] * 20)
    post.refresh_from_db()
    assert (post.comment_count, post.version, Comment.objects.count()) == (20, 20, 20)
    comment = Comment.objects.all()[0]

    def delete() -> None:
        client_of(ada).delete(f"/api/comments/{comment.pk}/")

    at_once([delete] * 5, threads=5)
    post.refresh_from_db()
    assert (post.comment_count, post.version) == (19, 21)

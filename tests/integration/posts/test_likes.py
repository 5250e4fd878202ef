from collections.abc import Iterator

import pytest

from core.events import subscribe, unsubscribe
from posts import services
from posts.events import PostLiked
from posts.models import Like, Post
from tests.factories.posts import make_post
from tests.factories.users import client_of, make_user
from tests.racing import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard() -> Iterator[list[PostLiked]]:
    events: list[PostLiked] = []
    subscribe(PostLiked, events.append)
    yield events
    unsubscribe(PostLiked, events.append)


def test_liking_twice_is_liking_once() -> None:
    ada = make_user()
    url = f"/api/posts/{make_post(ada).pk}/like/"
    client = client_of(ada)
    for _ in range(2):
        assert client.post(url).json() == {"likes": 1, "liked": True}
    for _ in range(2):
        assert client.delete(url).json() == {"likes": 0, "liked": False}
    assert Post.objects.get().version == 2


@pytest.mark.django_db(transaction=True)
def test_only_what_changed_is_told(heard: list[PostLiked]) -> None:
    ada = make_user()
    post = make_post(ada)
    for act in (services.like_post, services.like_post, services.unlike_post, services.unlike_post):
        act(actor=ada, post_id=post.pk)
    assert heard == [
        PostLiked(post_id=post.pk, likes=1, version=1),
        PostLiked(post_id=post.pk, likes=0, version=2),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_hundred_parallel_likes_of_one_account_count_once(heard: list[PostLiked]) -> None:
    ada = make_user()
    post = make_post(ada)
    states = at_once([lambda: services.like_post(actor=ada, post_id=post.pk)] * 100)
    assert {(state.likes, state.liked) for state in states} == {(1, True)}
    post.refresh_from_db()
    assert (post.like_count, post.version, Like.objects.count(), len(heard)) == (1, 1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_parallel_likes_of_fifty_accounts_count_fifty(heard: list[PostLiked]) -> None:
    people = [make_user(f"user{number}") for number in range(50)]
    post = make_post(people[0])
    at_once([lambda p=p: services.like_post(actor=p, post_id=post.pk) for p in people])  # type: ignore[misc]
    post.refresh_from_db()
    assert (post.like_count, post.version) == (50, 50)
    assert sorted(event.version for event in heard) == list(range(1, 51))
    assert all(event.likes == event.version for event in heard)


@pytest.mark.django_db(transaction=True)
def test_likes_and_their_withdrawal_in_parallel_leave_a_count_that_is_true() -> None:
    people = [make_user(f"user{number}") for number in range(10)]
    post = make_post(people[0])
    acts = [services.like_post, services.unlike_post] * 3
    at_once([lambda a=a, p=p: a(actor=p, post_id=post.pk) for a in acts for p in people])  # type: ignore[misc]
    post.refresh_from_db()
    assert post.like_count == Like.objects.count()

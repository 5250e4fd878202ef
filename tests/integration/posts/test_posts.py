import json
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from core.errors import NotFound
from core.events import Event, subscribe, unsubscribe
from media.events import MediaChanged
from media.models import MediaFile
from media.selectors import get_media
from media.visibility import visible_media
from posts import services
from posts.events import PostDeleted, PostListed, PostUnlisted, PostUpdated
from posts.models import Feed, Post
from tests.factories.posts import make_comment, make_media, make_post
from tests.factories.users import client_of, make_user
from tests.racing import at_once
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def heard() -> Any:
    events: list[Event] = []
    kinds = (PostListed, PostUnlisted, PostUpdated, PostDeleted, MediaChanged)
    for kind in kinds:
        subscribe(kind, events.append)
    yield events
    for kind in kinds:
        unsubscribe(kind, events.append)


# --- Making --------------------------------------------------------------------------------------


def test_a_post_is_published_with_text_and_media(ada: User) -> None:
    clips = [str(make_media(ada).pk) for _ in range(2)]
    answer = client_of(ada).post("/api/posts/", {"text": " Look\r\nhere ", "media": clips})
    assert answer.status_code == 201
    post = answer.json()
    assert answer["Location"] == f"/api/posts/{post['id']}/"
    assert (post["text"], post["media"], post["version"]) == ("Look\nhere", clips, 0)
    assert [video["video_id"] for video in post["videos"]] == clips
    assert post["author"] == {"id": str(ada.pk), "username": "ada"}
    assert (post["likes"], post["liked"], post["comments"]) == (0, False, 0)
    assert post["visibility"] == "public"


def test_media_alone_makes_a_post_and_nothing_does_not(ada: User) -> None:
    client = client_of(ada)
    clip = str(make_media(ada).pk)
    assert client.post("/api/posts/", {"media": [clip, clip]}).json()["media"] == [clip]
    for nothing in ({}, {"text": " \n "}, {"text": "", "media": []}):
        answer = client.post("/api/posts/", nothing)
        assert (answer.status_code, answer.json()["code"]) == (400, "empty-post")


def test_only_media_of_ones_own_can_be_shown(ada: User) -> None:
    theirs = make_media(make_user("eve"), visibility="public")
    for media in (str(theirs.pk), str(uuid.uuid4())):
        answer = client_of(ada).post("/api/posts/", {"text": "Mine!", "media": [media]})
        assert (answer.status_code, answer.json()["code"]) == (400, "not-your-media")
    assert not Post.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"text": "bell \u0007"},
        {"text": "nul \u0000"},
        {"text": "escape \u001b[2J"},
        {"text": "lone surrogate \ud800"},
        {"text": "x" * 5001},
        {"text": ["a"]},
        {"text": {"a": 1}},
        {"text": "a", "media": "b"},
        {"text": "a", "media": ["not-an-id"]},
        {"text": "a", "media": [str(uuid.uuid4())] * 11},
        {"text": "a", "visibility": "followers"},
        {"text": "a", "visibility": "everybody"},
    ],
)
def test_what_is_not_plain_and_bounded_is_refused(ada: User, body: dict[str, object]) -> None:
    # As text, since a renderer refuses to send some of it.
    answer = client_of(ada).generic("POST", "/api/posts/", json.dumps(body), "application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["errors"]


def test_text_is_kept_as_it_is(ada: User) -> None:
    text = "<script>alert(1)</script> & 日本語 👩‍👩‍👧 \u2028 שלום\tend"
    assert client_of(ada).post("/api/posts/", {"text": text}).json()["text"] == text


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 20_000, b"{", b"\xff", b"[]", b'"x"'])
def test_a_body_that_is_no_sound_object_is_the_clients_error(ada: User, body: bytes) -> None:
    for client in (client_of(ada), APIClient()):
        for route in ("/api/posts/", "/api/login/", "/api/register/"):
            raw: Any = body
            answer = client.generic("POST", route, raw, "application/json")
            assert answer.status_code in (400, 401)


def test_identity_is_not_taken_from_the_body(ada: User) -> None:
    eve = make_user("eve")
    body = {"text": "Hi", "author": str(eve.pk), "likes": 99, "version": 7, "id": str(eve.pk)}
    post = client_of(ada).post("/api/posts/", body).json()
    assert (post["author"]["username"], post["likes"], post["version"]) == ("ada", 0, 0)
    assert post["id"] != str(eve.pk)


# --- Reading -------------------------------------------------------------------------------------


def test_a_post_has_an_etag_that_changes_with_what_it_says(ada: User) -> None:
    url = f"/api/posts/{make_post(ada).pk}/"
    client = client_of(ada)
    tag = client.get(url)["ETag"]
    assert tag.startswith('W/"')
    for known in (tag, f'"x", {tag}', tag.removeprefix("W/"), "*"):
        again = client.get(url, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    client.post(f"{url}like/")
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
def test_who_may_open_a_post_sees_it_and_for_the_others_it_is_not_there(
    ada: User, visibility: str
) -> None:
    post = make_post(ada, visibility=visibility)
    expected = 404 if visibility == "private" else 200
    for viewer in (None, make_user("eve"), make_user("root", role="admin")):
        assert client_of(viewer).get(f"/api/posts/{post.pk}/").status_code == expected
    assert client_of(ada).get(f"/api/posts/{post.pk}/").status_code == 200


# --- Changing ------------------------------------------------------------------------------------


def test_its_author_changes_a_post(ada: User) -> None:
    post = make_post(ada)
    body = {"text": "Better", "visibility": "unlisted"}
    answer = client_of(ada).patch(f"/api/posts/{post.pk}", body)
    assert {name: answer.json()[name] for name in body} == body
    assert answer.json()["version"] == 1


def test_a_change_to_nothing_is_refused_and_no_change_is_none(ada: User) -> None:
    post = make_post(ada)
    client = client_of(ada)
    assert client.patch(f"/api/posts/{post.pk}/", {"text": ""}).json()["code"] == "empty-post"
    assert client.patch(f"/api/posts/{post.pk}/", {}).json()["version"] == 0
    with_media = make_post(ada, media=[make_media(ada).pk])
    assert client.patch(f"/api/posts/{with_media.pk}/", {"text": ""}).json()["text"] == ""


def test_deleting_a_post_takes_its_comments_and_leaves_its_media(ada: User) -> None:
    post = make_post(ada, media=[make_media(ada).pk])
    make_comment(ada, post)
    services.like_post(actor=ada, post_id=post.pk)
    client = client_of(ada)
    assert client.delete(f"/api/posts/{post.pk}/").status_code == 204
    assert client.delete(f"/api/posts/{post.pk}/").status_code == 404
    assert MediaFile.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_post_can_be_deleted_while_people_like_and_discuss_it(ada: User) -> None:
    people = [make_user(f"user{number}") for number in range(8)]

    def outcome(act: Callable[[], object]) -> str:
        try:
            act()
        except NotFound:
            return "not found"
        return "done"

    for _ in range(5):
        pk = make_post(ada).pk
        acts: list[Callable[[], object]] = [
            partial(services.like_post, actor=person, post_id=pk) for person in people
        ]
        acts += [
            partial(services.create_comment, actor=person, post_id=pk, text="Hi")
            for person in people
        ]
        acts.insert(4, partial(services.delete_post, actor=ada, post_id=pk))
        outcomes = at_once([partial(outcome, act) for act in acts], threads=9)
        assert outcomes[4] == "done"
    assert not Post.objects.exists()


# --- Media are seen through posts ----------------------------------------------------------------


def test_whoever_may_see_a_post_may_see_what_it_shows(ada: User) -> None:
    eve, clip = make_user("eve"), make_media(ada)
    assert not visible_media(eve).filter(pk=clip.pk).exists()
    post = make_post(ada, media=[clip.pk])
    assert get_media(viewer=eve, media_id=clip.pk)["video_id"] == str(clip.pk)
    services.update_post(actor=ada, post_id=post.pk, visibility="private")
    assert not visible_media(eve).filter(pk=clip.pk).exists()
    assert visible_media(ada).filter(pk=clip.pk).exists()


def test_a_narrower_post_ends_the_links_to_what_it_showed(ada: User) -> None:
    clip, other = make_media(ada), make_media(ada)
    post = make_post(ada, media=[clip.pk])

    def epochs() -> tuple[int, int]:
        clip.refresh_from_db()
        other.refresh_from_db()
        return clip.visibility_epoch, other.visibility_epoch

    services.update_post(actor=ada, post_id=post.pk, visibility="private")
    assert epochs() == (1, 0)
    services.update_post(actor=ada, post_id=post.pk, visibility="public")
    assert epochs() == (1, 0)
    services.delete_post(actor=ada, post_id=post.pk)
    assert epochs() == (2, 0)


# --- What is told --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_each_change_is_told_once_with_its_version(ada: User, heard: list[Event]) -> None:
    clip = make_media(ada)
    post = make_post(ada, media=[clip.pk])
    services.update_post(actor=ada, post_id=post.pk, text="New")
    services.update_post(actor=ada, post_id=post.pk)
    services.delete_post(actor=ada, post_id=post.pk)
    assert heard == [
        PostListed(post_id=post.pk, author_id=ada.pk, feed_version=1),
        PostUpdated(post_id=post.pk, version=1),
        MediaChanged(media_id=clip.pk, owner_id=ada.pk, version=1, owner_version=1),
        PostUnlisted(post_id=post.pk, author_id=ada.pk, feed_version=2),
        PostDeleted(post_id=post.pk, media_ids=(clip.pk,)),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_feed_hears_only_of_public_posts(ada: User, heard: list[Event]) -> None:
    for visibility in ("public", "unlisted", "private", "public"):
        make_post(ada, visibility=visibility)
    assert [event.feed_version for event in heard if isinstance(event, PostListed)] == [1, 2]
    assert Feed.objects.get().version == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("public", "private", [PostUnlisted]),
        ("public", "unlisted", [PostUnlisted]),
        ("unlisted", "public", [PostListed]),
        ("public", "public", []),
        ("private", "unlisted", []),
        ("public", None, [PostUnlisted]),
        ("private", None, []),
    ],
)
def test_the_feed_hears_what_enters_and_leaves_it(
    ada: User, heard: list[Event], was: str, now: str | None, told: list[type[Event]]
) -> None:
    post = make_post(ada, visibility=was)
    heard.clear()
    if now is None:
        services.delete_post(actor=ada, post_id=post.pk)
    else:
        services.update_post(actor=ada, post_id=post.pk, visibility=now)
    assert [type(event) for event in heard if isinstance(event, PostListed | PostUnlisted)] == told

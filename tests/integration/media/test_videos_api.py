"""Videos over HTTP: shapes, lists, changes, and who may do what."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from media import visibility
from media.models import MediaFile, Visibility
from tests.factories.media import Planned, make_clip, make_media_file, make_planned, plan_clip
from tests.factories.posts import make_post
from tests.factories.users import client_of, make_user
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    folder = tmp_path_factory.mktemp("clips")
    return plan_clip(make_clip(folder / "clip.mp4", seconds=8), folder)


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def eve() -> User:
    return make_user("eve")


def get(user: User | None, path: str) -> Any:
    return client_of(user).get(path)


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_owner_sees_a_video(planned: Planned, ada: User, slash: str) -> None:
    media_file = make_planned(planned, owner=ada)
    body = get(ada, f"/api/videos/{media_file.pk}{slash}").json()
    assert body["video_id"] == str(media_file.pk)
    assert body["owner"] == {"id": str(ada.pk), "username": "ada"}
    assert body["playlist_url"].startswith(f"/hls/{media_file.pk}/")
    assert body["renditions"][0] == {
        "name": "72p",
        "width": 128,
        "height": 72,
        "status": "processing",
        "progress_percent": 25,
        "made": [[0, 0]],
    }


@pytest.mark.parametrize(
    ("circle", "status"),
    [("private", 404), ("followers", 404), ("unlisted", 200), ("public", 200)],
)
def test_a_stranger_sees_what_is_open(ada: User, circle: str, status: int) -> None:
    media_file = make_media_file(owner=ada, visibility=circle)
    assert get(None, f"/api/videos/{media_file.pk}/").status_code == status


def test_an_app_above_may_open_a_video(ada: User, eve: User) -> None:
    from django.db.models import Q

    media_file = make_media_file(owner=ada)

    def grant(viewer: Any) -> Q:
        return Q(pk=media_file.pk) if viewer == eve else Q(pk__in=[])

    visibility.register(grant)
    try:
        assert get(eve, f"/api/videos/{media_file.pk}/").status_code == 200
        assert get(None, f"/api/videos/{media_file.pk}/").status_code == 404
    finally:
        visibility.unregister(grant)


def test_lists_cost_the_same_however_long_they_are(planned: Planned, ada: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert get(ada, "/api/local-videos/").status_code == 200
        return len(seen)

    make_planned(planned, owner=ada)
    one = queries()
    for _ in range(4):
        make_planned(planned, owner=ada)
    assert queries() == one


def test_own_videos_are_listed_in_every_state(ada: User, eve: User) -> None:
    for state in ("uploading", "failed", "completed"):
        make_media_file(owner=ada, state=state)
    make_media_file(owner=eve)
    found = get(ada, "/api/local-videos").json()["results"]
    assert {video["status"] for video in found} == {"uploading", "failed", "completed"}
    assert get(None, "/api/local-videos/").status_code == 401


def test_the_owner_learns_which_videos_a_post_shows_to_everybody(ada: User) -> None:
    shown, hidden, kept = (make_media_file(owner=ada) for _ in range(3))
    make_post(author=ada, media=[shown.pk], visibility="public")
    make_post(author=ada, media=[hidden.pk], visibility="private")
    found = get(ada, "/api/local-videos/").json()["results"]
    told = {video["video_id"]: video["is_shown_in_post"] for video in found}
    assert told == {str(shown.pk): True, str(hidden.pk): False, str(kept.pk): False}


def test_the_catalogue_has_what_everybody_can_play(ada: User) -> None:
    shown = make_media_file(owner=ada, state="completed", visibility="public")
    make_media_file(owner=ada, state="failed", visibility="public")
    make_media_file(owner=ada, state="completed", visibility="unlisted")
    found = get(None, "/api/global-videos/").json()["results"]
    assert [video["video_id"] for video in found] == [str(shown.pk)]


def test_the_owner_changes_title_and_visibility(ada: User) -> None:
    media_file = make_media_file(owner=ada)
    changes = {"title": "Lecture 1", "visibility": "public"}
    body = client_of(ada).patch(f"/api/videos/{media_file.pk}/", changes).json()
    assert (body["title"], body["visibility"], body["version"]) == ("Lecture 1", "public", 1)


@pytest.mark.parametrize(
    ("before", "after", "revokes"),
    [
        (Visibility.PUBLIC, Visibility.PRIVATE, True),
        (Visibility.UNLISTED, Visibility.FOLLOWERS, True),
        (Visibility.PRIVATE, Visibility.PUBLIC, False),
        (Visibility.PUBLIC, Visibility.PUBLIC, False),
    ],
)
def test_a_narrower_circle_revokes_links(ada: User, before: str, after: str, revokes: bool) -> None:
    media_file = make_media_file(owner=ada, visibility=before)
    client_of(ada).patch(f"/api/videos/{media_file.pk}/", {"visibility": after})
    assert MediaFile.objects.get().visibility_epoch == int(revokes)


@pytest.mark.parametrize("changes", [{"visibility": "secret"}, {"title": "x" * 201}])
def test_changes_that_make_no_sense_are_refused(ada: User, changes: dict[str, str]) -> None:
    media_file = make_media_file(owner=ada)
    assert client_of(ada).patch(f"/api/videos/{media_file.pk}/", changes).status_code == 400


@pytest.mark.parametrize(("method", "data"), [("patch", {"title": "x"}), ("delete", None)])
def test_others_may_change_nothing(
    ada: User, eve: User, method: str, data: dict[str, str] | None
) -> None:
    hidden, shown = make_media_file(owner=ada), make_media_file(owner=ada, visibility="public")
    answers = [
        getattr(client_of(eve), method)(f"/api/videos/{each.pk}/", data) for each in (hidden, shown)
    ]
    assert [answer.status_code for answer in answers] == [404, 403]
    stranger = getattr(client_of(None), method)(f"/api/videos/{shown.pk}/", data)
    assert stranger.status_code == 401


def test_a_failed_video_can_be_tried_again(ada: User) -> None:
    media_file = make_media_file(owner=ada, state="failed", error_code="encoding-failed")
    body = client_of(ada).post(f"/api/videos/{media_file.pk}/retry/").json()
    assert (body["status"], body["error"]) == ("in_queue", None)


@pytest.mark.parametrize("state", ["uploading", "processing", "completed"])
def test_only_what_has_failed_can_be_tried_again(ada: User, state: str) -> None:
    media_file = make_media_file(owner=ada, state=state)
    answer = client_of(ada).post(f"/api/videos/{media_file.pk}/retry/")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal-transition")

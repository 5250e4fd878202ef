import re
import time
from pathlib import Path

import pytest

from media.models import Job, MediaFile
from media.services import uploads
from posts import demo
from posts.models import Comment, Like, Post
from tests.factories.users import client_of
from tests.product import Product
from users.models import User


@pytest.mark.django_db(transaction=True)
def test_the_demo_fills_an_instance_and_a_second_run_changes_nothing() -> None:
    told: list[str] = []
    passwords = demo.fill(told.append, clip_seconds=1)
    assert "post 2 of 6 (makes test-card.mp4)" in told
    before = [model.objects.count() for model in (User, Post, Comment, Like, MediaFile, Job)]
    assert before == [4, 6, 11, 14, 5, 5]
    assert demo.fill(told.append, clip_seconds=1) == passwords
    after = [model.objects.count() for model in (User, Post, Comment, Like, MediaFile, Job)]
    assert after == before
    assert {media.state for media in MediaFile.objects.all()} == {"in_queue"}
    for name, password in passwords.items():
        answer = client_of(None).post("/api/login/", {"login": name, "password": password})
        assert answer.status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_clip_whose_upload_broke_off_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_off(*, upload_id: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(uploads, "finish_upload", break_off)
        with pytest.raises(KeyboardInterrupt):
            demo.fill(lambda _line: None, clip_seconds=1)
    demo.fill(lambda _line: None, clip_seconds=1)
    assert Post.objects.filter(media_files__state="in_queue").distinct().count() == 5


@pytest.mark.parametrize("clip", [s.clip for s in demo.STORIES if s.clip], ids=lambda c: c.filename)
def test_each_clip_can_be_made(clip: demo.Clip, tmp_path: Path) -> None:
    path = tmp_path / clip.filename
    demo.render(clip, path, seconds=1)
    assert path.stat().st_size > 1000


def test_the_command_prints_who_may_sign_in_while_the_product_runs(product: Product) -> None:
    printed = product.manage("demo", "--seconds", "2")
    found = re.findall(r"^  (\w+) +([0-9a-f-]{19})$", printed, re.M)
    assert [name for name, _ in found] == list(demo.PEOPLE)
    name, password = found[0]
    access = product.call("POST", "/api/login/", {"login": name, "password": password})["access"]
    feed = product.call("GET", "/api/posts/", token=access)["results"]
    assert len(feed) == len(demo.STORIES)
    videos = [video["video_id"] for post in feed for video in post["videos"]]
    assert len(videos) == 5
    playable = [_playlist_of(product, video_id, access) for video_id in videos]
    assert all(address.startswith("/hls/") for address in playable)


def _playlist_of(product: Product, video_id: str, token: str, *, seconds: float = 120) -> str:
    """Where the video plays, as soon as it does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        address = product.call("GET", f"/api/videos/{video_id}/", token=token)["playlist_url"]
        if address:
            return str(address)
        time.sleep(0.5)
    raise AssertionError(f"{video_id} is not playable:\n{product.log()[-2000:]}")

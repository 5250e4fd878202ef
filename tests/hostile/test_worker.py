"""A real server and its worker take in hostile files one after the other, and go on working."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories.media import make_clip
from tests.hostile.canary import Canary
from tests.hostile.corpus import CORPUS
from tests.product import Product, running

pytestmark = pytest.mark.hostile

#: Mostly those that reach a parser, a decoder or the planning.
NAMES = [
    name
    for number, (name, case) in enumerate(CORPUS.items())
    if number % 8 == 0 or (case.becomes != {"playlist-not-allowed"} and number % 3 == 0)
]

#: What a file is called is nobody's business but the page's.
FILENAMES = (
    "-i",
    "../../../../etc/cron.d/x.mp4",
    "a\nb\x1b[2J\x00.mp4",
    "file:/etc/passwd",
    "%n%s",
)

#: All of them, on two cores.
MOST_SECONDS = 100.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    with running(folder, WORKER_LADDER_SLOTS="2", JOB_MAX_FAILURES="2") as product:
        yield product


def workers(product: Product) -> set[int]:
    """The worker processes of a running product."""
    found, place = set(), f"VAR_DIR={product.folder}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            is_ours = place in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if is_ours and b"process_tasks" in words:
            found.add(int(entry.name))
    return found


def ended(product: Product, token: str, video_id: str, deadline: float) -> Any:
    """The video once it has failed or is whole."""
    while True:
        video = product.call("GET", f"/api/videos/{video_id}/", token=token)
        if video["status"] in ("failed", "completed"):
            return video
        assert time.monotonic() < deadline, video
        time.sleep(0.1)


def test_the_worker_survives_all_of_them(server: Product, tmp_path: Path) -> None:
    canary = Canary(tmp_path / "canary")
    before, token = workers(server), server.sign_up()
    assert before
    ids = {}
    for name in NAMES:
        (folder := tmp_path / name).mkdir()
        path = CORPUS[name].write(folder, canary)
        if path.stat().st_size:
            ids[name] = server.upload(path, token)
    deadline = time.monotonic() + MOST_SECONDS
    for name, video_id in ids.items():
        video = ended(server, token, video_id, deadline)
        becomes = "plays" if video["error"] is None else video["error"]["code"]
        expected = CORPUS[name].becomes
        # Where a part cannot be made, the worker says so; where one can, the rest plays.
        assert becomes in expected or (becomes in TRIED and "plays" in expected), (name, video)
        assert video["error"] is None or video["error"]["detail"].endswith(".")
    clip = make_clip(tmp_path / "honest.mp4", seconds=4)
    server.wait_for(server.upload(clip, token), token, "completed", seconds=30)
    assert workers(server) == before
    assert canary.touched == []
    for made in (server.folder / "media" / "hls").rglob("*"):
        assert made.is_dir() or canary.secret.encode() not in made.read_bytes()
    canary.close()


TRIED = {"encoding-failed", "too-much-work", "took-too-long"}


@pytest.mark.parametrize("filename", FILENAMES, ids=ascii)
def test_a_hostile_name_is_a_name(server: Product, tmp_path: Path, filename: str) -> None:
    token = server.sign_up()
    clip = make_clip(tmp_path / "honest.mp4", seconds=1)
    video_id = server.upload(clip, token, filename=filename)
    video = server.wait_for(video_id, token, "completed", seconds=30)
    assert video["filename"].isprintable()
    assert "/" not in video["filename"]
    folders = {each.name for each in (server.folder / "media" / "videos").iterdir()}
    assert video_id in folders

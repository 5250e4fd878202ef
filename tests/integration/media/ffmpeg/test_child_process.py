"""A child process reads one source: it may be asked again about that one, and about no other."""

import os
import signal
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from media.ffmpeg import aside, encode
from media.ffmpeg.child_process import about_one_source, ask
from media.ffmpeg.errors import UnreadableMedia
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect, needs_of
from media.ffmpeg.run import Watch
from tests.integration.media.ffmpeg.clips import clip
from tests.integration.media.ffmpeg.test_run import wait_until_gone


@pytest.fixture
def source() -> Path:
    return clip("cfr")


def test_it_is_asked_again_about_the_same_source(
    source: Path, started: list[int], tmp_path: Path
) -> None:
    with about_one_source():
        looks = [inspect(source), inspect(source)]
        plan = make_plan(looks[0])
        assert plan.audio
        assert plan.audio.is_copy
        made = encode.make_audio(source, plan=plan, work_dir=tmp_path, on_segment=lambda _: True)
        assert len(started) == 1
    assert looks[0] == looks[1]
    assert made == len(plan.audio.marks) - 1
    wait_until_gone(started)


def test_it_is_asked_more_often_than_it_may_have_files_open(
    source: Path, started: list[int]
) -> None:
    with about_one_source():
        for _ in range(100):
            needs_of(source, stream_index=0, marks=[0])
    assert len(started) == 1


def test_about_another_one_another_is_asked(source: Path, started: list[int]) -> None:
    for _ in range(2):
        with about_one_source():
            inspect(source)
    inspect(source)
    assert len(started) == 3
    wait_until_gone(started)


def test_one_that_refused_or_died_is_not_asked_again(
    source: Path, started: list[int], tmp_path: Path
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    with about_one_source():
        with pytest.raises(UnreadableMedia):
            inspect(text)
        inspect(source)
        os.killpg(started[1], signal.SIGKILL)
        wait_until_gone(started)
        inspect(source)
    assert len(started) == 3
    wait_until_gone(started)


def test_one_that_had_to_stop_is_not_asked_again(
    source: Path, started: list[int], tmp_path: Path
) -> None:
    with about_one_source():
        plan = make_plan(inspect(source))
        encode.make_audio(source, plan=plan, work_dir=tmp_path, on_segment=lambda _: False)
        inspect(source)
    assert len(started) == 2
    wait_until_gone(started)


def test_one_that_stands_back_for_others_is_asked_once(
    source: Path, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[tuple[int, int]] = []
    taking_turns = aside.taking_turns

    def noting(pid: int, nice: int) -> AbstractContextManager[aside.Turn]:
        turns.append((pid, nice))
        return taking_turns(pid, nice)

    monkeypatch.setattr(aside, "taking_turns", noting)
    request = {"do": "reach", "path": str(source), "stream_index": 0, "marks": [0]}
    watch = Watch(timeout_seconds=30)
    with about_one_source():
        for nice in (5, 0, 0):
            ask(request, watch=watch, on_message=lambda _message, _payload: True, nice=nice)
    assert turns == [(started[0], 5), (started[1], 0), (started[1], 0)]
    assert len(started) == 2
    wait_until_gone(started)

"""Subtitles that are text come out of their containers as WebVTT, in step with the segments."""

from __future__ import annotations

from pathlib import Path

import pytest

from media.ffmpeg import encode
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect
from tests.factories.media import make_subtitled
from tests.integration.media.ffmpeg.clips import ffmpeg

CUES = "00:00.500 --> 00:01.500\n<i>Hello</i>\n\n00:02.000 --> 00:03.000\nBye\nnow\n"


def extracted(source: Path, folder: Path) -> dict[str, str]:
    """The text of each track, by its label."""
    plan = make_plan(inspect(source))
    folder.mkdir()
    made = encode.make_subtitles(source, plan=plan, work_dir=folder)
    return {track.label: made[track.name].read_text("utf-8") for track in plan.subtitles}


@pytest.mark.parametrize(
    ("filename", "codec"),
    [("a.mkv", "subrip"), ("b.mkv", "ass"), ("a.mp4", "mov_text"), ("c.mkv", "webvtt")],
)
def test_every_kind_of_text_becomes_webvtt(tmp_path: Path, filename: str, codec: str) -> None:
    texts = extracted(make_subtitled(tmp_path / filename, codec=codec), tmp_path / "out")
    assert list(texts) == ["Deutsch", "Subtitles"]
    for text in texts.values():
        head, _, cues = text.partition("\n\n")
        assert head == "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000"
        assert cues.strip() == CUES.strip()


def test_a_source_that_begins_at_an_hour_has_its_cues_from_zero(tmp_path: Path) -> None:
    plain = make_subtitled(tmp_path / "plain.mkv", codec="subrip")
    late = tmp_path / "late.mkv"
    ffmpeg("-i", str(plain), "-map", "0", "-c", "copy", "-output_ts_offset", "3600", str(late))
    texts = extracted(late, tmp_path / "out")
    assert CUES.strip() in texts["Deutsch"]


def test_a_source_without_subtitles_gives_none(tmp_path: Path) -> None:
    plain = make_subtitled(tmp_path / "plain.mkv", codec="subrip")
    bare = tmp_path / "bare.mkv"
    ffmpeg("-i", str(plain), "-c", "copy", "-sn", str(bare))
    assert extracted(bare, tmp_path / "out") == {}


def test_subtitles_that_cannot_be_read_are_empty_and_cost_nobody_the_video(tmp_path: Path) -> None:
    plan = make_plan(inspect(make_subtitled(tmp_path / "a.mkv", codec="subrip")))
    nothing = tmp_path / "nothing"
    nothing.write_bytes(b"nothing")
    made = encode.make_subtitles(nothing, plan=plan, work_dir=tmp_path)
    assert (
        made["subtitles0"].read_text() == "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n"
    )

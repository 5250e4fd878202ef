from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from media.ffmpeg import command
from media.ffmpeg.facts import SubtitleFacts
from media.ffmpeg.plan import Plan
from media.ffmpeg.planning import make_plan
from media.ffmpeg.subtitles import EMPTY, plan_subtitles, with_clock
from tests.unit.media.ffmpeg.factories import make_inspection


def track(language: str = "", title: str = "") -> SubtitleFacts:
    return SubtitleFacts(stream_index=2, language=language, title=title)


@pytest.mark.parametrize(
    ("said", "language", "label"),
    [
        ("ger", "de", "Deutsch"),
        ("pt-BR", "pt-BR", "pt-BR"),
        ("und", "", "Subtitles"),
        ("", "", "Subtitles"),
        ('x",URI="http://evil/', "", "Subtitles"),
    ],
)
def test_a_language_is_named_as_browsers_know_it(said: str, language: str, label: str) -> None:
    (planned,) = plan_subtitles([track(said)])
    assert (planned.language, planned.label) == (language, label)


def test_no_two_tracks_have_one_label_or_name() -> None:
    planned = plan_subtitles([track("eng"), track("eng"), track("eng", "English"), track()])
    assert [each.label for each in planned] == [
        "English",
        "English (2)",
        "English (3)",
        "Subtitles",
    ]
    assert len({each.name for each in planned}) == 4


def test_text_is_tied_to_the_clock_of_the_segments() -> None:
    text = with_clock("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n")
    assert text.splitlines()[1] == "X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000"
    assert text.endswith("00:01.000 --> 00:02.000\nHello\n")


def test_what_is_no_webvtt_becomes_an_empty_track() -> None:
    assert with_clock("") == with_clock("<html>") == EMPTY


def test_cues_are_moved_to_the_clock_of_the_segments() -> None:
    plan = Plan(
        origin_seconds=Fraction(3600),
        duration_seconds=1,
        video=None,
        audio=None,
        subtitles=plan_subtitles([track("eng")]),
    )
    argv = command.subtitles_command("ffmpeg", plan, source=Path("/s.mkv"), out_dir=Path("/out"))
    assert argv[argv.index("-itsoffset") + 1] == "-3600.000000"
    assert "-codec_whitelist" in argv[: argv.index("-i")]
    assert argv[-1] == "/out/subtitles0.vtt"


def test_a_plan_that_was_stored_before_there_were_subtitles_has_none() -> None:
    document = make_plan(make_inspection()).to_json()
    del document["subtitles"]
    assert Plan.from_json(document).subtitles == ()

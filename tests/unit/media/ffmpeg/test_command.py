from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from media.ffmpeg import command
from media.ffmpeg.plan import Plan
from media.ffmpeg.planning import make_plan
from tests.unit.media.ffmpeg.factories import make_inspection

SOURCE, OUT = Path("/in/source.mp4"), Path("/out")


def piece(plan: Plan, number: int) -> list[str]:
    assert plan.video
    return command.piece_command(
        "ffmpeg", plan, number=number, rungs=plan.video.rungs, source=SOURCE, out_dir=OUT
    )


def commands() -> dict[str, list[str]]:
    plan = make_plan(make_inspection())
    return {
        "piece": piece(plan, 1),
        "audio": command.audio_command("ffmpeg", plan, first=2, source=SOURCE),
        "init": command.init_command("ffmpeg", plan, out_dir=OUT),
        "poster": command.poster_command(
            "ffmpeg", plan, number=1, source=SOURCE, out=OUT / "p.jpg"
        ),
        "remux": command.remux_command("ffmpeg", source=SOURCE, out=OUT / "r.mkv"),
    }


@pytest.mark.parametrize("name", ["piece", "audio", "poster", "remux"])
def test_every_input_is_read_through_the_whitelists(name: str) -> None:
    argv = commands()[name]
    before = argv[: argv.index("-i")]
    assert before[before.index("-protocol_whitelist") + 1] == "file,pipe"
    assert "concat" not in before[before.index("-format_whitelist") + 1]
    assert "hls" not in before[before.index("-format_whitelist") + 1]
    assert "-codec_whitelist" in before
    assert "-max_pixels" in before
    assert argv[argv.index("-i") + 1] == "file:/in/source.mp4"
    assert "-nostdin" in argv


@pytest.mark.parametrize("name", ["piece", "audio", "init", "poster", "remux"])
def test_metadata_of_the_source_is_never_passed_on(name: str) -> None:
    argv = commands()[name]
    assert argv[argv.index("-map_metadata") + 1] == "-1"


def test_the_first_piece_is_never_sought() -> None:
    plan = make_plan(make_inspection())
    assert "-ss" not in piece(plan, 0)
    assert "-ss" in piece(plan, 1)


def test_nothing_is_sought_before_the_first_keyframe() -> None:
    plan = make_plan(make_inspection(key_every=10_000))
    assert plan.video
    early = replace(plan.video, seeks=(None, None, *plan.video.seeks[2:]))
    assert command.seek_arguments(early, 1) == []
    assert command.seek_arguments(early, 2) != []


def test_a_run_up_begins_earlier_but_not_before_the_beginning() -> None:
    plan = make_plan(make_inspection(seconds=60))
    assert plan.video
    usual = float(command.seek_arguments(plan.video, 5)[-1].removesuffix("us"))
    early = float(command.seek_arguments(plan.video, 5, 10)[-1].removesuffix("us"))
    assert usual - early == pytest.approx(10_000_000, abs=1)
    assert command.seek_arguments(plan.video, 1, 10) == []


def test_a_plan_of_before_is_sought_by_its_bounds() -> None:
    plan = make_plan(make_inspection())
    assert plan.video
    old = replace(plan.video, seeks=())
    assert command.seek_arguments(old, 0) == []
    seconds = old.bounds[1] * old.time_base
    assert command.seek_arguments(old, 1)[-1] == f"{math.ceil(seconds * 1_000_000)}us"


def test_a_piece_takes_exactly_its_frames() -> None:
    plan = make_plan(make_inspection(start=30))
    assert plan.video
    a, b = plan.video.bounds[1:3]
    clock = "setpts=max(PREV_OUTPTS+1\\,PTS-30)"
    assert f"trim=start_pts={a}:end_pts={b},{clock}" in " ".join(piece(plan, 1))


def test_ffmpeg_drops_no_frame_of_its_own_where_it_is_sought() -> None:
    for name in ("piece", "audio"):
        argv = commands()[name]
        assert "-noaccurate_seek" in argv[: argv.index("-ss")]


@pytest.mark.parametrize(
    ("named", "level"), [((0x64, 0, 0x1E), "30"), ((0x64, 0, 9), "9"), ((0x42, 0xD0, 11), "9")]
)
def test_all_has_the_level_that_the_init_names(named: tuple[int, ...], level: str) -> None:
    plan = make_plan(make_inspection())
    assert plan.video
    entry = b"avc1" + bytes(78) + pack(">I4s", 12, b"avcC") + bytes([1, *named])
    init = pack(">I4sII", 16 + len(entry) + 4, b"stsd", 0, 1) + pack(">I", len(entry) + 4) + entry
    for name in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        init = pack(">I4s", len(init) + 8, name) + init
    rung = replace(plan.video.rungs[0], init=init)
    still = command.still_command("ffmpeg", plan, number=1, rungs=[rung], out_dir=OUT)
    moving = command.piece_command(
        "ffmpeg", plan, number=1, rungs=[rung], source=SOURCE, out_dir=OUT
    )
    for argv in (still, moving):
        assert argv[argv.index("-level:v") + 1] == level


def test_the_cover_of_a_record_is_not_remuxed_as_its_picture() -> None:
    assert "0:V:0?" in commands()["remux"]


def test_every_encoder_runs_on_one_thread() -> None:
    argv = piece(make_plan(make_inspection()), 0)
    assert argv.count("libx264") == 6
    assert [argv[i + 1] for i, word in enumerate(argv) if word == "-threads"] == ["1"] * 6


def test_inits_are_made_without_the_source() -> None:
    assert "-i" not in commands()["init"]


def test_tones_are_mapped_once_for_all_rungs() -> None:
    graph = " ".join(piece(make_plan(make_inspection(color_transfer=18)), 0))
    assert graph.count("tonemap") == 1


def test_a_later_start_of_the_sound_warms_the_encoder_up() -> None:
    argv = " ".join(commands()["audio"])
    plan = make_plan(make_inspection())
    assert plan.audio
    start = plan.audio.marks[2]
    assert f"first_pts={start - 8 * 1024}" in argv
    assert f"drop=lt(pts\\,{start})" in argv


def test_zimg_scales_what_is_plain_and_each_rung_from_the_one_above() -> None:
    graph = " ".join(piece(make_plan(make_inspection()), 0))
    assert graph.count("zscale=") == 6
    assert "scale=640:360:flags" not in graph
    assert "[c480p]zscale=854:480:filter=lanczos,setsar=1,split[v480p][c360p]" in graph


@pytest.mark.parametrize(
    "facts", [{"pix_fmt": "yuv420p10le"}, {"width": 1919}, {"is_full_range": True}]
)
def test_the_first_step_brings_what_is_not_plain_to_what_zimg_takes(
    facts: dict[str, Any],
) -> None:
    graph = " ".join(piece(make_plan(make_inspection(**facts)), 0))
    assert graph.count("zscale=") == 5
    assert graph.count("flags=lanczos") == 1


def test_zimg_never_sees_a_matrix_that_it_refuses() -> None:
    assert "zscale" not in " ".join(piece(make_plan(make_inspection(color_space=0)), 0))


def test_filters_run_on_one_thread_unless_tones_are_mapped() -> None:
    assert "-filter_complex_threads" in piece(make_plan(make_inspection()), 0)
    assert "-filter_complex_threads" not in piece(make_plan(make_inspection(color_transfer=18)), 0)


def test_the_encoder_gets_what_the_ladder_adds_to_its_preset() -> None:
    argv = piece(make_plan(make_inspection()), 0)
    options = [argv[i + 1] for i, word in enumerate(argv) if word == "-x264-params"]
    assert ["subme" in each for each in options] == [False, True, True, True, True, True]
    assert options[-1].endswith(":subme=2:trellis=1")

"""FFmpeg plays the playlists and segments as a player would: all of it, and in step."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from media.ffmpeg.plan import AUDIO
from media.hls.playlists import AudioRendition, VideoRendition, multivariant, variant
from tests.integration.media.ffmpeg.clips import ffmpeg, presented
from tests.integration.media.ffmpeg.conftest import Made, make_all, prepare

Make = Callable[[str], Made]


def lay_out(made: Made, folder: Path) -> Path:
    """Everything of a plan as files, as a server would offer it."""
    plan = made.plan
    videos = [
        VideoRendition(
            uri=f"{rung.name}/index.m3u8",
            codecs=rung.codecs,
            width=rung.width,
            height=rung.height,
            frame_rate=plan.video.frame_rate,
            peak_bps=max(s.bandwidth_bps for s in made.segments[rung.name]),
            average_bps=rung.average_bps,
        )
        for rung in (plan.video.rungs if plan.video else ())
        if plan.video
    ]
    audio = None
    if plan.audio:
        audio = AudioRendition(
            uri=f"{AUDIO}/index.m3u8",
            codecs=plan.audio.codecs,
            channels=plan.audio.channels,
            peak_bps=max(s.bandwidth_bps for s in made.segments[AUDIO]),
            average_bps=plan.audio.bit_rate_bps,
        )
    (folder / "master.m3u8").write_text(multivariant(videos=videos, audio=audio))
    for name in plan.rung_names:
        (folder / name).mkdir()
        durations = [segment.duration_seconds for segment in plan.segments(name)]
        (folder / name / "index.m3u8").write_text(variant(durations_seconds=durations))
        (folder / name / "init.mp4").write_bytes(plan.init(name))
        for segment in made.segments[name]:
            (folder / name / f"{segment.number}.m4s").write_bytes(segment.path.read_bytes())
    return folder / "master.m3u8"


@pytest.mark.parametrize("name", ["cfr", "one-keyframe", "vfr", "late", "ts-h264", "edit-list"])
def test_the_playlists_play_from_end_to_end(make: Make, tmp_path: Path, name: str) -> None:
    made = make(name)
    shown = presented(lay_out(made, tmp_path))
    assert len(shown) == len(presented(made.source))
    assert shown[0][1] == pytest.approx(0, abs=0.001)
    assert shown[-1][1] == pytest.approx(made.plan.duration_seconds, abs=0.2)


def test_sound_alone_plays(make: Make, tmp_path: Path) -> None:
    heard = presented(lay_out(make("opus"), tmp_path), "a:0")
    assert heard[0][1] == pytest.approx(0, abs=0.001)
    assert heard[-1][1] == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize("audio", ["aac", "libopus"])
def test_flash_and_beep_stay_in_step(tmp_path: Path, audio: str) -> None:
    """A white picture and a tone begin at 2, 4, 6 … s; the renditions keep them together."""
    source = tmp_path / ("source.mp4" if audio == "aac" else "source.mkv")
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:s=64x36:r=50:d=13,geq=lum='255*gte(mod(T\\,2)\\,1)'"),
        *("-f", "lavfi", "-i", "aevalsrc='sin(2000*PI*t)*gte(mod(t\\,2)\\,1)':s=48000:d=13"),
        *("-c:v", "libx264", "-g", "100", "-bf", "2", "-c:a", audio, str(source)),
    )
    made = prepare(source, tmp_path)
    make_all(made)
    folder = tmp_path / "site"
    folder.mkdir()
    master = lay_out(made, folder)
    flashes, beeps = bright_from(master), loud_from(master)
    assert len(flashes) == len(beeps) == 6
    assert max(abs(a - b) for a, b in zip(flashes, beeps, strict=True)) < 0.012


def bright_from(path: Path) -> list[float]:
    """Seconds at which the picture turns white."""
    found = _metadata(path, "[0:v]signalstats,metadata=print:file=-", "signalstats.YAVG")
    return _rises(found, 128)


def loud_from(path: Path) -> list[float]:
    """Seconds at which the tone begins."""
    graph = "[0:a]asetnsamples=256,astats=metadata=1:reset=1,ametadata=print:file=-"
    return _rises(_metadata(path, graph, "astats.1.RMS_level"), -12)


def _metadata(path: Path, graph: str, key: str) -> list[tuple[float, float]]:
    text = ffmpeg("-i", str(path), "-filter_complex", graph, "-f", "null", "-")
    pattern = rf"pts_time:(\S+)(?:(?!pts_time).)*?{re.escape(key)}=(\S+)"
    return [(float(a), float(b)) for a, b in re.findall(pattern, text, re.DOTALL)]


def _rises(values: list[tuple[float, float]], level: float) -> list[float]:
    return [now[0] for before, now in pairwise(values) if before[1] < level <= now[1]]

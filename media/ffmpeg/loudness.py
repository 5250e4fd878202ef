"""How loud a rendition of sound is, and what it looks like: one pass over its segments.

Loudness is that of EBU R128: integrated over the whole length, gated; the true peak is that of the
wave between the samples. The picture of it is the lowest and the highest sample of each of up to
a thousand parts.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from media.ffmpeg import command
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.errors import UnexpectedOutput
from media.ffmpeg.plan import AUDIO, Plan
from media.ffmpeg.run import BACKGROUND, run

#: Parts of a waveform at most; shorter sounds have one per LEAST_SECONDS.
PARTS_MAX = 1000
LEAST_SECONDS = 0.02
#: What is below this counts as silence (the absolute gate of ITU-R BS.1770).
SILENCE_LUFS = -70.0
_SECONDS_OF_WORK = 1.0
_LEAST_TIMEOUT_SECONDS = 600.0
_INTEGRATED = re.compile(r"I:\s+(-?[\d.]+|-?inf|nan) LUFS")
_TRUE_PEAK = re.compile(r"Peak:\s+(-?[\d.]+|-?inf|nan) dBFS")


@dataclass(frozen=True, kw_only=True)
class Loudness:
    """Of silence there is nothing to tell: both are None."""

    integrated_lufs: float | None
    true_peak_dbtp: float | None


def measure(
    plan: Plan,
    *,
    segments: Iterable[bytes],
    work_dir: Path,
    on_progress: Callable[[float], None] = lambda _seconds: None,
) -> tuple[Loudness, Path]:
    """The loudness of the sound, and its waveform: waveform.json in `work_dir`.

    `segments` are all of the audio rendition, in order.
    """
    joined = work_dir / "sound.mp4"
    with joined.open("wb") as out:
        out.write(plan.init(AUDIO))
        for segment in segments:
            out.write(segment)
    seconds = max(plan.segments(AUDIO)[-1].start_seconds, 0.0)
    seconds += plan.segments(AUDIO)[-1].duration_seconds
    peaks = Peaks(seconds)
    ran = run(
        command.loudness_command(ffmpeg_binary(), source=joined),
        timeout_seconds=max(seconds * _SECONDS_OF_WORK, _LEAST_TIMEOUT_SECONDS),
        on_progress=on_progress,
        on_output=peaks.feed,
        nice=BACKGROUND,
    )
    joined.unlink()
    waveform = work_dir / "waveform.json"
    waveform.write_text(peaks.to_json(), "utf-8")
    return loudness_in(ran.log), waveform


def loudness_in(log: str) -> Loudness:
    """What the filter says at its end. Raises UnexpectedOutput if it says nothing."""
    integrated, peak = _INTEGRATED.findall(log), _TRUE_PEAK.findall(log)
    if not integrated or not peak:
        raise UnexpectedOutput("loudness was not measured")
    lufs, dbtp = float(integrated[-1]), float(peak[-1])
    if not math.isfinite(lufs) or lufs <= SILENCE_LUFS or not math.isfinite(dbtp):
        return Loudness(integrated_lufs=None, true_peak_dbtp=None)
    return Loudness(integrated_lufs=lufs, true_peak_dbtp=dbtp)


class Peaks:
    """Takes samples as they come (16 bits, one channel), keeps the extremes of each part."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        total = max(math.ceil(seconds * command.PEAKS_SAMPLE_RATE), 1)
        least = round(LEAST_SECONDS * command.PEAKS_SAMPLE_RATE)
        self._part_bytes = 2 * max(math.ceil(total / PARTS_MAX), least)
        self._rest = bytearray()
        self._pairs: list[tuple[int, int]] = []

    def feed(self, data: bytes) -> bool:
        """Take in some samples; always wants more."""
        self._rest += data
        while len(self._rest) >= self._part_bytes:
            self._take(bytes(self._rest[: self._part_bytes]))
            del self._rest[: self._part_bytes]
        return True

    def to_json(self) -> str:
        """The waveform: the lowest and highest sample of each part, in percents of full scale."""
        if len(self._rest) >= 2:
            self._take(bytes(self._rest[: len(self._rest) // 2 * 2]))
        self._rest.clear()
        document = {"version": 1, "duration": round(self._seconds, 3), "peaks": self._pairs}
        return json.dumps(document, separators=(",", ":"))

    def _take(self, part: bytes) -> None:
        if len(self._pairs) < PARTS_MAX:
            samples = array("h", part)
            self._pairs.append((_percent(min(samples)), _percent(max(samples))))


def _percent(sample: int) -> int:
    return round(100 * sample / 32768)

"""Look at a source, in a child process with limits, and say what it is or why it is refused."""

from __future__ import annotations

import signal
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from media.ffmpeg.child_process import ask
from media.ffmpeg.errors import ToolExceeded, ToolFailed, UnreadableMedia
from media.ffmpeg.facts import (
    AudioFacts,
    Inspection,
    Probe,
    ProbeLimits,
    SubtitleFacts,
    Timeline,
    VideoFacts,
    check_limits,
)
from media.ffmpeg.run import Watch

PROBE_TIMEOUT_SECONDS = 120.0
DEFAULT_LIMITS = ProbeLimits()

#: A process that computes all the time breaks its limit before the deadline, and so for good: a
#: deadline that is missed on a machine that is too busy should not condemn a file.
_CPU_PART = 0.8

_DEATHS_BY_INPUT = frozenset(
    -number
    for number in (
        signal.SIGSEGV,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
    )
)


def inspect(
    source: Path,
    *,
    limits: ProbeLimits = DEFAULT_LIMITS,
    timeout_seconds: float = PROBE_TIMEOUT_SECONDS,
    expected_bytes: int | None = None,
    is_growing: bool = False,
) -> Inspection:
    """The facts of `source` and the timestamps of its frames: all that `make_plan` needs.

    `expected_bytes` is how long a file will be that is still arriving; it has to have an index,
    unless it `is_growing`: then what is there is taken as if it were all.
    Raises UnreadableMedia with a code and a sentence for the person who sent the file.
    """
    answers = _Answers()
    request = {
        "do": "inspect",
        "path": str(source.resolve()),
        "limits": asdict(limits),
        "expected_bytes": expected_bytes,
        "is_growing": is_growing,
        "cpu_seconds": max(int(timeout_seconds * _CPU_PART), 1),
    }
    try:
        ask(
            request,
            watch=Watch(timeout_seconds=timeout_seconds, stall_seconds=timeout_seconds),
            on_message=answers.take,
        )
    except ToolExceeded as error:
        # A parser that hit its limits will do so again.
        raise UnreadableMedia(
            "too-much-work", f"Reading the file takes more {error.limit} than is given to one file."
        ) from error
    except ToolFailed as error:
        if error.exit_code not in _DEATHS_BY_INPUT:
            raise
        # A parser that died of what it read will do so again.
        raise UnreadableMedia("cannot-decode", "The file cannot be read.") from error
    inspection = answers.inspection()
    check_limits(inspection, limits)
    return inspection


def probe(
    source: Path,
    *,
    limits: ProbeLimits = DEFAULT_LIMITS,
    timeout_seconds: float = PROBE_TIMEOUT_SECONDS,
) -> Probe:
    """The facts of `source` alone; `inspect` gives the timestamps as well."""
    return inspect(source, limits=limits, timeout_seconds=timeout_seconds).probe


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Which bytes of a file its picture needs, for each of some presented timestamps."""

    #: To show it up to there: so many from the beginning. Ascending, as the timestamps are.
    reaches: list[int]
    #: To show it from there on: none before these, besides the head of the file.
    starts: list[int]


def needs_of(
    source: Path,
    *,
    stream_index: int,
    marks: Sequence[int],
    timeout_seconds: float = PROBE_TIMEOUT_SECONDS,
) -> Needs:
    """Ask the index of `source` which bytes are needed; they need not be there. Marks ascend."""
    found: list[Needs] = []

    def take(message: dict[str, Any], _payload: bytes) -> bool:
        found.append(Needs(reaches=message["reaches"], starts=message["starts"]))
        return True

    ask(
        {
            "do": "reach",
            "path": str(source.resolve()),
            "stream_index": stream_index,
            "marks": list(marks),
        },
        watch=Watch(timeout_seconds=timeout_seconds, stall_seconds=timeout_seconds),
        on_message=take,
    )
    if not found:
        raise ToolFailed("the child said nothing")
    return found[0]


class _Answers:
    """Gathers the messages of the child."""

    def __init__(self) -> None:
        self._facts: dict[str, Any] = {}
        self._timelines: dict[str, Timeline] = {}

    def take(self, message: dict[str, Any], payload: bytes) -> bool:
        if "facts" in message:
            self._facts = message["facts"]
        else:
            self._timelines[message["timeline"]] = _timeline(message, payload)
        return True

    def inspection(self) -> Inspection:
        if not self._facts:
            raise ToolFailed("the child said nothing")
        facts = dict(self._facts)
        video, audio = facts.pop("video"), facts.pop("audio")
        subtitles = facts.pop("subtitles")
        return Inspection(
            probe=Probe(
                **facts,
                video=VideoFacts(**_with_fractions(video)) if video else None,
                audio=AudioFacts(**_with_fractions(audio)) if audio else None,
                subtitles=tuple(SubtitleFacts(**each) for each in subtitles),
            ),
            video=self._timelines.get("video"),
            audio=self._timelines.get("audio"),
        )


def _timeline(message: dict[str, Any], payload: bytes) -> Timeline:
    columns, at = [], 0
    for count in message["counts"][:3]:
        column = array("q")
        column.frombytes(payload[at : at + 8 * count])
        columns.append(column)
        at += 8 * count
    frames, keys, sizes = columns
    return Timeline(
        frames=frames,
        keys=keys,
        sizes=sizes,
        end=message["end"],
        copy_init=payload[at:],
        copy_refusal=message["refusal"],
    )


def _with_fractions(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: Fraction(*value) if isinstance(value, list) else value
        for name, value in facts.items()
    }

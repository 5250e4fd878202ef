"""Look at a source, in a child process with limits, and say what it is or why it is refused."""

from __future__ import annotations

from pathlib import Path

from media.ffmpeg.facts import Inspection, Probe, ProbeLimits

PROBE_TIMEOUT_SECONDS = 120.0
DEFAULT_LIMITS = ProbeLimits()


def inspect(
    source: Path,
    *,
    limits: ProbeLimits = DEFAULT_LIMITS,
    timeout_seconds: float = PROBE_TIMEOUT_SECONDS,
) -> Inspection:
    """The facts of `source` and the timestamps of its frames: all that `make_plan` needs.

    Raises UnreadableMedia with a code and a sentence for the person who sent the file.
    """
    raise NotImplementedError


def probe(
    source: Path,
    *,
    limits: ProbeLimits = DEFAULT_LIMITS,
    timeout_seconds: float = PROBE_TIMEOUT_SECONDS,
) -> Probe:
    """The facts of `source` alone; `inspect` gives the timestamps as well."""
    return inspect(source, limits=limits, timeout_seconds=timeout_seconds).probe

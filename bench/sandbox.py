"""`make bench-sandbox`: what the limits and bubblewrap add to one call of FFmpeg.

Each round calls it three ways, one after the other: bare, within limits, and in a sandbox as well.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from media.ffmpeg import sandbox
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.run import Watch, start, supervise

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
ARGV = [ffmpeg_binary(), "-v", "quiet", "-version"]


def bare() -> None:
    """Start it and wait for its end."""
    subprocess.run(ARGV, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def limited() -> None:
    """As the product does without bubblewrap."""
    supervise(start(ARGV), watch=Watch(timeout_seconds=60))


def sandboxed() -> None:
    """As the product does with it."""
    supervise(start(sandbox.around_ffmpeg(ARGV)), watch=Watch(timeout_seconds=60))


def main() -> None:
    """Measure, print a table, and one line of JSON."""
    if reason := sandbox.why_not():
        raise SystemExit(f"there is nothing to measure: {reason}")
    ways: dict[str, Callable[[], None]] = {
        "bare": bare,
        "limited": limited,
        "sandboxed": sandboxed,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for call in ways.values():
        call()
    for _ in range(ROUNDS):
        for name, call in ways.items():
            began = time.perf_counter()
            call()
            times[name].append((time.perf_counter() - began) * 1000)
    medians = {name: statistics.median(each) for name, each in times.items()}
    print(f"one call of FFmpeg that does nothing, ms, median of {ROUNDS}")
    for name, median in medians.items():
        least, most = min(times[name]), statistics.quantiles(times[name], n=20)[-1]
        print(f"{name:>10} {median:7.1f}   {least:.1f} to {most:.1f} (95 %)")
    limits_ms = medians["limited"] - medians["bare"]
    sandbox_ms = medians["sandboxed"] - medians["limited"]
    print(json.dumps({"limits_ms": round(limits_ms, 1), "sandbox_ms": round(sandbox_ms, 1)}))


if __name__ == "__main__":
    main()

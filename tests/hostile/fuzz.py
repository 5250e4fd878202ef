"""Honest clips with a few bytes changed, always the same ones for the same number.

python -m tests.hostile.fuzz [COUNT] [SECONDS]      `make fuzz`: so many files, or so long
"""

from __future__ import annotations

import random
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.hostile.canary import Canary
from tests.hostile.clips import BASES, base, fragmented
from tests.hostile.handling import handle

#: Numbers at which parsers overflow.
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

#: A file may take so long on a machine that is busy with others.
MOST_SECONDS = 60.0

KINDS = (*BASES, "fragmented")


def fuzzed(number: int) -> tuple[str, bytes]:
    """The extension and the bytes of file `number`: mostly headers and tables are hit."""
    dice = random.Random(number)
    kind = KINDS[number % len(KINDS)]
    data = bytearray(fragmented() if kind == "fragmented" else base(kind))
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        _CHANGES[dice.randrange(len(_CHANGES))](dice, data)
    return ("mp4" if kind == "fragmented" else kind), bytes(data)


def _place(dice: random.Random, data: bytearray) -> int:
    """Somewhere, most often near the beginning or the end, where headers and tables are."""
    most = max(len(data) - 8, 1)
    where = dice.random()
    if where < 0.4:
        return dice.randrange(min(most, 600))
    if where < 0.8:
        return most - 1 - dice.randrange(min(most, 1500))
    return dice.randrange(most)


def _flip(dice: random.Random, data: bytearray) -> None:
    data[_place(dice, data)] ^= 1 << dice.randrange(8)


def _edge(dice: random.Random, data: bytearray) -> None:
    order = dice.choice("<>")
    data[(at := _place(dice, data)) : at + 4] = struct.pack(f"{order}I", dice.choice(_EDGES))


def _noise(dice: random.Random, data: bytearray) -> None:
    at, length = _place(dice, data), dice.randrange(1, 32)
    data[at : at + length] = dice.randbytes(length)


def _drop(dice: random.Random, data: bytearray) -> None:
    at = _place(dice, data)
    del data[at : at + dice.randrange(1, 64)]


def _repeat(dice: random.Random, data: bytearray) -> None:
    at, length = _place(dice, data), dice.randrange(1, 256)
    data[at:at] = data[at : at + length]


def _cut(dice: random.Random, data: bytearray) -> None:
    if dice.random() < 0.2:
        del data[dice.randrange(len(data)) :]


_CHANGES: tuple[Callable[[random.Random, bytearray], None], ...] = (
    *(_flip, _edge, _noise, _drop, _repeat, _cut),
)


def main() -> int:
    """Handle many files as a worker does; tell of those that made trouble."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 600.0
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    ends, tally, trouble = time.monotonic() + seconds, dict[str, int](), 0
    with tempfile.TemporaryDirectory() as folder:
        canary = Canary(Path(folder) / "outside")
        for number in range(first, first + count):
            if time.monotonic() > ends:
                break
            what = _look(number, Path(folder))
            tally[what] = tally.get(what, 0) + 1
            if what.startswith("!"):
                trouble += 1
                print(f"{number}: {what}", flush=True)
        if canary.touched:
            print(f"reached what is outside: {canary.touched}")
        canary.close()
    for what, times in sorted(tally.items(), key=lambda item: -item[1]):
        print(f"{times:6}  {what}")
    return 1 if trouble or canary.touched else 0


def _look(number: int, folder: Path) -> str:
    suffix, data = fuzzed(number)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        source = Path(work) / f"source.{suffix}"
        source.write_bytes(data)
        (out := Path(work) / "out").mkdir()
        try:
            handled = handle(source, out)
        except Exception as error:
            # Whatever it is, it is what we look for: a worker would call it a mistake of ours.
            return f"! {type(error).__name__}: {error}"
    if handled.seconds > MOST_SECONDS:
        return f"! {handled.becomes} after {handled.seconds:.0f} s"
    return handled.becomes


if __name__ == "__main__":
    sys.exit(main())

"""What a source of the matrix is, and what has to come out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from tests.matrix.pictures import PLAIN, Layout

#: 180p and the rung below it: what a film of the usual size gives.
USUAL_RUNGS = ((320, 180), (256, 144))

#: "bars": as drawn. "tones": as tone mapping leaves them. "": not looked at.
Colours = Literal["bars", "tones", ""]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file, and what its renditions must show and play.

    Frame n is shown at n / `rate` seconds, `beeps` are on the same clock; the renditions begin
    with the first of `frames` (or with the sound, where there are none) and last for `seconds`.
    """

    name: str
    about: str
    filename: str
    make: Callable[[Path], object]
    frames: Sequence[int] = range(100)
    rate: Fraction = Fraction(25)
    seconds: float | None = None
    beeps: Sequence[float] = (0.5, 1.5, 2.5, 3.5)
    rungs: Sequence[tuple[int, int]] = USUAL_RUNGS
    is_copied: bool = False
    colours: Colours = "bars"
    layout: Layout = PLAIN
    #: How far a frame may be from its time: half a tick of the coarsest clock on the way.
    frame_tolerance_ms: float = 1.0
    #: Parts are missing or broken: at least so many of the frames must be shown, in order.
    at_least: int | None = None
    #: The file says that seconds of it are damaged.
    says_damaged: bool = False
    #: The code of the refusal, where it must be refused.
    refusal: str = ""

    @property
    def origin_seconds(self) -> float:
        """The moment of the film that is 0 in the renditions."""
        return float(self.frames[0] / self.rate) if self.frames else 0.0

    @property
    def expected_seconds(self) -> float:
        """How long the renditions last."""
        if self.seconds is not None:
            return self.seconds
        return float((self.frames[-1] + 1 - self.frames[0]) / self.rate)

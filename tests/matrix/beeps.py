"""Sound that says when it is: silence with a short tone at known moments."""

from __future__ import annotations

import math
import wave
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: The rate at which sound is read back.
READ_RATE = 48_000

_TONE_SECONDS = 0.1
_TONE_HERTZ = 1000
_LEVEL = 16_000

#: Tones are further apart than this.
_REST_SECONDS = 0.3


@dataclass(frozen=True, kw_only=True)
class Beeps:
    """Tones of a tenth of a second, which begin `at` these seconds."""

    seconds: float
    at: tuple[float, ...]
    rate: int = 48_000

    def write(self, path: Path) -> None:
        """Write them as a WAV file with one channel."""
        samples = array("h", bytes(2 * round(self.seconds * self.rate)))
        for start in self.at:
            begin = round(start * self.rate)
            for n in range(min(round(_TONE_SECONDS * self.rate), len(samples) - begin)):
                samples[begin + n] = round(
                    _LEVEL * math.sin(2 * math.pi * _TONE_HERTZ * n / self.rate)
                )
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(samples.tobytes())


def every_second(seconds: float, *, rate: int = 48_000) -> Beeps:
    """A tone in the middle of each second."""
    return Beeps(
        seconds=seconds, at=tuple(n + 0.5 for n in range(math.ceil(seconds - 0.5))), rate=rate
    )


def find(samples: Sequence[int]) -> list[float]:
    """The seconds at which tones begin, in samples at READ_RATE that begin at 0."""
    step = READ_RATE // 1000
    peaks = [max(samples[n : n + step], key=abs) for n in range(0, len(samples), step)]
    loud = max((abs(peak) for peak in peaks), default=0) / 3
    found: list[float] = []
    last = -math.inf
    for index, peak in enumerate(peaks):
        second = index * step / READ_RATE
        if abs(peak) > max(loud, 200):
            if second - last > _REST_SECONDS:
                found.append(second)
            last = second
    return found

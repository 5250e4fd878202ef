"""Which qualities a source gets, and how each of them is encoded.

The settings were chosen by measurement: at least the quality (VMAF) that MediaCMS gives each
rung, for less than half of its CPU time. docs/encoding.md has the table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One step of the ladder. Bits per second are for 30 frames a second.

    `options` are x264's own, on top of those of the preset.
    """

    short_side_px: int
    preset: str
    crf: float
    max_kbps: int
    options: str = ""

    @property
    def name(self) -> str:
        """What people call it, for example "720p"."""
        return f"{self.short_side_px}p"


#: What makes superfast as good as veryfast, and for the small rungs nearly as good as faster.
_MORE = "subme=2"
_MOST = "subme=2:trellis=1"

LADDER: tuple[Rung, ...] = (
    Rung(short_side_px=2160, preset="superfast", crf=22, max_kbps=20000),
    Rung(short_side_px=1440, preset="superfast", crf=21.2, max_kbps=11000),
    Rung(short_side_px=1080, preset="superfast", crf=20.6, max_kbps=6500),
    Rung(short_side_px=720, preset="superfast", options=_MORE, crf=20.1, max_kbps=3600),
    Rung(short_side_px=480, preset="superfast", options=_MOST, crf=20.6, max_kbps=1800),
    Rung(short_side_px=360, preset="superfast", options=_MOST, crf=20.9, max_kbps=900),
    Rung(short_side_px=240, preset="superfast", options=_MOST, crf=21.2, max_kbps=450),
    Rung(short_side_px=144, preset="superfast", options=_MOST, crf=21.9, max_kbps=225),
)

#: The default size of the largest rung that is encoded; copying has no such cap.
MAX_SHORT_SIDE_PX = 1080

#: A rung this close below the top one would cost as much and show nothing new.
_TOO_CLOSE = 0.9

#: Decoders of browsers refuse pictures smaller than this.
_SMALLEST_SIDE_PX = 16


def rungs_for(
    short_side_px: int, *, max_short_side_px: int = MAX_SHORT_SIDE_PX
) -> tuple[Rung, ...]:
    """The rungs for a source: its own size on top, at most the cap, and never an upscaled one.

    >>> [rung.name for rung in rungs_for(1080)]
    ['1080p', '720p', '480p', '360p', '240p', '144p']
    >>> [rung.name for rung in rungs_for(432)]
    ['432p', '360p', '240p', '144p']
    >>> [rung.name for rung in rungs_for(2160)][:2]
    ['1080p', '720p']
    >>> [rung.name for rung in rungs_for(57)]
    ['56p']
    """
    top = max(min(short_side_px, max_short_side_px) // 2 * 2, 2)
    below = (rung for rung in LADDER if rung.short_side_px < _TOO_CLOSE * top)
    return (_settings_of(top), *below)


def size_of(width: int, height: int, short_side_px: int) -> tuple[int, int]:
    """Width and height of a rung of a picture of `width` × `height`: both even.

    >>> size_of(1920, 1080, 720), size_of(1080, 1920, 480), size_of(853, 480, 480)
    ((1280, 720), (480, 854), (854, 480))
    """
    scale = short_side_px / min(width, height)
    return _even(width * scale), _even(height * scale)


def _settings_of(short_side_px: int) -> Rung:
    """The rung of exactly this size, with the settings of the next one that is not smaller.

    Its bits are in proportion to its pixels.
    """
    model = next((r for r in reversed(LADDER) if r.short_side_px >= short_side_px), LADDER[0])
    area = (short_side_px / model.short_side_px) ** 2
    return Rung(
        short_side_px=short_side_px,
        preset=model.preset,
        crf=model.crf,
        options=model.options,
        max_kbps=max(round(model.max_kbps * area**0.75), 100),
    )


def _even(pixels: float) -> int:
    return max(int(pixels / 2 + 0.5) * 2, _SMALLEST_SIDE_PX)

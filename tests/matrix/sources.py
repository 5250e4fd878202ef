"""Every source of the matrix, by kind."""

from __future__ import annotations

from tests.matrix import container_sources, picture_sources, sound_sources
from tests.matrix.source import Source

KINDS: dict[str, tuple[Source, ...]] = {
    "Shape": picture_sources.SHAPES,
    "Time": picture_sources.TIMES,
    "Colour": picture_sources.COLOURS,
    "Sound": sound_sources.BESIDE_A_PICTURE,
    "Sound alone": sound_sources.ALONE,
    "Containers and codecs": container_sources.CONTAINERS,
    "Clocks": container_sources.CLOCKS,
    "Damage": container_sources.DAMAGE,
}

SOURCES: tuple[Source, ...] = tuple(source for kind in KINDS.values() for source in kind)

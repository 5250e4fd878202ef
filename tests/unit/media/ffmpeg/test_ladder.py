from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ffmpeg import fitness, ladder, plan_json, planning
from media.ffmpeg.ladder import LADDER, rungs_for, size_of


@pytest.mark.parametrize("module", [ladder, planning, plan_json, fitness], ids=lambda m: m.__name__)
def test_the_examples_in_docstrings_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # a module


@given(st.integers(1, 5000), st.integers(144, 4320))
def test_no_rung_is_larger_than_the_source_or_the_cap(short_side: int, cap: int) -> None:
    rungs = rungs_for(short_side, max_short_side_px=cap)
    sizes = [rung.short_side_px for rung in rungs]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes) >= 1
    assert sizes[0] <= max(min(short_side, cap), 2)


@given(st.integers(1, 8000), st.integers(1, 8000), st.integers(2, 2160))
def test_sizes_are_even_and_keep_the_shape(width: int, height: int, short_side: int) -> None:
    wide, high = size_of(width, height, short_side)
    assert wide % 2 == high % 2 == 0
    assert min(wide, high) >= 16


def test_bits_between_rungs_are_between_those_of_the_rungs() -> None:
    limits = [rungs_for(short_side)[0].max_kbps for short_side in (144, 300, 360, 600, 720, 1080)]
    assert limits == sorted(limits)
    assert rungs_for(1080)[0] == LADDER[2]

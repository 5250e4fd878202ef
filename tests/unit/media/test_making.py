"""Ranges, gaps and which rung leads."""

import pytest

from media.playlists import lead_of
from media.selectors import Ranges, percent
from media.workshop.recording import gaps


@pytest.mark.parametrize(
    ("made", "count", "missing"),
    [
        ([], 3, [(0, 2)]),
        ([(0, 2)], 3, []),
        ([(0, 2), (5, 5)], 8, [(3, 4), (6, 7)]),
        ([(2, 2)], 3, [(0, 1)]),
        ([], 0, []),
    ],
)
def test_gaps_are_what_ranges_leave_out(made: Ranges, count: int, missing: Ranges) -> None:
    assert gaps(made, count) == missing


@pytest.mark.parametrize(
    ("made", "planned", "shown"), [(0, 7, 0), (1, 7, 14), (999, 1000, 99), (7, 7, 100), (0, 0, 100)]
)
def test_only_what_is_whole_is_a_hundred_percent(made: int, planned: int, shown: int) -> None:
    assert percent(made, planned) == shown


@pytest.mark.parametrize(
    ("rungs", "lead"),
    [
        ([("1080p", 1080, True), ("360p", 360, False)], "1080p"),
        ([("720p", 720, False), ("360p", 360, False), ("144p", 144, False)], "360p"),
        ([("480p", 480, False)], "480p"),
        ([], None),
    ],
)
def test_what_can_be_there_first_leads(rungs: list[tuple[str, int, bool]], lead: str) -> None:
    assert lead_of(rungs) == lead

"""How many ordinary jobs a worker does at a time."""

import pytest

from media.workshop import lanes
from media.workshop.lanes import TWO_NEED_BYTES, usual_slots


@pytest.mark.parametrize(
    ("asked_for", "processors", "memory_bytes", "slots"),
    [
        (0, 2, TWO_NEED_BYTES, 2),
        (0, 64, 64 * TWO_NEED_BYTES, 2),
        (0, 1, TWO_NEED_BYTES, 1),
        (0, 2, TWO_NEED_BYTES - 1, 1),
        (5, 1, 1, 5),
    ],
)
def test_two_where_the_machine_is_good_for_two(
    monkeypatch: pytest.MonkeyPatch,
    asked_for: int,
    processors: int,
    memory_bytes: int,
    slots: int,
) -> None:
    monkeypatch.setattr(lanes, "processors", lambda: processors)
    monkeypatch.setattr(lanes, "memory_bytes", lambda: memory_bytes)
    assert usual_slots(asked_for) == slots

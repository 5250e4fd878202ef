"""Who stands still while somebody waits: how many, for how long, and how often."""

import signal
import sys

import pytest

from media.ffmpeg import aside
from media.ffmpeg.aside import PATIENCE_SECONDS, Turns, taking_turns, waited_for


class Street:
    """Process groups that are stopped and go on, and a clock that is set by hand."""

    def __init__(self, processors: int = 2) -> None:
        self.now = 0.0
        self.still: set[int] = set()
        self.turns = Turns(processors=processors, send=self._send, clock=lambda: self.now)

    def _send(self, group: int, number: signal.Signals) -> None:
        assert (group in self.still) == (number == signal.SIGCONT)
        (self.still.discard if number == signal.SIGCONT else self.still.add)(group)

    def still_seconds(self, until: float) -> float:
        """How long group 1 stands still from now on, looked at twice a second."""
        total = 0.0
        while self.now < until:
            self.now += 0.5
            total += 0.5 if 1 in self.still else 0.0
            self.turns.look()
        return total


def test_who_is_far_back_stands_still_while_somebody_waits() -> None:
    street = Street()
    street.turns.enter(1, 19)
    street.turns.enter(2, 3)
    assert street.still == set()
    street.turns.enter(3, 0)
    street.turns.enter(4, 9)
    assert street.still == {1, 4}
    street.turns.leave(3)
    assert street.still == set()


def test_who_leaves_while_it_stands_still_goes_on() -> None:
    street = Street()
    street.turns.enter(3, 0)
    street.turns.enter(1, 19)
    street.turns.leave(1)
    assert street.still == set()


def test_long_work_in_front_has_others_wait_once() -> None:
    street = Street()
    street.turns.enter(1, 19)
    street.turns.enter(3, 0)
    assert street.still_seconds(until=60) == PATIENCE_SECONDS


def test_nobody_stands_still_for_more_than_half_of_the_time() -> None:
    for length in (0.5, 1.0, 3.0, 10.0):
        street = Street()
        street.turns.enter(1, 19)
        still = 0.0
        for group in range(100, 100 + int(120 / length)):
            street.turns.enter(group, 0)
            still += street.still_seconds(until=street.now + length)
            street.turns.leave(group)
        assert 36 <= still <= (120 + PATIENCE_SECONDS) / 2, length


def test_on_many_processors_only_those_furthest_back_make_room() -> None:
    street = Street(processors=16)
    for group, nice in ((1, 9), (2, 19), (3, 19), (4, 19)):
        street.turns.enter(group, nice)
    street.turns.enter(5, 0)
    assert street.still == {4}
    street.turns.enter(6, 2)
    assert street.still == {3, 4}
    for group in (7, 8, 9):
        street.turns.enter(group, 0)
    assert street.still == {1, 2, 3, 4}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody stands still")
def test_who_is_silent_is_not_stopped_and_who_has_answered_stops_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    street = Street()
    monkeypatch.setattr(aside, "_turns", street.turns)
    with taking_turns(1, 19) as back, taking_turns(2, 0) as front:
        front.look(has_spoken=True, has_answered=False)
        back.look(has_spoken=False, has_answered=False)
        assert street.still == set()
        back.look(has_spoken=True, has_answered=False)
        assert street.still == {1}
        front.look(has_spoken=True, has_answered=True)
        assert street.still == set()
        with waited_for(False), taking_turns(3, 0):
            assert street.still == set()
        with taking_turns(4, 0):
            assert street.still == {1}

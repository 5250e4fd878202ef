"""The lanes of a worker's slots: which jobs each of them takes."""

from enum import StrEnum


class Lane(StrEnum):
    """What a slot takes. Each lane takes less than the one before it."""

    #: Any job.
    ANY = "any"
    #: Jobs that somebody waits for, so that they do not wait behind a piece of the ladder.
    URGENT = "urgent"
    #: Jobs of the kind `on_demand`: a viewer has jumped to where nothing is made, and waits for no
    #: beginning of a new video.
    WATCHED = "watched"


def lanes(ordinary_slots: int) -> list[Lane]:
    """The lanes of all slots of a worker that does so many ordinary jobs at a time.

    >>> [lane.value for lane in lanes(2)]
    ['any', 'any', 'urgent', 'watched']
    """
    return [Lane.ANY] * ordinary_slots + [Lane.URGENT, Lane.WATCHED]

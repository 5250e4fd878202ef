"""The slots of a worker: how many, and which jobs each of them takes."""

from enum import StrEnum

from media.ffmpeg.machine import memory_bytes, processors

#: What two pieces of 4K, the server and a database need between them.
TWO_NEED_BYTES = 3 * 1024**3


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


def usual_slots(asked_for: int = 0) -> int:
    """How many ordinary jobs a worker does at a time: as asked for, else what is good here.

    The encoders of one piece wait for each other, and at its beginning and end few of them have
    something to do, so a second piece fills what one leaves idle; where memory would become short,
    or there is only one processor, one at a time.
    """
    if asked_for:
        return asked_for
    return 2 if processors() > 1 and memory_bytes() >= TWO_NEED_BYTES else 1

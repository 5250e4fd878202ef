"""The job that makes the storyboard, out of segments that are in the store."""

from typing import BinaryIO

from media.ffmpeg import storyboard
from media.jobs.claim import Claim
from media.services.changes import announce
from media.services.making import load_work
from media.store import picture_key, segment_key, store


def make_storyboard(claim: Claim) -> None:
    """Cut small stills out of a complete rung, publish their sheets, and then the track.

    Where no rung is complete any more, nothing is made: whoever completes one asks again.
    """
    work = load_work(claim)
    complete = [name for name in work.plan.rung_names if not work.missing(name)]
    rung = storyboard.rung_for_storyboard(work.plan, complete)
    if rung is None:
        return

    def open_segment(number: int) -> BinaryIO:
        return store().path(segment_key(work.media_id, work.number, rung, number)).open("rb")

    with store().work_dir() as folder:
        made = storyboard.make_storyboard(
            work.plan,
            rung=rung,
            open_segment=open_segment,
            work_dir=folder,
            on_progress=claim.check,
        )
        claim.check()
        for path in made:
            store().put_file(picture_key(work.media_id, path.name), path)
    with claim.recording() as media_file:
        announce(media_file, has_storyboard=True)
        claim.finish()

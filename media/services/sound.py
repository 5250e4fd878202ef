"""The job that measures how loud a media file is, and draws what has no other picture."""

from collections.abc import Iterator

from media.ffmpeg import loudness
from media.ffmpeg.plan import AUDIO
from media.jobs.claim import Claim
from media.services.changes import announce
from media.services.making import Work, load_work
from media.store import picture_key, segment_key, store


def measure(claim: Claim) -> None:
    """Measure the complete sound, tell of it, and publish the waveform of what has no picture.

    Where the sound is not complete any more nothing is done: whoever completes it asks again.
    """
    work = load_work(claim)
    if AUDIO not in work.plan.rung_names or work.missing(AUDIO):
        return
    is_drawn = work.plan.video is None
    with store().work_dir() as folder:
        measured, waveform = loudness.measure(
            work.plan, segments=_segments(work), work_dir=folder, on_progress=claim.check
        )
        claim.check()
        if is_drawn:
            store().put_file(picture_key(work.media_id, waveform.name), waveform)
    with claim.recording() as media_file:
        announce(
            media_file,
            has_loudness=True,
            has_waveform=is_drawn,
            integrated_lufs=measured.integrated_lufs,
            true_peak_dbtp=measured.true_peak_dbtp,
        )
        claim.finish()


def _segments(work: Work) -> Iterator[bytes]:
    """The sound as far as it is there; what is lost is made again when somebody listens."""
    for segment in work.plan.segments(AUDIO):
        path = store().path(segment_key(work.media_id, work.number, AUDIO, segment.number))
        if path.is_file():
            yield path.read_bytes()

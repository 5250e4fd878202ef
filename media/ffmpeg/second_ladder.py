"""The second ladder: the pieces of a plan once more, in AV1, for fewer bytes.

It is a plan of its own, so that its segments have addresses of their own; its boundaries are those
of the first, so that a player may take either, and its sound is the first one's.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from media.ffmpeg.ladder import MAX_SHORT_SIDE_PX
from media.ffmpeg.plan import AV1, Plan, PlannedRung, VideoPlan

#: Below that H.264 is small enough; the top rung is made in any case.
SMALLEST_SHORT_SIDE_PX = 360

#: SVT-AV1's own: 10 is fast, and one process beside the work of others is enough.
_PRESET = "10"
_CRF = 30.0
#: What a rung takes of the bits of its H.264 sister, at most.
_SHARE = 0.7
_KEYFRAME_SECONDS = 2
#: SVT-AV1 takes no more.
_MAX_FRAME_RATE = 240


def second_plan(plan: Plan) -> Plan | None:
    """The plan of the second ladder beside `plan`; None where there is no picture."""
    if plan.video is None:
        return None
    wanted = [rung for rung in plan.video.rungs if _is_wanted(rung)]
    rungs = tuple(_rung(plan.video, rung) for rung in wanted or plan.video.rungs[-1:])
    return replace(plan, video=replace(plan.video, rungs=rungs), audio=None, subtitles=())


def _is_wanted(rung: PlannedRung) -> bool:
    short_side_px = min(rung.width, rung.height)
    return SMALLEST_SHORT_SIDE_PX <= short_side_px <= MAX_SHORT_SIDE_PX


def _rung(video: VideoPlan, rung: PlannedRung) -> PlannedRung:
    rate = min(video.frame_rate.limit_denominator(1001), Fraction(_MAX_FRAME_RATE))
    keyframes = max(round(rate * _KEYFRAME_SECONDS), 1)
    return replace(
        rung,
        is_copy=False,
        encoder=AV1,
        preset=_PRESET,
        crf=_CRF,
        options=f"fps-num={rate.numerator}:fps-denom={rate.denominator}:keyint={keyframes}:lp=1",
        peak_bps=round(rung.peak_bps * _SHARE),
        average_bps=round(rung.average_bps * _SHARE),
        init=b"",
    )

"""What a job of a kind may make: the renditions, and which segments of them."""

from collections.abc import Mapping
from typing import Any

from media.ffmpeg.plan import AUDIO, Plan
from media.playlists import lead_rung


def rungs_of(kind: str, args: Mapping[str, Any], plan: Plan) -> list[str]:
    """The renditions that a job makes segments of."""
    match kind:
        case "lead":
            lead = lead_rung(plan)
            return [lead] if lead else []
        case "ladder":
            return [
                rung.name for rung in (plan.video.rungs if plan.video else ()) if not rung.is_copy
            ]
        case "copy":
            return [plan.copied_rung] if plan.copied_rung else []
        case "audio":
            return [AUDIO] if plan.audio else []
        case "on_demand":
            return [rung for rung in plan.rung_names if rung == args["rung"]]
        case _:
            return []


def may_make(kind: str, args: Mapping[str, Any], plan: Plan, *, rung: str, number: int) -> bool:
    """Whether this segment is the business of such a job. A run may go on beyond what was asked."""
    if rung not in rungs_of(kind, args, plan) or not 0 <= number < len(plan.segments(rung)):
        return False
    if kind in ("lead", "ladder"):
        return number == int(args["piece"])
    return kind != "on_demand" or number >= int(args["first"])

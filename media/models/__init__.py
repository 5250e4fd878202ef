"""The tables of `media`, one file each."""

from media.models.download import Download
from media.models.early import EarlyPiece, EarlyWork
from media.models.job import Job, QueueState, WorkerBeat
from media.models.media_file import MediaFile, Visibility
from media.models.plan import Plan
from media.models.rendition import Rendition, Segment
from media.models.server import Server, ServerClaim, ServerNonce
from media.models.upload import Upload

__all__ = [
    "Download",
    "EarlyPiece",
    "EarlyWork",
    "Job",
    "MediaFile",
    "Plan",
    "QueueState",
    "Rendition",
    "Segment",
    "Server",
    "ServerClaim",
    "ServerNonce",
    "Upload",
    "Visibility",
    "WorkerBeat",
]

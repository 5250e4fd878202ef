"""The store of this instance, and the keys of everything that belongs to a media file."""

import uuid

from django.conf import settings

from media.storage.local import LocalStore


def store() -> LocalStore:
    """Where sources, segments and posters are."""
    return LocalStore(settings.MEDIA_ROOT, reserve_bytes=settings.STORAGE_RESERVE_BYTES)


#: What has arrived of uploads that are not finished.
UPLOADS_FOLDER = "uploads"


def part_key(upload_id: uuid.UUID) -> str:
    """What has arrived of an upload."""
    return f"{UPLOADS_FOLDER}/{upload_id}.part"


def source_key(media_id: uuid.UUID, extension: str) -> str:
    """The original bytes. The extension is one of ours, never the client's."""
    return f"videos/{media_id}/source.{extension}"


def source_folder(media_id: uuid.UUID) -> str:
    """The source, and its remux where it cannot be sought as it came."""
    return f"videos/{media_id}"


def remux_key(media_id: uuid.UUID) -> str:
    """The same packets in a container that can be sought exactly."""
    return f"videos/{media_id}/remux.mkv"


def hls_folder(media_id: uuid.UUID) -> str:
    """Everything that is made of a media file."""
    return f"hls/{media_id}"


def plan_folder(media_id: uuid.UUID, plan: int) -> str:
    """Every rendition of one plan."""
    return f"hls/{media_id}/{plan}"


def poster_key(media_id: uuid.UUID) -> str:
    """The still."""
    return f"hls/{media_id}/poster.jpg"


def picture_key(media_id: uuid.UUID, name: str) -> str:
    """A still: `poster.jpg`, or a file of the storyboard (`storyboard.vtt`, `storyboard-0.jpg`)."""
    return f"hls/{media_id}/{name}"


def init_key(media_id: uuid.UUID, plan: int, rung: str) -> str:
    """The beginning that every segment of a rendition needs."""
    return f"hls/{media_id}/{plan}/{rung}/init.mp4"


def early_folder(media_id: uuid.UUID) -> str:
    """What is made before the last byte has arrived. No link leads there."""
    return f"hls/{media_id}/early"


def early_key(media_id: uuid.UUID, rung: str, number: int) -> str:
    """One segment that counts only if the plan of the whole file turns out to be the same."""
    return f"hls/{media_id}/early/{rung}/{number}.m4s"


def download_key(media_id: uuid.UUID, plan: int, name: str) -> str:
    """A rendition with the sound, as one file; it goes with its plan."""
    return f"hls/{media_id}/{plan}/downloads/{name}.mp4"


def tail_key(media_id: uuid.UUID) -> str:
    """The end of a file that was sent before the rest of it."""
    return f"hls/{media_id}/early/tail"


def early_front_key(media_id: uuid.UUID) -> str:
    """What has arrived of a file that can only be read from its beginning, in Matroska."""
    return f"hls/{media_id}/early/front.mkv"


def subtitles_key(media_id: uuid.UUID, plan: int, name: str) -> str:
    """One track of subtitles, whole."""
    return f"hls/{media_id}/{plan}/{name}/0.vtt"


def segment_key(media_id: uuid.UUID, plan: int, rung: str, number: int) -> str:
    """One segment; named before it exists."""
    return f"hls/{media_id}/{plan}/{rung}/{number}.m4s"

"""What clients call their files, made harmless. Nothing here becomes a path but our own words."""

import re

#: Extensions that a source may have; FFmpeg is told the container anyway, people like to see it.
EXTENSIONS = frozenset(
    {"3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts"}
    | {"aac", "flac", "m4a", "mka", "mp3", "oga", "ogg", "opus", "wav", "webm", "wmv"}
)
EXTENSION_BY_TYPE = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
    "video/mpeg": "mpg",
    "video/mp2t": "ts",
    "video/ogg": "ogv",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
}
NO_EXTENSION = "bin"

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def display_name(text: str, *, default: str = "video") -> str:
    """The last part of a name as a person should see it, at most 200 characters.

    >>> display_name("C:\\\\films\\\\../holiday.mp4"), display_name("")
    ('holiday.mp4', 'video')
    """
    last = re.split(r"[/\\]", text)[-1] if default else text
    return " ".join(_UNSEEN.sub("", last).split())[:200] or default


def extension_of(filename: str, content_type: str) -> str:
    """One of our extensions, by type first and by name then.

    >>> extension_of("holiday.MP4", ""), extension_of("a.php", "video/webm"), extension_of("a", "")
    ('mp4', 'webm', 'bin')
    """
    by_type = EXTENSION_BY_TYPE.get(content_type.partition(";")[0].strip().lower())
    by_name = filename.rpartition(".")[2].lower()
    return by_type or (by_name if by_name in EXTENSIONS else NO_EXTENSION)

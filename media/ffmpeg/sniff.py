"""The first bytes of a file: enough to refuse what must not reach a parser."""

from __future__ import annotations

import re

from media.ffmpeg.errors import UnreadableMedia

HEAD_BYTES = 4096

#: Text that names other files or addresses: HLS, concat, DASH, SDP, PLS, ASX, RTSP, SMIL, XSPF.
_REFERENCES = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:\#EXTM3U|ffconcat|v=0\s|\[(?:playlist|reference)\]|RTSPtext"
    rb"|<(?:\?xml|MPD|asx|smil|playlist|SmoothStreaming)|file\s+['\"/\w]|https?://)",
    re.IGNORECASE,
)

#: How containers begin whose end can be missing: offset and bytes.
_CONTAINERS = ((4, b"ftyp"), (4, b"moov"), (4, b"mdat"), (4, b"wide"), (4, b"free"))
_MATROSKA = b"\x1a\x45\xdf\xa3"


def refuse_references(head: bytes) -> None:
    """Raise UnreadableMedia if a file that begins with `head` is empty or a list of others."""
    if not head:
        raise UnreadableMedia("empty-file", "The file is empty.")
    if _REFERENCES.match(head):
        raise UnreadableMedia(
            "playlist-not-allowed",
            "This is a playlist: a text that names other files. Send the video itself.",
        )


def unreadable(head: bytes) -> UnreadableMedia:
    """Why a file that begins with `head` could not be opened, as far as its head tells."""
    known = any(head[at : at + len(name)] == name for at, name in _CONTAINERS)
    if known or head.startswith(_MATROSKA):
        return UnreadableMedia(
            "truncated-file", "The file is incomplete: its end, or a part it needs, is missing."
        )
    return UnreadableMedia("not-a-video", "This is not a video or sound file that can be read.")

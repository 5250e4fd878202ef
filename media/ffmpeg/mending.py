"""Broken packets among those that are copied. Runs in the child process only.

FFmpeg decodes on after an error; a browser ends the whole playback with it. So what cannot be
decoded must not be copied: pictures are left out until the next keyframe, sound becomes silence.
"""

from __future__ import annotations

from typing import Any

import av

#: Where bytes are lost there are zeros, in all file systems; no coded sound or picture has so many.
_HOLE = bytes(32)

#: A hole may cover the beginning or the end of a packet alone.
_EDGE = bytes(4)

#: So many packets after a hole may be broken as well: it ends inside one.
_AROUND = 2

#: A frame of AAC-LC that is silent, by number of channels.
_SILENCE = {
    1: bytes([0x00, 0xC8, 0x00, 0x80, 0x23, 0x80]),
    2: bytes([0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80]),
}


def is_whole(data: bytes) -> bool:
    """Whether a packet of H.264 is made of units, each behind its length, that add up to it.

    >>> is_whole(bytes([0, 0, 0, 2, 0x67, 1])), is_whole(bytes([0, 0, 0, 3, 0x67, 1]))
    (True, False)
    >>> is_whole(bytes(6)), is_whole(b"")
    (False, False)
    """
    at = 0
    while at + 4 < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if not size or not data[at + 4] & 0x1F:
            return False
        at += 4 + size
    return bool(data) and at == len(data)


class SoundMender:
    """Looks at packets of AAC as they pass; decodes those near a hole, and silences broken ones."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._silence = _SILENCE.get(stream.codec_context.channels)
        self._suspected = 0

    def mended(self, data: bytes) -> bytes:
        """The packet itself, or silence."""
        if _HOLE in data or data.startswith(_EDGE) or data.endswith(_EDGE):
            self._suspected = _AROUND + 1
        if not self._suspected or self._silence is None:
            return data
        self._suspected -= 1
        return data if self._can_decode(data) else self._silence

    def _can_decode(self, data: bytes) -> bool:
        context = av.CodecContext.create(self._stream.codec_context.codec.name, "r")
        context.extradata = self._stream.codec_context.extradata
        try:
            return bool(context.decode(av.Packet(data)))
        except av.FFmpegError:
            return False

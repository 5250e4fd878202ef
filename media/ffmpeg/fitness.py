"""Whether the packets of a source can be served as they are. Runs in the child process only.

What a browser and a player of segments need: H.264 in 8 bits 4:2:0, progressive, upright, with
square pixels; one set of parameters throughout; every keyframe an IDR, none of them far apart, and
no frame that is decoded after a keyframe but shown before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import sub
from pathlib import Path
from typing import TYPE_CHECKING

from media.ffmpeg.timelines import longest_gap

if TYPE_CHECKING:
    from media.ffmpeg.inspecting import _Inspector as Inspector

_MOST_SECONDS_BETWEEN_KEYS = 10
_PROFILES = frozenset({"Constrained Baseline", "Baseline", "Main", "High"})
_IDR, _SPS, _SLICE = 5, 7, 1

#: So much of a keyframe tells what it is.
KEYFRAME_HEAD_BYTES = 4096
_AAC_FRAME_SAMPLES = 1024

#: Phones write timestamps that jitter; copied sound runs on the exact clock of its samples.
_MOST_DRIFT_SECONDS = 0.03


def why_video_is_not_copied(source: Inspector) -> str:
    """Why the picture has to be encoded; empty if it can be copied."""
    context, picture = source.video.codec_context, source.picture
    packets = source.packets[source.video.index]
    shape = source.video.sample_aspect_ratio
    keys = packets.keys()
    checks = (
        (source.container in ("mp4", "matroska"), "the container"),
        (context.name == "h264", "the codec"),
        (picture.format.name in ("yuv420p", "yuvj420p"), "the pixel format"),
        (context.profile in _PROFILES, "the profile"),
        (not picture.interlaced_frame, "interlaced fields"),
        (not picture.rotation, "the rotation"),
        (not shape or shape == 1, "pixels that are not square"),
        (_is_avcc(context.extradata), "the form of its parameters"),
        (packets.descriptions == 1, "parameters that change"),
        (not packets.discarded, "an edit list that cuts"),
        (bool(packets.key_indexes) and packets.key_indexes[0] == 0, "a start without keyframe"),
    )
    for is_fine, reason in checks:
        if not is_fine:
            return reason
    if len(set(packets.shown_at)) < len(packets.shown_at):
        return "equal timestamps"
    end = packets.span[1] + packets.last_duration
    if longest_gap(keys, end) * source.video.time_base > _MOST_SECONDS_BETWEEN_KEYS:
        return "keyframes far apart"
    if not packets.is_closed():
        return "open groups of pictures"
    return source.keyframe_refusal or _why_indexed_keyframes_are_not_copied(source)


def why_audio_is_not_copied(source: Inspector) -> str:
    """Why the sound has to be encoded; empty if it can be copied."""
    context, stream = source.audio.codec_context, source.audio
    times = source.packets[stream.index].shown_at
    checks = (
        (source.container == "mp4", "the container"),
        (context.name == "aac" and context.profile == "LC", "the codec"),
        (context.channels <= 2, "more than two channels"),
        (bool(context.extradata), "missing parameters"),
        (source.packets[stream.index].descriptions == 1, "parameters that change"),
        (stream.time_base * context.sample_rate == 1, "the clock"),
        (len(times) > 0 and drift(times) <= _MOST_DRIFT_SECONDS * context.sample_rate, "gaps"),
    )
    return next((reason for is_fine, reason in checks if not is_fine), "")


def why_keyframe_is_not_copied(data: bytes, parameters: bytes | None) -> str:
    """Look into a keyframe: a real one (IDR), and without parameters of its own."""
    if not _is_avcc(parameters):
        return ""
    for kind, unit in units(data):
        if kind == _SPS and unit not in (parameters or b""):
            return "parameters that change"
        if kind == _SLICE:
            return "keyframes that are not IDR"
        if kind == _IDR:
            break
    return ""


def _why_indexed_keyframes_are_not_copied(source: Inspector) -> str:
    """The same for all keyframes that were not read, but found through the index."""
    packets = source.packets[source.video.index]
    if not packets.positions:
        return ""
    with Path(source.path).open("rb") as file:
        for index, position in packets.positions.items():
            file.seek(position)
            data = file.read(min(packets.sizes[index], KEYFRAME_HEAD_BYTES))
            reason = why_keyframe_is_not_copied(data, source.video.codec_context.extradata)
            if reason:
                return reason
    return ""


def drift(times: Sequence[int]) -> int:
    """How far timestamps stray from one frame after the other, in samples."""
    if isinstance(times, range):
        return abs(times.step - _AAC_FRAME_SAMPLES) * (len(times) - 1)
    exact = range(times[0], times[0] + len(times) * _AAC_FRAME_SAMPLES, _AAC_FRAME_SAMPLES)
    strays: list[int] = list(map(sub, times, exact))
    return max(strays) - min(strays)


def units(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The NAL units of a packet with lengths of four bytes: type and bytes (H.264, 7.3.1).

    >>> list(units(bytes([0, 0, 0, 2, 0x67, 1, 0, 0, 0, 1, 0x65])))
    [(7, b'g\\x01'), (5, b'e')]
    """
    at = 0
    while at + 5 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4] & 0x1F, data[at + 4 : at + 4 + size]
        at += 4 + size


def _is_avcc(extradata: bytes | None) -> bool:
    """Whether the parameters stand in an avcC record with lengths of four bytes."""
    return extradata is not None and extradata[:1] == b"\1" and extradata[4] & 3 == 3

"""What a few frames cost to encode, here and there in a source. Runs in the child process only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any

import av

from media.ffmpeg.inspecting import open_source

#: Always the same encoder, so that what it needs can be compared; without any delay.
_OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "crf": "23",
    "threads": "1",
    "x264-params": "scenecut=0",
}

#: So many packets may be read at one place before its frames must have been met.
_MOST_PACKETS = 64


def sample(request: dict[str, Any], send: Callable[..., None]) -> None:
    """Answer with the first timestamp of each of the `places`, and the bytes of its frames.

    They are scaled to `width` × `height`. A place where nothing can be decoded is left out.
    """
    places = []
    with open_source(request["path"]) as source:
        stream = source.streams[request["stream_index"]]
        stream.codec_context.thread_count = 1
        for times in request["places"]:
            try:
                frames = _frames(source, stream, times)
            except av.FFmpegError:
                continue  # Damaged here: the pieces will find out, and other places tell enough.
            if frames:
                places.append([times[0], *_sizes(frames, request["width"], request["height"])])
    send({"places": places})


def _frames(source: Any, stream: Any, times: Sequence[int]) -> list[Any]:
    """The frames that are shown at `times`, of which the first is a keyframe.

    A decoder holds frames back until it has seen what follows; they are asked of it as soon as
    their packets have been read.
    """
    source.seek(times[0], stream=stream)
    decoded, unread = [], set(times)
    for packet in islice(source.demux(stream), _MOST_PACKETS):
        decoded += packet.decode()
        unread.discard(packet.pts)
        if not unread:
            decoded += stream.decode(None)
            break
    return [frame for frame in decoded if frame.pts in times]


def _sizes(frames: list[Any], width: int, height: int) -> list[int]:
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 30), Fraction(30)
    encoder.options = _OPTIONS
    packets = []
    for number, frame in enumerate(frames):
        small = frame.reformat(width, height, "yuv420p", interpolation="BILINEAR")
        small.pts, small.pict_type = number, 0
        packets += encoder.encode(small)
    packets += encoder.encode(None)
    return [packet.size for packet in packets]

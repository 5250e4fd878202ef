"""What a few frames cost to encode, here and there in a source. Runs in the child process only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


def sample(request: dict[str, Any], send: Callable[..., None]) -> None:
    """Answer with each of the `keys`, and the bytes of the first `frames` frames from it on.

    They are scaled to `width` × `height`. A place where nothing can be decoded is left out.
    """
    places = []
    with open_source(request["path"]) as source:
        stream = source.streams[request["stream_index"]]
        stream.codec_context.thread_count = 1
        for key in request["keys"]:
            try:
                frames = list(islice(_frames_from(source, stream, key), request["frames"]))
            except av.FFmpegError:
                continue  # Damaged here: the pieces will find out, and other places tell enough.
            if frames:
                places.append([key, *_sizes(frames, request["width"], request["height"])])
    send({"places": places})


def _frames_from(source: Any, stream: Any, key: int) -> Iterator[Any]:
    source.seek(key, stream=stream)
    return (frame for frame in source.decode(stream) if (frame.pts or 0) >= key)


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

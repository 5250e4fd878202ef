"""Make segments by copying packets. Runs in the child process only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from media.ffmpeg.boxes import Sample, write_audio, write_media
from media.ffmpeg.errors import UnexpectedOutput
from media.ffmpeg.inspecting import open_source
from media.ffmpeg.mending import SoundMender, is_whole


def copy(request: dict[str, Any], send: Callable[..., None]) -> None:
    """Answer with the segments `first` to `last`; the parent writes them to files."""
    with open_source(request["path"]) as source:
        stream = source.streams[request["stream_index"]]
        if request["kind"] == "video":
            _copy_video(source, stream, request, send)
        else:
            _copy_audio(source, stream, request, send)


def _copy_video(
    source: Any, stream: Any, request: dict[str, Any], send: Callable[..., None]
) -> None:
    bounds, marks = request["bounds"], request["marks"]
    number, last = request["first"], request["last"]
    samples: list[Sample] = []
    payload: list[bytes] = []
    base, origin = stream.time_base, bounds[0]
    if number:
        source.seek(bounds[number], stream=stream)

    def finish() -> None:
        start, end = marks[number], marks[number + 1]
        data = write_media(
            samples,
            b"".join(payload),
            number=number,
            start=start,
            end=end,
            delay=request["delay"],
        )
        _write(number, data, len(samples), send)
        samples.clear()
        payload.clear()

    started = is_broken = False
    still = b""
    for packet in source.demux(stream):
        if packet.pts is None or not packet.size:
            continue
        if not started:
            started = packet.is_keyframe and packet.pts == bounds[number]
            if packet.is_keyframe and packet.pts > bounds[number]:
                raise UnexpectedOutput(f"piece {number} does not start at a keyframe")
            if not started:
                continue
        if packet.is_keyframe and packet.pts == bounds[number + 1]:
            finish()
            if number == last:
                return
            number += 1
        exact = (packet.pts - origin) * base * 90_000
        shown_at = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
        data, is_key = bytes(packet), bool(packet.is_keyframe)
        is_broken = (is_broken and not is_key) or not is_whole(data)
        if is_broken and still:
            # Where the first picture of a segment is lost, the last one that stood alone stays.
            if samples:
                continue
            data, is_key = still, True
        elif is_key:
            still = data
        samples.append(Sample(shown_at, len(data), is_key))
        payload.append(data)
    if number != last or not samples:
        raise UnexpectedOutput(f"the source ended in piece {number} of {last}")
    finish()


def _copy_audio(
    source: Any, stream: Any, request: dict[str, Any], send: Callable[..., None]
) -> None:
    bounds, marks = request["bounds"], request["marks"]
    number, last = request["first"], request["last"]
    frames = (marks[number + 1] - marks[number]) // 1024
    sizes: list[int] = []
    payload: list[bytes] = []
    mender = SoundMender(stream)
    if number:
        source.seek(bounds[number], stream=stream)
    for packet in source.demux(stream):
        if packet.pts is None or not packet.size or packet.pts < bounds[number]:
            continue
        if not sizes and packet.pts != bounds[number]:
            raise UnexpectedOutput(f"audio segment {number} does not start where it should")
        data = mender.mended(bytes(packet))
        sizes.append(len(data))
        payload.append(data)
        if len(sizes) == frames:
            data = write_audio(sizes, b"".join(payload), number=number, start=marks[number])
            _write(number, data, len(sizes), send)
            if number == last:
                return
            number += 1
            frames = (marks[number + 1] - marks[number]) // 1024
            sizes, payload = [], []
    raise UnexpectedOutput(f"the source ended in audio segment {number} of {last}")


def _write(number: int, data: bytes, frames: int, send: Callable[..., None]) -> None:
    send({"number": number, "frames": frames}, data)

"""Read the facts and the timestamps of a source. Runs in the child process only."""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av

from media.ffmpeg import sniff
from media.ffmpeg.boxes import split
from media.ffmpeg.errors import UnreadableMedia, too_long
from media.ffmpeg.fitness import (
    KEYFRAME_HEAD_BYTES,
    why_audio_is_not_copied,
    why_keyframe_is_not_copied,
    why_video_is_not_copied,
)
from media.ffmpeg.timelines import (
    PACKETS_TO_COMPARE,
    Packets,
    ReadPackets,
    from_index,
    moov_of,
    truncated,
)
from media.ffmpeg.whitelist import (
    AUDIO_DECODERS,
    INPUT_OPTIONS,
    SUBTITLE_DECODERS,
    VIDEO_DECODERS,
)

#: Containers whose timestamps cannot be sought exactly, or not at all.
_REMUXED = frozenset({"mpegts", "avi", "mpeg", "flv", "aac", "mp3"})

#: Containers that are read from the front only: no keyframe in them is a place to begin.
_NEVER_SOUGHT = frozenset({"gif"})

#: So many packets may pass before the first picture must have been decoded.
_PACKETS_TO_FIRST_PICTURE = 600

#: Names of languages and tracks that are longer than this are cut.
_MOST_WORD_LETTERS = 60

_COPY_FLAGS = {
    "movflags": "+frag_keyframe+empty_moov+default_base_moof+skip_trailer",
    "video_track_timescale": "90000",
    "use_editlist": "0",
    "fflags": "+bitexact",
}


def inspect(request: dict[str, Any], send: Callable[..., None]) -> None:
    """Answer with the facts, then with one message per timeline."""
    path = Path(request["path"])
    with path.open("rb") as file:
        head = file.read(sniff.HEAD_BYTES)
    sniff.refuse_references(head)
    with av.logging.Capture(local=False) as said:
        try:
            source = av.open(str(path), options=INPUT_OPTIONS, metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            _refuse_streams(said)
            if isinstance(error, MemoryError):
                raise
            raise sniff.unreadable(head) from error
        _refuse_streams(said)
    with source:
        _Inspector(path, source, request, send).run()


def open_source(path: str) -> Any:
    """Open a source that has been inspected before."""
    return av.open(path, options=INPUT_OPTIONS, metadata_errors="replace")


class _Inspector:
    """One look at one open source."""

    def __init__(
        self,
        path: Path,
        source: Any,
        request: dict[str, Any],
        send: Callable[..., None],
    ) -> None:
        self.path = path
        self.source = source
        self.limits = request["limits"]
        self.send = send
        #: Of a file that is still arriving: how long it will be.
        self.expected_bytes: int | None = request["expected_bytes"]
        self.is_growing: bool = request["is_growing"]
        self.size_bytes = self.expected_bytes or path.stat().st_size
        self.container = _container(source.format.name)
        self.video = _choose(source.streams.video, VIDEO_DECODERS)
        self.audio = _choose(source.streams.audio, AUDIO_DECODERS)
        self.picture: Any = None
        wanted = [stream for stream in (self.video, self.audio) if stream is not None]
        self.read_packets = {stream.index: ReadPackets() for stream in wanted}
        self.packets: Mapping[int, Packets] = self.read_packets
        self.demuxed = source.demux(wanted)
        self.tried = 0
        self.was_asked = False
        self.keyframe_refusal = ""

    def run(self) -> None:
        self.refuse()
        needs_remux = self.container in _REMUXED
        if not needs_remux:
            self.read_timelines()
        elif self.video is not None:
            self.read(limit=_PACKETS_TO_FIRST_PICTURE)
        facts = {
            "container": self.container,
            "size_bytes": self.size_bytes,
            "duration_seconds": self.duration_seconds(),
            "needs_remux": needs_remux,
            "video": self.video_facts() if self.video is not None else None,
            "audio": self.audio_facts() if self.audio is not None else None,
            "subtitles": [] if needs_remux else _subtitles(self.source.streams.subtitles),
        }
        self.send({"facts": facts})
        if needs_remux:
            return
        if self.video is not None:
            self.send_timeline("video", self.video, why_video_is_not_copied(self))
        if self.audio is not None:
            self.send_timeline("audio", self.audio, why_audio_is_not_copied(self))

    def refuse(self) -> None:
        """Raise UnreadableMedia for what must not be decoded at all."""
        streams = self.source.streams
        if len(streams) > self.limits["streams"]:
            raise too_many_streams()
        wanted = [*_pictures(streams.video), *streams.audio]
        if not wanted:
            raise UnreadableMedia("not-a-video", "The file has neither picture nor sound.")
        if self.video is None and (_pictures(streams.video) or self.audio is None):
            name = _codec_name(wanted[0]) or "unknown"
            raise UnreadableMedia(
                "unsupported-codec", f"The codec “{name}” is not supported by this server."
            )
        if self.video is not None:
            context = self.video.codec_context
            if context.width * context.height > self.limits["pixels"]:
                raise UnreadableMedia(
                    "too-many-pixels",
                    f"The picture is {context.width}×{context.height}, larger than is accepted.",
                )
            if not context.width or not context.height:
                raise UnreadableMedia("cannot-decode", "The picture of the file has no size.")
            # What the packets say may be another size than what the container says.
            context.options = {"max_pixels": str(self.limits["pixels"])}
        if (self.duration_guess() or 0) > self.limits["duration_seconds"]:
            raise too_long(self.limits["duration_seconds"])

    def read_timelines(self) -> None:
        """From the index where a sample of packets confirms it, else from all packets."""
        moov = moov_of(self.path, self.container)
        indexed = {
            stream.index: from_index(self.size_bytes, stream, moov)
            for stream in (self.video, self.audio)
            if stream is not None
        }
        if all(indexed.values()):
            self.read(limit=PACKETS_TO_COMPARE * len(indexed))
            if self.video is not None and self.picture is None:
                self.read(limit=_PACKETS_TO_FIRST_PICTURE)
            settled = {
                index: track.settled(self.read_packets[index])
                for index, track in indexed.items()
                if track
            }
            if all(settled.values()):
                self.packets = {index: packets for index, packets in settled.items() if packets}
                return
        if self.expected_bytes is not None and not self.is_growing:
            raise truncated()
        self.read(limit=None)

    def read(self, *, limit: int | None) -> None:
        """Read so many packets on (all: None), decoding until there is a picture."""
        for packet in islice(self.demuxed, limit):
            if packet.pts is not None and packet.size:
                self.read_packets[packet.stream_index].add(packet)
                if packet.is_keyframe and not self.keyframe_refusal:
                    self.look_into(packet)
            if self.picture is None and packet.stream.type == "video":
                self.tried += 1
                if self.tried <= _PACKETS_TO_FIRST_PICTURE:
                    self.picture = self.decode(packet)

    def look_into(self, packet: Any) -> None:
        """Remember if a keyframe of H.264 cannot be copied."""
        context = packet.stream.codec_context
        if context.name == "h264":
            head = bytes(memoryview(packet)[:KEYFRAME_HEAD_BYTES])
            self.keyframe_refusal = why_keyframe_is_not_copied(head, context.extradata)

    def decode(self, packet: Any) -> Any:
        """The first picture that comes out with this packet, if one does.

        A decoder holds pictures back until it has seen a few more packets. That of the first
        keyframe is asked of it at once; if there is none, it begins anew and is given more.
        """
        try:
            if packet.is_keyframe and not self.was_asked:
                self.was_asked = True
                pictures = packet.decode() or packet.stream.decode(None)
                if pictures:
                    return pictures[0]
                packet.stream.codec_context.flush_buffers()
            return next(iter(packet.decode()), None)
        except av.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            return None  # A damaged packet; a later one may do.

    def duration_guess(self) -> float | None:
        """What the container says, if it says anything."""
        said = self.source.duration
        return float(said) / 1_000_000 if said else None

    def duration_seconds(self) -> float:
        """From the packets that were read, else what the container says."""
        ends = []
        for stream in (self.video, self.audio):
            packets = self.packets.get(stream.index) if stream is not None else None
            if packets and packets.shown_at:
                first, last = packets.span
                ends.append(float((last + packets.last_duration - first) * stream.time_base))
        if self.container in _REMUXED:
            return self.duration_guess() or max(ends, default=0.0)
        return max(ends, default=self.duration_guess() or 0.0)

    def video_facts(self) -> dict[str, Any]:
        picture, context = self.picture, self.video.codec_context
        if picture is None:
            raise UnreadableMedia("cannot-decode", "No picture of the file can be decoded.")
        rotation = int(picture.rotation) % 360
        shape = self.video.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1)
        shape = shape if Fraction(1, 8) <= shape <= 8 else Fraction(1)
        width, height = (
            (round(picture.width * shape), picture.height)
            if shape >= 1
            else (picture.width, round(picture.height / shape))
        )
        if rotation % 180:
            width, height = height, width
        packets = self.packets[self.video.index]
        return {
            "stream_index": self.video.index,
            "codec": context.codec.canonical_name,
            "profile": context.profile,
            "width": picture.width,
            "height": picture.height,
            "display_width": width,
            "display_height": height,
            "rotation": rotation,
            "frame_rate": _pair(self.frame_rate()),
            "pix_fmt": picture.format.name,
            "time_base": _pair(self.video.time_base),
            "bit_rate_bps": self.bit_rate(self.video, packets),
            "color_primaries": int(picture.color_primaries or 2),
            "color_transfer": int(picture.color_trc or 2),
            "color_space": int(picture.colorspace or 2),
            "is_full_range": int(picture.color_range) == 2,
            "is_interlaced": bool(picture.interlaced_frame),
        }

    def audio_facts(self) -> dict[str, Any]:
        context = self.audio.codec_context
        if not context.sample_rate or not context.channels:
            raise UnreadableMedia("cannot-decode", "The sound of the file cannot be decoded.")
        return {
            "stream_index": self.audio.index,
            "codec": context.codec.canonical_name,
            "profile": context.profile,
            "sample_rate": context.sample_rate,
            "channels": context.channels,
            "bit_rate_bps": self.bit_rate(self.audio, self.packets.get(self.audio.index)),
            "time_base": _pair(self.audio.time_base),
        }

    def frame_rate(self) -> Fraction:
        guess = self.video.average_rate or self.video.guessed_rate or Fraction(30)
        return guess if Fraction(1, 10) <= guess <= 1000 else Fraction(30)

    def bit_rate(self, stream: Any, packets: Packets | None) -> int:
        if packets is None or len(packets.shown_at) < 2:
            return int(stream.codec_context.bit_rate or 0)
        first, last = packets.span
        seconds = float((last - first) * stream.time_base)
        return round(sum(packets.sizes) * 8 / seconds) if seconds else 0

    def send_timeline(self, kind: str, stream: Any, refusal: str) -> None:
        packets = self.packets[stream.index]
        frames, sizes = packets.presented()
        can_seek = kind == "video" and self.container not in _NEVER_SOUGHT
        keys = packets.keys() if can_seek else []
        step = packets.last_duration
        if not step and len(frames) > 1:
            step = frames[-1] - frames[-2]
        if not step:
            rate = self.frame_rate() if kind == "video" else Fraction(50)
            step = max(round(1 / rate / stream.time_base), 1)
        init = b"" if refusal else copy_init(stream)
        self.send(
            {
                "timeline": kind,
                "refusal": refusal,
                "end": frames[-1] + step if frames else 0,
                "counts": [len(frames), len(keys), len(sizes), len(init)],
            },
            b"".join(array("q", numbers).tobytes() for numbers in (frames, keys, sizes)) + init,
        )


def copy_init(stream: Any) -> bytes:
    """The init of fMP4 segments that hold the packets of `stream` as they are."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options=_COPY_FLAGS) as target:
        copy = target.add_stream_from_template(stream)
        copy.metadata.clear()
        if stream.type == "video":
            copy.time_base = Fraction(1, 90_000)
        target.start_encoding()
    return split(buffer.getvalue())[0]


def _refuse_streams(said: list[tuple[int, str, str]]) -> None:
    """Raise UnreadableMedia if FFmpeg has left streams out: some containers open all the same."""
    if any("max_streams" in message for _, _, message in said):
        raise too_many_streams()


def too_many_streams() -> UnreadableMedia:
    """The refusal of a file with more streams than are read."""
    return UnreadableMedia("too-many-streams", "The file has too many streams.")


def _container(names: str) -> str:
    first = names.split(",")[0]
    return {"mov": "mp4"}.get(first, first)


def _pictures(streams: Any) -> list[Any]:
    """Video streams without cover art."""
    return [s for s in streams if not s.disposition & av.stream.Disposition.attached_pic]


def _subtitles(streams: Any) -> list[dict[str, Any]]:
    """What is known of subtitles that are text."""
    return [
        {
            "stream_index": stream.index,
            "language": str(stream.metadata.get("language", ""))[:_MOST_WORD_LETTERS],
            "title": str(stream.metadata.get("title", ""))[:_MOST_WORD_LETTERS],
        }
        for stream in streams
        if _codec_name(stream) in SUBTITLE_DECODERS
    ]


def _codec_name(stream: Any) -> str | None:
    return stream.codec_context.name if stream.codec_context else None


def _choose(streams: Any, decoders: tuple[str, ...]) -> Any:
    """The stream to play: the default one of those that may be decoded, else the first."""
    usable = [s for s in _pictures(streams) if _codec_name(s) in decoders]
    default = (s for s in usable if s.disposition & av.stream.Disposition.default)
    return next(default, usable[0] if usable else None)


def _pair(value: Fraction) -> list[int]:
    return [value.numerator, value.denominator]

"""HLS playlists (RFC 8216bis) from plain facts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

_AUDIO_GROUP = "audio"
_SUBTITLE_GROUP = "subtitles"


@dataclass(frozen=True, kw_only=True)
class VideoRendition:
    """One entry of a multivariant playlist. Bits per second are of the video alone."""

    uri: str
    codecs: str
    width: int
    height: int
    frame_rate: Fraction | float
    peak_bps: int
    average_bps: int


@dataclass(frozen=True, kw_only=True)
class AudioRendition:
    """The sound of all video renditions, or of a file that has nothing else."""

    uri: str
    codecs: str
    channels: int
    peak_bps: int
    average_bps: int
    name: str = "Main"
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class IFrameRendition:
    """The first pictures of all segments of a video rendition, to look for a place with."""

    uri: str
    codecs: str
    width: int
    height: int
    peak_bps: int
    average_bps: int


@dataclass(frozen=True, kw_only=True)
class SubtitleRendition:
    """A track of subtitles for all video renditions. Names differ; `language` may be empty."""

    uri: str
    name: str
    language: str = ""


def multivariant(
    *,
    videos: Sequence[VideoRendition],
    audio: AudioRendition | None = None,
    subtitles: Sequence[SubtitleRendition] = (),
    i_frames: Sequence[IFrameRendition] = (),
) -> str:
    """The multivariant playlist, with `videos` in the given order.

    Without videos, the sound is the only variant.
    """
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if audio and videos:
        lines.append(_media(audio))
    if videos:
        lines += map(_subtitles, subtitles)
    for video in videos:
        lines += [_stream(video, audio, has_subtitles=bool(subtitles)), video.uri]
    lines += map(_i_frames, i_frames)
    if audio and not videos:
        lines += [_sound_only(audio), audio.uri]
    return "\n".join(lines) + "\n"


def variant(
    *,
    durations_seconds: Sequence[float],
    init_uri: str | None = "init.mp4",
    segment_uri: str = "{number}.m4s",
) -> str:
    """The VOD playlist of one rendition: every planned segment, made or not, numbered from 0.

    Without `init_uri` the segments need none.
    """
    lines = [*_media_head(durations_seconds), "#EXT-X-INDEPENDENT-SEGMENTS"]
    if init_uri is not None:
        lines.append(f'#EXT-X-MAP:URI="{_quoted(init_uri)}"')
    for number, seconds in enumerate(durations_seconds):
        lines += [f"#EXTINF:{seconds:.6f},", segment_uri.format(number=number)]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def i_frames_only(
    *,
    durations_seconds: Sequence[float],
    picture_bytes: Sequence[int],
    init_uri: str = "init.mp4",
    segment_uri: str = "{number}.m4s",
) -> str:
    """The list of the first pictures of all segments (RFC 8216, 4.3.3.6), as ranges of them."""
    lines = [
        *_media_head(durations_seconds),
        "#EXT-X-I-FRAMES-ONLY",
        f'#EXT-X-MAP:URI="{_quoted(init_uri)}"',
    ]
    pictures = zip(durations_seconds, picture_bytes, strict=True)
    for number, (seconds, size_bytes) in enumerate(pictures):
        lines += [f"#EXTINF:{seconds:.6f},", f"#EXT-X-BYTERANGE:{size_bytes}@0"]
        lines.append(segment_uri.format(number=number))
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _media_head(durations_seconds: Sequence[float]) -> list[str]:
    """What the playlist of every rendition begins with."""
    target = max((_round(seconds) for seconds in durations_seconds), default=1)
    return [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(target, 1)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
    ]


def _i_frames(pictures: IFrameRendition) -> str:
    attributes = [
        f"BANDWIDTH={pictures.peak_bps}",
        f"AVERAGE-BANDWIDTH={pictures.average_bps}",
        f'CODECS="{_quoted(pictures.codecs)}"',
        f"RESOLUTION={pictures.width}x{pictures.height}",
        f'URI="{_quoted(pictures.uri)}"',
    ]
    return "#EXT-X-I-FRAME-STREAM-INF:" + ",".join(attributes)


def _stream(video: VideoRendition, audio: AudioRendition | None, *, has_subtitles: bool) -> str:
    codecs = f"{video.codecs},{audio.codecs}" if audio else video.codecs
    attributes = [
        f"BANDWIDTH={video.peak_bps + (audio.peak_bps if audio else 0)}",
        f"AVERAGE-BANDWIDTH={video.average_bps + (audio.average_bps if audio else 0)}",
        f'CODECS="{_quoted(codecs)}"',
        f"RESOLUTION={video.width}x{video.height}",
        f"FRAME-RATE={float(video.frame_rate):.3f}",
    ]
    if audio:
        attributes.append(f'AUDIO="{_AUDIO_GROUP}"')
    if has_subtitles:
        attributes.append(f'SUBTITLES="{_SUBTITLE_GROUP}"')
    return "#EXT-X-STREAM-INF:" + ",".join([*attributes, "CLOSED-CAPTIONS=NONE"])


def _sound_only(audio: AudioRendition) -> str:
    return (
        f"#EXT-X-STREAM-INF:BANDWIDTH={audio.peak_bps},AVERAGE-BANDWIDTH={audio.average_bps},"
        f'CODECS="{_quoted(audio.codecs)}"'
    )


def _media(audio: AudioRendition) -> str:
    attributes = [
        "TYPE=AUDIO",
        f'GROUP-ID="{_AUDIO_GROUP}"',
        f'NAME="{_quoted(audio.name)}"',
        "DEFAULT=YES",
        "AUTOSELECT=YES",
        f'CHANNELS="{audio.channels}"',
    ]
    if audio.language:
        attributes.append(f'LANGUAGE="{_quoted(audio.language)}"')
    return "#EXT-X-MEDIA:" + ",".join([*attributes, f'URI="{_quoted(audio.uri)}"'])


def _subtitles(track: SubtitleRendition) -> str:
    attributes = [
        "TYPE=SUBTITLES",
        f'GROUP-ID="{_SUBTITLE_GROUP}"',
        f'NAME="{_quoted(track.name)}"',
        "DEFAULT=NO",
        "AUTOSELECT=YES",
        "FORCED=NO",
    ]
    if track.language:
        attributes.append(f'LANGUAGE="{_quoted(track.language)}"')
    return "#EXT-X-MEDIA:" + ",".join([*attributes, f'URI="{_quoted(track.uri)}"'])


def _quoted(text: str) -> str:
    """Text for a quoted-string, which cannot hold quotes or line breaks (RFC 8216, 4.2)."""
    return "".join(char for char in text if char not in '"\r\n')


def _round(seconds: float) -> int:
    """To the nearest integer, halves up, as EXT-X-TARGETDURATION compares (RFC 8216, 4.3.3.1)."""
    return math.floor(seconds + 0.5)

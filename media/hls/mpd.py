"""DASH manifests (ISO 23009-1) over the very segments of the HLS playlists, from plain facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from itertools import groupby, pairwise

_NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
#: Live here means that segments are named by a template, not that more of them will come.
_PROFILES = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019"
_MIN_BUFFER_SECONDS = 6


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One video rendition. Bits per second are the most that any segment has."""

    name: str
    codecs: str
    width: int
    height: int
    frame_rate: Fraction
    peak_bps: int


@dataclass(frozen=True, kw_only=True)
class Sound:
    """The sound of all video renditions, or of a file that has nothing else."""

    name: str
    codecs: str
    channels: int
    sample_rate: int
    peak_bps: int


@dataclass(frozen=True, kw_only=True)
class Track:
    """A track of subtitles in one file."""

    uri: str
    name: str
    language: str


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Where the segments of renditions begin and end, in ticks from 0 on."""

    timescale: int
    marks: Sequence[int]


def manifest(
    *,
    folder: str,
    duration_seconds: float,
    pictures: Sequence[Picture] = (),
    picture_timeline: Timeline | None = None,
    sound: Sound | None = None,
    sound_timeline: Timeline | None = None,
    tracks: Sequence[Track] = (),
) -> str:
    """The manifest of all renditions, whose segments are `{folder}/{name}/{number}.m4s` from 0."""
    sets: list[str] = []
    if pictures and picture_timeline:
        representations = [_picture(each) for each in pictures]
        sets += _set("video", "video/mp4", folder, picture_timeline, representations)
    if sound and sound_timeline:
        sets += _set("audio", "audio/mp4", folder, sound_timeline, [_sound(sound)])
    for track in tracks:
        sets += _track(track)
    head = _element(
        "MPD",
        xmlns=_NAMESPACE,
        profiles=_PROFILES,
        type="static",
        mediaPresentationDuration=f"PT{duration_seconds:.6f}S",
        minBufferTime=f"PT{_MIN_BUFFER_SECONDS}S",
    )
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            *(head, _element("Period", id="0", start="PT0S"), *sets),
            *("</Period>", "</MPD>", ""),
        ]
    )


def _set(
    kind: str, mime: str, folder: str, timeline: Timeline, representations: Iterable[str]
) -> list[str]:
    template = _element(
        "SegmentTemplate",
        timescale=timeline.timescale,
        initialization=f"{folder}/$RepresentationID$/init.mp4",
        media=f"{folder}/$RepresentationID$/$Number$.m4s",
        startNumber=0,
    )
    return [
        _element(
            "AdaptationSet",
            contentType=kind,
            mimeType=mime,
            segmentAlignment="true",
            startWithSAP=1,
        ),
        *(template, "<SegmentTimeline>", *_runs(timeline.marks), "</SegmentTimeline>"),
        "</SegmentTemplate>",
        *representations,
        "</AdaptationSet>",
    ]


def _runs(marks: Sequence[int]) -> list[str]:
    """Segments of one length that follow one another are one line."""
    lines, at = [], marks[0]
    for length, run in groupby(end - start for start, end in pairwise(marks)):
        count = len(list(run))
        repeats = f' r="{count - 1}"' if count > 1 else ""
        lines.append(f'<S t="{at}" d="{length}"{repeats}/>')
        at += count * length
    return lines


def _picture(each: Picture) -> str:
    return _element(
        "Representation",
        empty=True,
        id=each.name,
        codecs=each.codecs,
        bandwidth=each.peak_bps,
        width=each.width,
        height=each.height,
        frameRate=f"{each.frame_rate.numerator}/{each.frame_rate.denominator}",
    )


def _sound(sound: Sound) -> str:
    opening = _element(
        "Representation",
        id=sound.name,
        codecs=sound.codecs,
        bandwidth=sound.peak_bps,
        audioSamplingRate=sound.sample_rate,
    )
    channels = _element(
        "AudioChannelConfiguration",
        empty=True,
        schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011",
        value=sound.channels,
    )
    return f"{opening}{channels}</Representation>"


def _track(track: Track) -> list[str]:
    about: dict[str, object] = {"lang": track.language} if track.language else {}
    about |= {"contentType": "text", "mimeType": "text/vtt"}
    return [
        _element("AdaptationSet", **about),
        f"<Label>{escape(track.name)}</Label>",
        _element("Representation", id=track.uri.split("/")[-2], bandwidth=1000),
        f"<BaseURL>{escape(track.uri)}</BaseURL>",
        *("</Representation>", "</AdaptationSet>"),
    ]


def _element(tag: str, **attributes: object) -> str:
    """An opening tag, or the whole element where it is empty."""
    is_empty = attributes.pop("empty", False)
    words = [f'{name}="{escape(str(value))}"' for name, value in attributes.items()]
    return f"<{' '.join([tag, *words])}{'/' if is_empty else ''}>"

"""Subtitles that are text: which tracks are taken, what they are called, and their WebVTT."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from media.ffmpeg.facts import SubtitleFacts
from media.ffmpeg.plan import SubtitlePlan

#: Files name languages by three letters (ISO 639-2), browsers by two where there are two.
_LANGUAGES = {
    "ara": ("ar", "العربية"),
    "ces": ("cs", "Čeština"),
    "cze": ("cs", "Čeština"),
    "dan": ("da", "Dansk"),
    "deu": ("de", "Deutsch"),
    "ger": ("de", "Deutsch"),
    "ell": ("el", "Ελληνικά"),
    "gre": ("el", "Ελληνικά"),
    "eng": ("en", "English"),
    "fin": ("fi", "Suomi"),
    "fra": ("fr", "Français"),
    "fre": ("fr", "Français"),
    "heb": ("he", "עברית"),
    "hin": ("hi", "हिन्दी"),
    "hun": ("hu", "Magyar"),
    "ind": ("id", "Bahasa Indonesia"),
    "ita": ("it", "Italiano"),
    "jpn": ("ja", "日本語"),
    "kor": ("ko", "한국어"),
    "nld": ("nl", "Nederlands"),
    "dut": ("nl", "Nederlands"),
    "nor": ("no", "Norsk"),
    "pol": ("pl", "Polski"),
    "por": ("pt", "Português"),
    "ron": ("ro", "Română"),
    "rum": ("ro", "Română"),
    "rus": ("ru", "Русский"),
    "spa": ("es", "Español"),
    "swe": ("sv", "Svenska"),
    "tha": ("th", "ไทย"),
    "tur": ("tr", "Türkçe"),
    "ukr": ("uk", "Українська"),
    "vie": ("vi", "Tiếng Việt"),
    "zho": ("zh", "中文"),
    "chi": ("zh", "中文"),
}

#: What a file without a word about the language says.
_NO_LANGUAGE = frozenset({"und", "zxx", "mis", "mul"})
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")

#: For players: the clock of the text is that of the segments, which begins at 0.
_TIMESTAMP_MAP = "X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000"

#: What stands where a track could not be read.
EMPTY = f"WEBVTT\n{_TIMESTAMP_MAP}\n\n"


def plan_subtitles(tracks: Sequence[SubtitleFacts]) -> tuple[SubtitlePlan, ...]:
    """The tracks with names for addresses and labels that differ.

    >>> [t.label for t in plan_subtitles([
    ...     SubtitleFacts(stream_index=2, language="eng", title=""),
    ...     SubtitleFacts(stream_index=3, language="eng", title=""),
    ...     SubtitleFacts(stream_index=4, language="", title="Director"),
    ... ])]
    ['English', 'English (2)', 'Director']
    """
    planned: list[SubtitlePlan] = []
    for number, track in enumerate(tracks):
        language, spoken = _language(track.language)
        label = " ".join(track.title.split()) or spoken or "Subtitles"
        same = sum(re.sub(r" \(\d+\)$", "", each.label) == label for each in planned)
        planned.append(
            SubtitlePlan(
                name=f"subtitles{number}",
                stream_index=track.stream_index,
                language=language,
                label=f"{label} ({same + 1})" if same else label,
            )
        )
    return tuple(planned)


def _language(said: str) -> tuple[str, str]:
    """The tag of a language (BCP 47) and its own name for itself; empty if it is not known."""
    if said in _NO_LANGUAGE or not _TAG.fullmatch(said):
        return "", ""
    return _LANGUAGES.get(said, (said, said))


def subtitle_arguments(
    tracks: Sequence[SubtitlePlan], *, origin_seconds: Fraction, out_dir: Path
) -> tuple[list[str], list[str]]:
    """Options of the input and of the outputs: {name}.vtt in `out_dir`, on the segments' clock."""
    outputs = [
        word
        for track in tracks
        for word in (
            *("-map", f"0:{track.stream_index}", "-map_metadata", "-1", "-c:s", "webvtt"),
            *("-fflags", "+bitexact", "-f", "webvtt", str(out_dir / f"{track.name}.vtt")),
        )
    ]
    return ["-itsoffset", f"{-float(origin_seconds):.6f}"], outputs


def with_clock(text: str) -> str:
    """WebVTT with the line that ties it to the segments (RFC 8216, 3.5)."""
    head, _, cues = text.partition("\n")
    return f"{head}\n{_TIMESTAMP_MAP}\n{cues}" if head.startswith("WEBVTT") else EMPTY

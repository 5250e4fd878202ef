"""Sources whose sound is unusual: when it is there, its channels, its codec; or sound alone."""

from __future__ import annotations

from pathlib import Path

from tests.matrix.beeps import every_second
from tests.matrix.film import AAC, ffmpeg, film, sound_file
from tests.matrix.source import Source

_FLAC = ("-c:a", "flac", "-strict", "-2")


def shifted(path: Path, *, seconds: float, audio: tuple[str, ...] = AAC) -> None:
    """A film whose sound begins so many seconds after the picture (or before it)."""
    silent = film(path.with_name("silent.mkv"), sound=None)
    tones = path.with_name("tones.wav")
    every_second(3).write(tones)
    ffmpeg(
        *("-i", str(silent), "-itsoffset", str(seconds), "-i", str(tones)),
        *("-map", "0:v", "-map", "1:a", "-c:v", "copy", *audio, str(path)),
    )


def covered(path: Path, *audio: str) -> None:
    """Sound with a picture that stands for it."""
    cover = path.with_name("cover.jpg")
    ffmpeg("-f", "lavfi", "-i", "color=orange:s=120x120:d=1:r=1", "-frames:v", "1", str(cover))
    sound_file(
        path,
        *("-map", "0:a", "-map", "1:v", *audio, "-c:v", "copy", "-disposition:v", "attached_pic"),
        sound=every_second(6),
        inputs=("-i", str(cover)),
    )


def two_tracks(path: Path) -> None:
    """A film with a silent track, and after it the one that is to be heard."""
    heard = film(path.with_name("heard.mkv"))
    ffmpeg(
        *("-i", str(heard), "-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono:d=4"),
        *("-map", "0:v", "-map", "1:a", "-map", "0:a", "-c:v", "copy", *AAC),
        *("-disposition:a:0", "0", "-disposition:a:1", "default", str(path)),
    )


def _alone(name: str, about: str, filename: str, *arguments: str) -> Source:
    return Source(
        name=name,
        about=about,
        filename=filename,
        make=lambda path: sound_file(path, *arguments, sound=every_second(6)),
        frames=(),
        beeps=tuple(n + 0.5 for n in range(6)),
        seconds=6.0,
        rungs=(),
    )


def _encoded(
    name: str, about: str, filename: str, *audio: str, rate: int = 48_000, seconds: float = 4.0
) -> Source:
    return Source(
        name=name,
        about=about,
        filename=filename,
        make=lambda path: film(path, audio=audio, sound=every_second(4, rate=rate)),
        seconds=seconds,
        is_copied=True,
    )


def _covered(kind: str, *audio: str) -> Source:
    return Source(
        name=f"cover-art-{kind}",
        about=f"sound with a picture of its cover, {kind.upper()}",
        filename=f"a.{kind}",
        make=lambda path: covered(path, *audio),
        frames=(),
        beeps=tuple(n + 0.5 for n in range(6)),
        seconds=6.0,
        rungs=(),
    )


BESIDE_A_PICTURE = (
    Source(
        name="silent",
        about="no sound at all",
        filename="a.mp4",
        make=lambda path: film(path, sound=None),
        beeps=(),
        is_copied=True,
    ),
    Source(
        name="late-sound",
        about="AAC that begins a second after the picture",
        filename="a.mp4",
        make=lambda path: shifted(path, seconds=1),
        beeps=(1.5, 2.5, 3.5),
        is_copied=True,
    ),
    Source(
        name="late-sound-opus",
        about="the same with Opus in Matroska",
        filename="a.mkv",
        make=lambda path: shifted(path, seconds=1, audio=("-c:a", "libopus")),
        beeps=(1.5, 2.5, 3.5),
        is_copied=True,
    ),
    Source(
        name="early-sound",
        about="sound that begins 0.7 s before the picture; what nobody can see is not heard",
        filename="a.mkv",
        make=lambda path: shifted(path, seconds=-0.72),
        beeps=(0.78, 1.78),
        is_copied=True,
    ),
    Source(
        name="longer-sound",
        about="sound that goes on for 2 s after the last picture",
        filename="a.mp4",
        make=lambda path: film(path, sound=every_second(6)),
        beeps=tuple(n + 0.5 for n in range(6)),
        seconds=6.0,
        is_copied=True,
    ),
    Source(
        name="shorter-sound",
        about="sound that ends 2 s before the last picture",
        filename="a.mp4",
        make=lambda path: film(path, sound=every_second(2)),
        beeps=(0.5, 1.5),
        is_copied=True,
    ),
    Source(
        name="two-tracks",
        about="two tracks of sound, the second of which is the default",
        filename="a.mp4",
        make=two_tracks,
        is_copied=True,
    ),
    Source(
        name="sound-gap",
        about="sound that pauses for a second while the picture goes on",
        filename="a.mp4",
        make=lambda path: film(
            path, "-af", r"asetpts=if(gte(T\,2)\,PTS+1/TB\,PTS)", sound=every_second(3)
        ),
        beeps=(0.5, 1.5, 3.5),
        is_copied=True,
    ),
    _encoded("5.1-aac", "six channels, AAC", "a.mp4", *AAC, "-ac", "6"),
    _encoded("5.1-ac3", "six channels, AC-3 in Matroska", "a.mkv", "-c:a", "ac3", "-ac", "6"),
    _encoded("5.1-eac3", "six channels, E-AC-3", "a.mp4", "-c:a", "eac3", "-ac", "6"),
    _encoded("7.1", "eight channels, FLAC", "a.mkv", *_FLAC, "-ac", "8"),
    _encoded("7.1-aac", "eight channels, AAC", "a.mp4", *AAC, "-ac", "8"),
    _encoded("mono-8-khz", "one channel at 8 kHz", "a.mp4", *AAC[:2], rate=8000, seconds=4.096),
    _encoded("96-khz", "two channels at 96 kHz", "a.mp4", *AAC, "-ac", "2", rate=96_000),
    _encoded("pcm", "uncompressed sound in MOV", "a.mov", "-c:a", "pcm_s16le"),
    _encoded("alac", "Apple Lossless", "a.mp4", "-c:a", "alac"),
    _encoded("mp3-in-mp4", "MP3 in MP4", "a.mp4", "-c:a", "libmp3lame", "-ar", "44100"),
)

ALONE = (
    _alone("m4a", "AAC alone: it is copied", "a.m4a", *AAC),
    _alone("mp3", "MP3", "a.mp3", "-c:a", "libmp3lame", "-ar", "44100"),
    _alone("flac", "FLAC", "a.flac", "-c:a", "flac", "-ar", "44100"),
    _alone("adts", "raw AAC", "a.aac", *AAC),
    _alone("webm-sound", "Opus in WebM", "a.webm", "-c:a", "libopus"),
    _alone("opus", "Opus in Ogg", "a.opus", "-c:a", "libopus"),
    _alone("vorbis", "Vorbis in Ogg", "a.ogg", "-c:a", "libvorbis"),
    _alone(
        "wav",
        "uncompressed sound at 96 kHz in 24 bits",
        "a.wav",
        "-c:a",
        "pcm_s24le",
        "-ar",
        "96000",
    ),
    _covered("m4a", *AAC),
    _covered("mp3", "-c:a", "libmp3lame"),
    _covered("flac", *_FLAC),
)

SOURCES = (*BESIDE_A_PICTURE, *ALONE)

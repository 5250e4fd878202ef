"""What may be read at all. Everything else is refused before a parser or decoder starts.

Formats that name other files (playlists, concat scripts, session descriptions) are left out on
purpose: with them, an upload could make the server read files and addresses of its choice.
"""

from __future__ import annotations

PROTOCOLS = ("file", "pipe")

FORMATS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi"),
    *("mpegts", "mpeg", "flv", "ogg", "mp3", "wav", "aac", "flac", "gif"),
)

VIDEO_DECODERS = (
    *("h264", "hevc", "vp8", "vp9", "av1", "libdav1d"),
    *("mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "prores", "gif"),
)

AUDIO_DECODERS = (
    *("aac", "mp3", "mp3float", "mp2", "mp2float", "opus", "libopus", "vorbis", "flac", "alac"),
    *("ac3", "eac3", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le"),
    *("pcm_f32le", "pcm_u8"),
)

#: Subtitles that are text. Those that are pictures (DVD, Blu-ray, DVB) stay in the source.
SUBTITLE_DECODERS = ("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text")

#: Films come with sound and text in dozens of languages, and with fonts; each is a stream.
MAX_STREAMS = 64
MAX_PIXELS = 40_000_000
PROBE_BYTES = 20_000_000

#: Options of the demuxer, by name: the same for ffmpeg and for PyAV.
INPUT_OPTIONS = {
    "protocol_whitelist": ",".join(PROTOCOLS),
    "format_whitelist": ",".join(FORMATS),
    "codec_whitelist": ",".join((*VIDEO_DECODERS, *AUDIO_DECODERS, *SUBTITLE_DECODERS)),
    "max_streams": str(MAX_STREAMS),
    "probesize": str(PROBE_BYTES),
    "analyzeduration": "20000000",
}

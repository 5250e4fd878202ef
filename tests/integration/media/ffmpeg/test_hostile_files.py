"""What must not be read is refused, with a code and a sentence, and nothing else is opened."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from media.ffmpeg.errors import UnreadableMedia
from media.ffmpeg.facts import ProbeLimits
from media.ffmpeg.probe import inspect
from tests.integration.media.ffmpeg.clips import clip, ffmpeg


def refusal(path: Path, **limits: float) -> UnreadableMedia:
    with pytest.raises(UnreadableMedia) as caught:
        inspect(path, limits=ProbeLimits(**limits))  # type: ignore[arg-type]  # numbers all
    assert caught.value.detail.endswith(".")
    return caught.value


def written(folder: Path, data: bytes, name: str = "upload.mp4") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


REFERENCES = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{victim}\n#EXT-X-ENDLIST\n",
    "hls after a mark": "\ufeff#EXTM3U\n#EXTINF:9,\nfile://{victim}\n",
    "concat": "ffconcat version 1.0\nfile '{victim}'\n",
    "old concat": "file '{victim}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "dash": "<?xml version='1.0'?><MPD><BaseURL>{victim}</BaseURL></MPD>",
    "pls": "[playlist]\nFile1={victim}\n",
}


@pytest.mark.parametrize("kind", REFERENCES)
def test_a_text_that_names_other_files_is_refused(tmp_path: Path, kind: str) -> None:
    text = REFERENCES[kind].format(victim=clip("silent"))
    assert refusal(written(tmp_path, text.encode())).code == "playlist-not-allowed"


@pytest.mark.parametrize("padding", [b"\0" * 5000, b"\n" * 5000])
def test_a_playlist_behind_padding_is_not_followed(tmp_path: Path, padding: bytes) -> None:
    text = REFERENCES["hls"].format(victim=clip("silent")).encode()
    assert refusal(written(tmp_path, padding + text)).code == "not-a-video"


def test_a_playlist_makes_no_connection(tmp_path: Path) -> None:
    """The whitelists alone stand in the way here: the first bytes look like nothing known."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        asked = threading.Event()

        def listen() -> None:
            try:
                server.accept()
            except TimeoutError:
                return
            asked.set()

        listener = threading.Thread(target=listen)
        listener.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.ts"
        text = f"\n#\n#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n"
        refusal(written(tmp_path, text.encode(), "upload.m3u8"))
        listener.join()
    assert not asked.is_set()


def test_random_bytes_are_not_a_video(tmp_path: Path) -> None:
    noise = bytes((n * n * 31 + n // 7) % 256 for n in range(50_000))
    assert refusal(written(tmp_path, noise)).code == "not-a-video"


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, b"")).code == "empty-file"


@pytest.mark.parametrize("name", ["cfr", "faststart"])
def test_a_truncated_mp4_is_said_to_be_incomplete(tmp_path: Path, name: str) -> None:
    data = clip(name).read_bytes()
    assert refusal(written(tmp_path, data[: len(data) * 2 // 3])).code == "truncated-file"


def test_a_picture_is_not_a_video(tmp_path: Path) -> None:
    still = tmp_path / "still.png"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", str(still))
    assert refusal(still).code == "not-a-video"


def test_a_codec_that_is_not_listed_is_refused_by_name(tmp_path: Path) -> None:
    exotic = tmp_path / "exotic.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:d=1", "-c:v", "ffv1", str(exotic))
    error = refusal(exotic)
    assert error.code == "unsupported-codec"
    assert "ffv1" in error.detail


def test_subtitles_alone_are_not_a_video(tmp_path: Path) -> None:
    text = tmp_path / "words.srt"
    text.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    assert refusal(text).code == "not-a-video"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"duration_seconds": 5}, "too-long"),
        ({"pixels": 10_000}, "too-many-pixels"),
        ({"frames": 20}, "too-many-frames"),
        ({"frames_times_pixels": 100_000}, "too-many-frames"),
        ({"streams": 1}, "too-many-streams"),
        ({"size_bytes": 1000}, "too-large"),
    ],
)
def test_what_is_beyond_a_limit_is_refused(limits: dict[str, float], code: str) -> None:
    assert refusal(clip("cfr"), **limits).code == code


def test_cover_art_is_not_taken_for_the_picture(tmp_path: Path) -> None:
    track = tmp_path / "track.m4a"
    ffmpeg(
        *("-f", "lavfi", "-i", "sine=d=3", "-f", "lavfi", "-i", "color=red:s=64x64:d=1"),
        *("-map", "0", "-map", "1", "-c:a", "aac", "-c:v", "mjpeg", "-frames:v", "1"),
        *("-disposition:v", "attached_pic", str(track)),
    )
    assert inspect(track).probe.video is None

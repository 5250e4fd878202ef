"""Lists of single pictures, after RFC 8216 and Apple's authoring rules."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import pytest

from media.ffmpeg.boxes import Sample, first_picture_end, write_media
from media.ffmpeg.errors import UnexpectedOutput
from media.hls import playlists


def test_each_picture_is_a_range_at_the_beginning_of_its_segment() -> None:
    text = playlists.i_frames_only(durations_seconds=[2.0, 6.006], picture_bytes=[900, 1200])
    lines = text.splitlines()
    assert "#EXT-X-I-FRAMES-ONLY" in lines
    assert '#EXT-X-MAP:URI="init.mp4"' in lines
    assert lines[-4:] == [
        "#EXTINF:6.006000,",
        "#EXT-X-BYTERANGE:1200@0",
        "1.m4s",
        "#EXT-X-ENDLIST",
    ]


def test_the_multivariant_playlist_leads_to_them_without_a_line_of_their_own() -> None:
    video = playlists.VideoRendition(
        uri="1/360p/index.m3u8",
        codecs="avc1.64001e",
        width=640,
        height=360,
        frame_rate=Fraction(30),
        peak_bps=900_000,
        average_bps=800_000,
    )
    pictures = playlists.IFrameRendition(
        uri="1/360p/iframes.m3u8",
        codecs="avc1.64001e",
        width=640,
        height=360,
        peak_bps=80_000,
        average_bps=60_000,
    )
    text = playlists.multivariant(videos=[video], i_frames=[pictures])
    assert text.splitlines()[-1] == (
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=80000,AVERAGE-BANDWIDTH=60000,"
        'CODECS="avc1.64001e",RESOLUTION=640x360,URI="1/360p/iframes.m3u8"'
    )


def test_a_first_picture_ends_where_the_second_begins() -> None:
    samples = [Sample(0, 5, is_sync=True), Sample(3000, 3, is_sync=False)]
    data = write_media(samples, b"first2nd", number=0, start=0, end=6000, delay=0)
    end = first_picture_end(io.BytesIO(data))
    assert data[end - 5 :] == b"first2nd"


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 40, struct.pack(">I4s", 60, b"moof") + b"\xff" * 52, b"\0\0\0\x08moof"]
)
def test_what_is_no_segment_has_no_first_picture(data: bytes) -> None:
    with pytest.raises(UnexpectedOutput):
        first_picture_end(io.BytesIO(data))


def test_what_begins_in_the_middle_has_no_first_picture() -> None:
    samples = [Sample(0, 5, is_sync=False)]
    data = write_media(samples, b"first", number=0, start=0, end=6000, delay=0)
    with pytest.raises(UnexpectedOutput):
        first_picture_end(io.BytesIO(data))

from __future__ import annotations

from fractions import Fraction

from media.hls.playlists import (
    AudioRendition,
    SubtitleRendition,
    VideoRendition,
    multivariant,
    variant,
)

AUDIO = AudioRendition(
    uri="1/audio/index.m3u8",
    codecs="mp4a.40.2",
    channels=2,
    peak_bps=140_000,
    average_bps=128_000,
)
VIDEO = VideoRendition(
    uri="1/720p/index.m3u8",
    codecs="avc1.64001f",
    width=1280,
    height=720,
    frame_rate=Fraction(30000, 1001),
    peak_bps=4_000_000,
    average_bps=2_000_000,
)


def test_every_planned_segment_is_listed_and_the_list_is_closed() -> None:
    text = variant(durations_seconds=[2.0, 6.006, 5.5])
    assert text.splitlines()[-3:] == ["#EXTINF:5.500000,", "2.m4s", "#EXT-X-ENDLIST"]
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in text
    assert '#EXT-X-MAP:URI="init.mp4"' in text


def test_no_segment_is_longer_than_the_target_when_rounded() -> None:
    assert "#EXT-X-TARGETDURATION:6\n" in variant(durations_seconds=[2.0, 6.006])
    assert "#EXT-X-TARGETDURATION:7\n" in variant(durations_seconds=[6.5])
    assert "#EXT-X-TARGETDURATION:1\n" in variant(durations_seconds=[0.04])


def test_bandwidth_and_codecs_of_a_variant_include_the_sound() -> None:
    text = multivariant(videos=[VIDEO], audio=AUDIO)
    assert "BANDWIDTH=4140000,AVERAGE-BANDWIDTH=2128000" in text
    assert 'CODECS="avc1.64001f,mp4a.40.2"' in text
    assert 'RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio"' in text
    assert 'TYPE=AUDIO,GROUP-ID="audio",NAME="Main"' in text


def test_a_silent_video_names_no_sound() -> None:
    text = multivariant(videos=[VIDEO])
    assert "AUDIO" not in text
    assert 'CODECS="avc1.64001f"' in text


def test_subtitles_are_a_group_that_nobody_is_shown_unasked() -> None:
    german = SubtitleRendition(uri="1/subtitles0/index.m3u8", name="Deutsch", language="de")
    text = multivariant(videos=[VIDEO], subtitles=[german])
    assert 'FRAME-RATE=29.970,SUBTITLES="subtitles"' in text
    assert (
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subtitles",NAME="Deutsch",DEFAULT=NO,AUTOSELECT=YES,'
        'FORCED=NO,LANGUAGE="de",URI="1/subtitles0/index.m3u8"'
    ) in text
    assert "SUBTITLES" not in multivariant(videos=[VIDEO])


def test_sound_alone_is_the_variant() -> None:
    text = multivariant(videos=[], audio=AUDIO)
    assert "EXT-X-MEDIA" not in text
    assert text.splitlines()[-1] == "1/audio/index.m3u8"


def test_names_cannot_break_out_of_their_quotes() -> None:
    hostile = AudioRendition(
        uri="a.m3u8",
        codecs="mp4a.40.2",
        channels=2,
        peak_bps=1,
        average_bps=1,
        name='x",URI="http://evil/"\n#EXT-X-ENDLIST',
    )
    text = multivariant(videos=[VIDEO], audio=hostile)
    assert text.count("\n#EXT-X-ENDLIST") == 0
    assert 'NAME="x,URI=http://evil/#EXT-X-ENDLIST"' in text

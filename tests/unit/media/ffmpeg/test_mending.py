from __future__ import annotations

from types import SimpleNamespace

import pytest

from media.ffmpeg.mending import SoundMender, is_whole

UNIT = bytes([0, 0, 0, 2, 0x65, 1])


@pytest.mark.parametrize("data", [UNIT, UNIT * 3])
def test_a_packet_whose_units_add_up_is_whole(data: bytes) -> None:
    assert is_whole(data)


@pytest.mark.parametrize("data", [b"", bytes(6), UNIT[:-1], UNIT + b"\1", UNIT + bytes(5)])
def test_a_packet_whose_units_do_not_add_up_is_broken(data: bytes) -> None:
    assert not is_whole(data)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_hole_in_the_sound_becomes_silence(channels: int) -> None:
    # AAC-LC at 48 kHz, as 14496-3 writes it.
    extradata = bytes([0x11, 0x80 | channels << 3])
    codec = SimpleNamespace(name="aac")
    context = SimpleNamespace(channels=channels, codec=codec, extradata=extradata)
    mender = SoundMender(SimpleNamespace(codec_context=context))
    good = b"\1\2\3\4sound"
    assert mender.mended(good) == good
    silence = mender.mended(bytes(60))
    assert 0 < len(silence) < 10
    # It can be decoded: a second look leaves it as it is.
    assert mender.mended(silence) == silence

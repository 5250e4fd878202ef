"""Lists of single pictures: each range, behind the init, is exactly one picture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync

from media.delivery_app import Delivery
from media.models import MediaFile, Segment
from media.playback import signed_path
from tests.asgi import Answer, ask
from tests.factories.media import ffmpeg, make_clip, make_uploaded, work_off

pytestmark = pytest.mark.django_db(transaction=True)

_RANGE = re.compile(r"#EXTINF:([\d.]+),\n#EXT-X-BYTERANGE:(\d+)@0\n(\d+\.m4s)\n")


def delivered(media_file: MediaFile, name: str, **headers: str) -> Answer:
    prefix = signed_path(media_id=media_file.pk, epoch=0)

    async def get() -> Answer:
        delivery = Delivery()
        try:
            return await ask(delivery, f"{prefix}/{name}", headers=headers)
        finally:
            delivery.close()

    return async_to_sync(get)()


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_each_range_decodes_to_exactly_one_picture(tmp_path: Path, codec: str) -> None:
    media_file = make_uploaded(make_clip(tmp_path / "clip.mp4", seconds=16, codec=codec))
    assert "I-FRAME" not in delivered(media_file, "master.m3u8").text
    work_off()
    master = delivered(media_file, "master.m3u8").text
    (uri,) = re.findall(r'#EXT-X-I-FRAME-STREAM-INF:.*URI="(.*)"', master)
    folder = uri.removesuffix("iframes.m3u8")
    listed = _RANGE.findall(delivered(media_file, uri).text)
    assert len(listed) >= 4
    assert sum(float(seconds) for seconds, _, _ in listed) == pytest.approx(16, abs=0.2)
    init = delivered(media_file, f"{folder}init.mp4").body
    for _, size, name in listed:
        part = delivered(media_file, folder + name, Range=f"bytes=0-{int(size) - 1}")
        assert (part.status, len(part.body)) == (206, int(size))
        file = tmp_path / "picture.mp4"
        file.write_bytes(init + part.body)
        shown = ffmpeg("-err_detect", "explode", "-i", str(file), "-f", "framecrc", "-")
        pictures = [line for line in shown.splitlines() if not line.startswith("#")]
        assert len(pictures) == 1


def test_there_is_no_list_before_all_pictures_are_known(tmp_path: Path) -> None:
    media_file = make_uploaded(make_clip(tmp_path / "clip.mp4", seconds=16))
    work_off()
    Segment.objects.filter(number=1, rendition__name="72p").update(picture_bytes=None)
    assert delivered(media_file, "1/72p/iframes.m3u8").status == 404
    assert "I-FRAME" not in delivered(media_file, "master.m3u8").text


def test_sound_has_no_pictures(tmp_path: Path) -> None:
    media_file = make_uploaded(make_clip(tmp_path / "clip.mp4", seconds=2))
    work_off()
    assert delivered(media_file, "1/audio/index.m3u8").status == 200
    assert delivered(media_file, "1/audio/iframes.m3u8").status == 404

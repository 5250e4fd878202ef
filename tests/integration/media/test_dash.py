"""The DASH manifest: FFmpeg reads it, and every address in it is one of ours."""

import re
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from asgiref.sync import async_to_sync

from media.delivery_app import Delivery
from media.models import MediaFile, Rendition, Visibility
from media.playback import signed_path
from media.store import hls_folder, store
from tests.asgi import Answer, ask
from tests.factories.media import (
    ffmpeg,
    make_clip,
    make_planned,
    make_subtitled,
    make_uploaded,
    plan_clip,
    work_off,
)

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = {"mpd": "urn:mpeg:dash:schema:mpd:2011"}


def get(media_file: MediaFile, name: str) -> Answer:
    path = f"{signed_path(media_id=media_file.pk, epoch=media_file.visibility_epoch)}/{name}"

    async def fetch() -> Answer:
        delivery = Delivery()
        try:
            return await ask(delivery, path)
        finally:
            delivery.close()

    return async_to_sync(fetch)()


def addresses(text: str) -> list[str]:
    """Every init, segment and file that the manifest names."""
    found = []
    for part in fromstring(text).iterfind(".//mpd:AdaptationSet", NAMES):
        names = [each.attrib["id"] for each in part.iterfind("mpd:Representation", NAMES)]
        template = part.find("mpd:SegmentTemplate", NAMES)
        if template is None:
            found += [each.text or "" for each in part.iterfind(".//mpd:BaseURL", NAMES)]
            continue
        runs = [int(each.get("r", 0)) for each in part.iterfind(".//mpd:S", NAMES)]
        for name in names:
            named = {
                key: each.replace("$RepresentationID$", name) for key, each in template.items()
            }
            found.append(named["initialization"])
            count = len(runs) + sum(runs)
            found += [named["media"].replace("$Number$", str(number)) for number in range(count)]
    return found


@pytest.fixture
def video(tmp_path: Path) -> MediaFile:
    clip = make_clip(tmp_path / "clip.mp4", seconds=15, size="256x144")
    media_file = make_uploaded(clip, visibility=Visibility.PUBLIC)
    work_off()
    media_file.refresh_from_db()
    assert media_file.state == "completed"
    return media_file


def test_ffmpeg_plays_it_from_end_to_end(video: MediaFile, tmp_path: Path) -> None:
    answer = get(video, "manifest.mpd")
    assert answer.headers["content-type"] == "application/dash+xml"
    manifest = store().path(f"{hls_folder(video.pk)}/manifest.mpd")
    manifest.write_text(answer.text)
    shown = ffmpeg("-i", str(manifest), "-map", "0:v:0", "-f", "framehash", "-")
    frames = [line for line in shown.splitlines() if not line.startswith("#")]
    assert len(frames) == len({line.split(",")[2] for line in frames}) == 150
    sound = tmp_path / "sound.wav"
    ffmpeg("-i", str(manifest), "-map", "0:a:0", str(sound))
    assert sound.stat().st_size == pytest.approx(15 * 48000 * 2, rel=0.01)


def test_every_address_in_it_is_there(video: MediaFile) -> None:
    found = addresses(get(video, "manifest.mpd").text)
    renditions = Rendition.objects.filter(plan__media_file=video)
    assert len(found) == sum(each.segment_count + 1 for each in renditions)
    assert {get(video, each).status for each in found} == {200}


def test_it_lists_what_the_playlist_lists(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=15, size="640x480")
    planned = plan_clip(clip, tmp_path)
    media_file = make_planned(planned, visibility=Visibility.PUBLIC)
    lengths = []
    for wish in ("", "?planned=1"):
        listed = re.findall(r"1/(\d+p)/index", get(media_file, f"master.m3u8{wish}").text)
        named = re.findall(r'id="(\d+p)"', get(media_file, f"manifest.mpd{wish}").text)
        assert named == listed
        lengths.append(len(listed))
    assert lengths[0] == 1 < lengths[1]


def test_subtitles_are_in_it(tmp_path: Path) -> None:
    clip = make_subtitled(tmp_path / "clip.mkv", codec="srt")
    media_file = make_uploaded(clip, visibility=Visibility.PUBLIC)
    work_off()
    text = get(media_file, "manifest.mpd").text
    tracks = [each for each in addresses(text) if each.endswith(".vtt")]
    assert len(tracks) == 2
    assert {get(media_file, each).status for each in tracks} == {200}
    assert 'lang="de"' in text


def test_sound_alone_has_no_picture(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=7", str(tmp_path / "tone.mp3"))
    media_file = make_uploaded(tmp_path / "tone.mp3", visibility=Visibility.PUBLIC)
    work_off()
    root = fromstring(get(media_file, "manifest.mpd").text)
    kinds = [each.get("contentType") for each in root.iterfind(".//mpd:AdaptationSet", NAMES)]
    assert kinds == ["audio"]

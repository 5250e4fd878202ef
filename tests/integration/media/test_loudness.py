"""How loud a media file is, and what sound looks like: measured, told, served, healed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from media.models import MediaFile
from media.selectors import media_shapes
from media.services import deletion
from media.store import hls_folder, picture_key, store
from tests.factories.media import ffmpeg, make_clip, make_uploaded, work_off
from tests.integration.media.test_pictures import delivered

pytestmark = pytest.mark.django_db(transaction=True)


def tone(path: Path, *, volume: str, seconds: float = 6) -> Path:
    source = f"sine=frequency=1000:sample_rate=48000:duration={seconds}"
    # The generator's tone has an eighth of full scale.
    ffmpeg("-f", "lavfi", "-i", source, "-af", f"volume={volume}", "-c:a", "flac", str(path))
    return path


def shape_of(media_file: MediaFile) -> dict[str, Any]:
    media_file.refresh_from_db()
    return media_shapes([media_file])[0]


@pytest.mark.parametrize(("volume", "peak"), [("18.06dB", 0.0), ("-2dB", -20.06)])
def test_a_tone_is_as_loud_as_it_was_made(tmp_path: Path, volume: str, peak: float) -> None:
    media_file = make_uploaded(tone(tmp_path / "tone.flac", volume=volume))
    assert shape_of(media_file)["loudness"] is None
    assert "loudness" in work_off()
    loudness = shape_of(media_file)["loudness"]
    # A sine at 1 kHz in one channel: 3 dB below its peak, and what the filter adds there.
    assert loudness["true_peak_dbtp"] == pytest.approx(peak, abs=1.5)
    assert loudness["integrated_lufs"] == pytest.approx(peak - 3.0, abs=1.5)


def test_silence_is_measured_once_and_has_no_figure(tmp_path: Path) -> None:
    media_file = make_uploaded(tone(tmp_path / "tone.flac", volume="0"))
    assert work_off().count("loudness") == 1
    shape = shape_of(media_file)
    assert (shape["status"], shape["loudness"]) == ("completed", None)
    assert MediaFile.objects.get(pk=media_file.pk).has_loudness


def test_the_waveform_of_a_sound_grows_as_it_does(tmp_path: Path) -> None:
    path = tmp_path / "swell.flac"
    ffmpeg("-f", "lavfi", "-i", "aevalsrc='t/8*sin(2*PI*440*t)':d=8", str(path))
    media_file = make_uploaded(path)
    work_off()
    assert str(shape_of(media_file)["waveform_url"]).endswith("/waveform.json")
    answer = delivered(media_file, "waveform.json")
    assert answer.headers["content-type"] == "application/json"
    peaks = json.loads(answer.body)["peaks"]
    assert 300 <= len(peaks) <= 1000
    highs = [high for _, high in peaks[:: len(peaks) // 8]][:8]
    assert highs == sorted(highs)
    assert highs[0] < 15
    assert highs[-1] > 70


def test_a_video_has_loudness_but_no_waveform(tmp_path: Path) -> None:
    media_file = make_uploaded(make_clip(tmp_path / "clip.mp4", seconds=3))
    work_off()
    shape = shape_of(media_file)
    assert shape["loudness"]
    assert shape["waveform_url"] is None
    assert delivered(media_file, "waveform.json").status == 404


def test_a_video_without_sound_is_not_measured(tmp_path: Path) -> None:
    media_file = make_uploaded(make_clip(tmp_path / "mute.mp4", seconds=2, sound=False))
    assert "loudness" not in work_off()
    assert shape_of(media_file)["loudness"] is None


def test_a_waveform_that_was_lost_is_made_again_and_goes_with_its_sound(tmp_path: Path) -> None:
    media_file = make_uploaded(tone(tmp_path / "tone.flac", volume="1"))
    work_off()
    store().delete(picture_key(media_file.pk, "waveform.json"))
    assert {delivered(media_file, "waveform.json").status for _ in range(2)} == {404}
    assert work_off() == ["loudness"]
    assert delivered(media_file, "waveform.json").status == 200
    deletion.delete_media(actor=media_file.owner, media_id=media_file.pk)
    assert not store().path(hls_folder(media_file.pk)).exists()

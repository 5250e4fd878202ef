"""A file that takes its time to arrive is encoded meanwhile, whatever is killed on the way."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from media.ffmpeg.binary import ffmpeg_binary
from tests.e2e.test_encoding import frames_of
from tests.product import Product, running
from tests.slow_link import SlowUpload, early_progress, index_at

SECONDS, FRAMES_PER_SECOND = 30, 10


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(tmp_path_factory.mktemp("early"), WORKER_PROCESSES="2") as started:
        yield started


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven pieces that have to be encoded, with noise that makes megabytes of them."""
    path = tmp_path_factory.mktemp("clips") / "noisy.mp4"
    picture = f"testsrc2=size=256x144:rate={FRAMES_PER_SECOND}:duration={SECONDS},noise=alls=20"
    sound = f"sine=frequency=440:duration={SECONDS}"
    command = [ffmpeg_binary(), "-v", "error", "-y", "-f", "lavfi", "-i", picture]
    command += ["-f", "lavfi", "-i", sound, "-c:v", "mpeg4", "-b:v", "1M", "-g", "20"]
    command += ["-c:a", "aac", "-movflags", "+faststart", str(path)]
    subprocess.run(command, check=True)
    return path


def wait_for_progress(product: Product, upload: SlowUpload, percent: int = 1) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = early_progress(product, upload.video_id, upload.token)
        if found >= percent:
            return found
        time.sleep(0.1)
    raise AssertionError(product.log()[-3000:])


def test_a_slow_upload_is_encoded_while_it_arrives(product: Product, clip: Path) -> None:
    token = product.sign_up()
    upload = SlowUpload(product, clip, token, seconds=12)
    kills: list[bool] = []

    def kill() -> None:
        wait_for_progress(product, upload)
        until = time.monotonic() + 8
        while time.monotonic() < until and not kills:
            if product.kill_a_worker_at_work():
                kills.append(True)
            time.sleep(0.02)

    killer = threading.Thread(target=kill)
    killer.start()
    upload.send(until=0.97)
    killer.join()
    wait_for_progress(product, upload, percent=42)
    shape = product.call("GET", f"/api/videos/{upload.video_id}/", token=token)
    assert (shape["status"], shape["early"], shape["playlist_url"]) == ("uploading", "begun", None)
    assert kills
    upload.send()
    video = product.wait_for(upload.video_id, token, "completed", seconds=200)
    assert video["progress_percent"] == 100
    assert frames_of(product.url + video["playlist_url"]) == SECONDS * FRAMES_PER_SECOND
    jobs = product.call("GET", "/api/jobs/?state=done", token=token)["results"]
    assert sum(job["kind"] == "early" for job in jobs) == 7
    assert list((product.folder / "media" / "hls" / upload.video_id).glob("early")) == []


def test_a_file_with_its_index_at_the_end_is_encoded_when_that_is_sent_ahead(
    product: Product, clip: Path
) -> None:
    phone = clip.with_name("phone.mp4")
    command = [ffmpeg_binary(), "-v", "error", "-y", "-i", str(clip), "-c", "copy", str(phone)]
    subprocess.run(command, check=True)
    token = product.sign_up()
    upload = SlowUpload(product, phone, token, seconds=6)
    with pytest.raises(RuntimeError, match="upload-tail-invalid"):
        upload.send_tail(index_at(phone), said=index_at(phone) - 1)
    upload.send(until=0.1)
    upload.send_tail(index_at(phone))
    upload.send_tail(index_at(phone))
    upload.send(until=0.97)
    wait_for_progress(product, upload, percent=42)
    assert upload.ask() == int(upload.size * 0.97)
    upload.send()
    upload.send_tail(index_at(phone))
    video = product.wait_for(upload.video_id, token, "completed", seconds=200)
    assert frames_of(product.url + video["playlist_url"]) == SECONDS * FRAMES_PER_SECOND
    assert list((product.folder / "media" / "hls" / upload.video_id).glob("early")) == []


@pytest.mark.parametrize("kind", ["fragments", "copied", "stream"])
def test_a_file_without_an_index_is_encoded_while_it_arrives(
    product: Product, clip: Path, kind: str
) -> None:
    source = clip.with_name({"fragments": "f.mp4", "copied": "c.mkv", "stream": "s.ts"}[kind])
    fragmented = "-c copy -movflags +frag_keyframe+empty_moov+default_base_moof"
    fit = "-vf scale=426:240 -c:v libx264 -preset ultrafast -g 20 -c:a copy"
    words = {"fragments": fragmented, "copied": fit, "stream": "-c:v mpeg2video -r 25 -c:a mp2"}
    command = [ffmpeg_binary(), "-v", "error", "-y", "-i", str(clip), *words[kind].split()]
    subprocess.run([*command, str(source)], check=True)
    token = product.sign_up()
    upload = SlowUpload(product, source, token, seconds=8)
    upload.send(until=0.6)
    wait_for_progress(product, upload)
    upload.send(until=0.97)
    # Five pieces of nineteen, of picture and sound: more when the last look comes late.
    wait_for_progress(product, upload, percent=20)
    upload.send()
    video = product.wait_for(upload.video_id, token, "completed", seconds=200)
    rate = 25 if kind == "stream" else FRAMES_PER_SECOND
    assert frames_of(product.url + video["playlist_url"]) == SECONDS * rate
    assert list((product.folder / "media" / "hls" / upload.video_id).glob("early")) == []


def test_a_server_that_is_killed_goes_on_where_it_was(product: Product, clip: Path) -> None:
    token = product.sign_up()
    upload = SlowUpload(product, clip, token, seconds=6)
    upload.send(until=0.6)
    before = wait_for_progress(product, upload)
    for process in [*psutil.Process(product.process.pid).children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    product.kill()
    product.start()
    assert upload.ask() == int(upload.size * 0.6)
    assert early_progress(product, upload.video_id, token) >= before
    upload.send()
    video = product.wait_for(upload.video_id, token, "completed", seconds=200)
    assert frames_of(product.url + video["playlist_url"]) == SECONDS * FRAMES_PER_SECOND


def test_an_upload_that_is_given_up_leaves_nothing(product: Product, clip: Path) -> None:
    token = product.sign_up()
    upload = SlowUpload(product, clip, token, seconds=4)
    upload.send(until=0.9)
    wait_for_progress(product, upload)
    upload.give_up()
    root = product.folder / "media"
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _left(root, upload):
        time.sleep(0.1)
    assert _left(root, upload) == []


def _left(root: Path, upload: SlowUpload) -> list[Path]:
    upload_id = upload.location.rstrip("/").rsplit("/", 1)[-1]
    names = (upload.video_id, upload_id)
    return [path for path in root.rglob("*") if any(name in str(path) for name in names)]

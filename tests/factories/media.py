"""Media files as tests need them: with an owner, a source made by FFmpeg, and work done or not."""

import secrets
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

from django.db import transaction

from media import worker
from media.ffmpeg.binary import ffmpeg_binary
from media.jobs.claim import claim_job
from media.models import Job, MediaFile
from media.services import encoding, ingest
from media.store import store
from users.models import User


def ffmpeg(*arguments: str) -> str:
    """Run FFmpeg and return what it printed."""
    done = subprocess.run(
        [ffmpeg_binary(), "-nostdin", "-hide_banner", "-v", "error", "-y", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_clip(
    path: Path,
    *,
    seconds: float = 10,
    size: str = "128x72",
    rate: int = 10,
    codec: str = "mpeg4",
    keyframes: int = 10,
    sound: bool = True,
) -> Path:
    """A test picture with a tone. As MPEG-4 it has to be encoded, as libx264 it is copied."""
    picture = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
    tone = ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"]
    x264 = ["-preset", "ultrafast", "-x264-params", "open-gop=0:scenecut=0"]
    ffmpeg(
        *picture,
        *(tone if sound else []),
        *("-c:v", codec, "-g", str(keyframes), "-pix_fmt", "yuv420p"),
        *(x264 if codec == "libx264" else []),
        *("-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart", str(path)),
    )
    return path


def make_user(**overrides: Any) -> User:
    """An account."""
    name = f"user-{secrets.token_hex(4)}"
    fields = {"username": name, "email": f"{name}@example.com", "password": "long-enough-7"}
    return User.objects.create_user(**fields | overrides)


def make_media_file(**overrides: Any) -> MediaFile:
    """A record without bytes."""
    owner = overrides.pop("owner", None) or make_user()
    return MediaFile.objects.create(owner=owner, **{"filename": "clip.mp4"} | overrides)


def make_uploaded(clip: Path, **overrides: Any) -> MediaFile:
    """A media file whose upload has just been finished: in the queue, to be ingested."""
    media_file = make_media_file(**overrides)
    key = f"videos/{media_file.pk}/source{clip.suffix}"
    with store().work_dir() as folder:
        store().put_file(key, Path(shutil.copy(clip, folder / "source")))
    MediaFile.objects.filter(pk=media_file.pk).update(
        source_key=key, size_bytes=clip.stat().st_size
    )
    with transaction.atomic():
        ingest.start(media_file=media_file)
    media_file.refresh_from_db()
    return media_file


def work_off(*, kinds: Collection[str] = (), most: int = 500) -> list[str]:
    """Do queued jobs as a worker does, all of them or those of `kinds`; the kinds that were done.

    What is not of `kinds` is cancelled.
    """
    done: list[str] = []
    for _ in range(most):
        if kinds:
            Job.objects.filter(state="queued").exclude(kind__in=kinds).update(state="cancelled")
        claim = claim_job(worker="test")
        if claim is None:
            return done
        worker.do_job(claim, encoding.perform)
        done.append(claim.job.kind)
    raise AssertionError(f"still not done after {most} jobs")

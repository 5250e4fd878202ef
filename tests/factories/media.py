"""Media files as tests need them: with an owner, a source made by FFmpeg, and work done or not."""

import secrets
import shutil
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction

from media import worker
from media.ffmpeg import encode
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.plan import Plan
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect
from media.jobs.claim import claim_job
from media.models import Job, MediaFile, Rendition, Segment
from media.models import Plan as PlanRow
from media.services import encoding, ingest
from media.store import init_key, segment_key, store
from tests.factories.jobs import make_owner
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


def make_subtitled(path: Path, *, codec: str) -> Path:
    """A short clip with two tracks of the same subtitles; the first says that it is German."""
    lines = path.with_name("lines.srt")
    lines.write_text(
        "1\n00:00:00,500 --> 00:00:01,500\n<i>Hello</i>\n\n"
        "2\n00:00:02,000 --> 00:00:03,000\nBye\nnow\n"
    )
    plain = make_clip(path.with_name(f"plain-{path.name}"), seconds=4)
    ffmpeg(
        *("-i", str(plain), "-i", str(lines), "-map", "0", "-map", "1:s", "-map", "1:s"),
        *("-c", "copy", "-c:s", codec, "-metadata:s:s:0", "language=deu", str(path)),
    )
    return path


def make_user(**overrides: Any) -> User:
    """An account with a name of its own."""
    name = f"user-{secrets.token_hex(4)}"
    fields = {"username": name, "email": f"{name}@example.com", "password": "long-enough-7"}
    return User.objects.create_user(**fields | overrides)


def make_media_file(**overrides: Any) -> MediaFile:
    """A record without bytes."""
    owner = overrides.pop("owner", None) or make_owner()
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


@dataclass(frozen=True)
class Planned:
    """A clip, its plan, and its first segments, made once for many tests."""

    clip: Path
    plan: Plan
    made: dict[str, bytes]


def plan_clip(clip: Path, folder: Path) -> Planned:
    """Plan a clip and make segment 0 of every rendition, without a database."""
    plan = make_plan(inspect(clip))
    plan = plan.with_inits(encode.make_inits(plan, work_dir=folder))
    made: dict[str, bytes] = {}

    def take(segment: encode.MadeSegment) -> bool:
        made[segment.rung] = segment.path.read_bytes()
        return False

    if plan.video:
        rungs = [rung.name for rung in plan.video.rungs if not rung.is_copy]
        for segment in encode.make_piece(clip, plan=plan, number=0, rungs=rungs, work_dir=folder):
            take(segment)
        if plan.copied_rung:
            encode.copy_pieces(clip, plan=plan, work_dir=folder, on_segment=take)
    if plan.audio:
        encode.make_audio(clip, plan=plan, work_dir=folder, on_segment=take)
    return Planned(clip, plan, made)


def make_planned(planned: Planned, **overrides: Any) -> MediaFile:
    """A media file right after its ingest, segment 0 of every rendition made, no job queued."""
    media_file = make_media_file(**{"state": "processing"} | overrides)
    key = f"videos/{media_file.pk}/source{planned.clip.suffix}"
    store().put_bytes(key, planned.clip.read_bytes())
    media_file.source_key = key
    media_file.duration_seconds = planned.plan.duration_seconds
    media_file.save()
    row = PlanRow.objects.create(media_file=media_file, document=planned.plan.to_json())
    for rendition in Rendition.objects.bulk_create(ingest.planned_renditions(row, planned.plan)):
        name, data = rendition.name, planned.made[rendition.name]
        store().put_bytes(init_key(media_file.pk, 1, name), planned.plan.init(name))
        store().put_bytes(segment_key(media_file.pk, 1, name, 0), data)
        seconds = planned.plan.segments(name)[0].duration_seconds
        Segment.objects.create(
            rendition=rendition, number=0, size_bytes=len(data), duration_seconds=seconds
        )
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

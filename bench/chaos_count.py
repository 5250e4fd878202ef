"""What bench.chaos counts in the database and among the files of its instance."""

import os
from pathlib import Path

#: Triggers see also what is written twice and then ignored, and nothing that is rolled back.
_WATCH = """
CREATE TABLE chaos_marked (rendition bigint, number integer, job text);
CREATE TABLE chaos_done (job uuid);
CREATE FUNCTION chaos_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_marked
    VALUES (NEW.rendition_id, NEW.number, current_setting('chaos.job', true));
    RETURN NEW;
END $$;
CREATE FUNCTION chaos_do() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO chaos_done VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER chaos_mark BEFORE INSERT ON media_segment
    FOR EACH ROW EXECUTE FUNCTION chaos_mark();
CREATE TRIGGER chaos_do AFTER UPDATE ON media_job
    FOR EACH ROW WHEN (NEW.state = 'done') EXECUTE FUNCTION chaos_do();
"""
_DOUBLES = """
SELECT 'segment ' || m.number || ' of ' || r.name || ' was marked ' || count(*) || ' times by '
    || coalesce(m.job, 'somebody without a claim')
FROM chaos_marked m JOIN media_rendition r ON r.id = m.rendition
GROUP BY m.rendition, m.number, r.name, m.job HAVING count(*) > 1
UNION ALL
SELECT 'job ' || job || ' was done ' || count(*) || ' times'
FROM chaos_done GROUP BY job HAVING count(*) > 1
"""


def watch() -> None:
    """Have the database note each mark of a segment and each end of a job."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_WATCH)


def doubles() -> list[str]:
    """Segments that were marked, and jobs that were done, more than once."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_DOUBLES)
        return [line for (line,) in cursor.fetchall()]


def overlaps() -> int:
    """Segments that two different jobs have made; the second mark is ignored, and costs no more."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM chaos_marked GROUP BY rendition, number"
            " HAVING count(DISTINCT job) > 1) AS twice"
        )
        return int(cursor.fetchone()[0])


def jobs() -> int:
    """How many jobs there were."""
    from media.models import Job

    return Job.objects.count()


def described(job_id: str) -> str:
    """A job, for people."""
    from media.models import Job

    job = Job.objects.get(pk=job_id)
    return f"{job.kind} {job.position} ({job.losses} losses)"


def lost() -> list[str]:
    """What did not come to its end, or is not where it should be. Poison has to fail."""
    from bench.chaos import POISON
    from media.models import Job, MediaFile, Rendition

    videos = MediaFile.objects.exclude(state="completed").exclude(filename=POISON)
    open_jobs = Job.objects.exclude(state="done").exclude(media_file__filename=POISON)
    found = [f"video {video.pk} is {video.state} {video.error_code}" for video in videos]
    found += [f"job {job} is {job.state} {job.error_code}" for job in open_jobs]
    for rendition in Rendition.objects.all():
        made = rendition.segments.count()
        if made != rendition.segment_count:
            found.append(f"{rendition} has {made} of {rendition.segment_count} segments")
    files = _segment_files()
    for key, size_bytes in _marked_segments().items():
        if files.get(key) != size_bytes:
            found.append(f"{key} has {files.get(key)} instead of {size_bytes} bytes")
    return found


def stray_files() -> list[str]:
    """Files that no row knows: unfinished ones, unmarked segments, what is of no video."""
    from django.conf import settings

    from media.models import MediaFile

    root: Path = settings.MEDIA_ROOT
    known = {str(pk) for pk in MediaFile.objects.values_list("pk", flat=True)}
    marked = _marked_segments()
    found = [str(path) for path in (root / ".work").rglob("*")]
    found += [str(path) for path in (root / "uploads").rglob("*.part")]
    found += [key for key in _segment_files() if key not in marked]
    for folder in (root / "hls", root / "videos"):
        found += [str(path) for path in folder.glob("*") if path.name not in known]
    return found


def _marked_segments() -> dict[str, int]:
    from media.models import Segment

    rows = Segment.objects.values_list(
        "rendition__plan__media_file_id",
        "rendition__plan__number",
        "rendition__name",
        "number",
        "size_bytes",
    )
    from media.store import segment_key

    return {segment_key(media, plan, rung, n): size for media, plan, rung, n, size in rows}


def _segment_files() -> dict[str, int]:
    from django.conf import settings

    root: Path = settings.MEDIA_ROOT
    paths = (root / "hls").rglob("*.m4s")
    return {os.fspath(path.relative_to(root)): path.stat().st_size for path in paths}

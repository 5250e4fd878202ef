"""Kill workers at random while they encode videos; count what was lost, doubled or left behind.

    python -m bench.chaos [--videos 50] [--seconds 30] [--workers 3] [--every 5] [--minutes 5]

On PostgreSQL and Redis of its own, with one engine after the other (`--engine` for one of them).
Videos are uploaded one after the other while the workers are killed: every few seconds kill -9 hits
one at random, and another is started in its place. Now and then one is frozen for longer than its
lease instead, and goes on then: it must find that its work is somebody else's. At the end a poison
file, which fails each time, comes beside a few videos, and what these take is compared with the
same without it.

    lost       videos that did not complete, jobs that did not end, segments without mark or file
    double     segments that one job marked twice, jobs that were done twice (counted by triggers)
    orphans    processes of killed workers, and files that belong to nothing
    restart    from the kill to the moment when another worker has begun with the same job

The last line is one JSON object: the sum of both engines, and what each gave.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.server.processes import die_with_parent
from core.server.supervisor import PARENT

if TYPE_CHECKING:
    from media.jobs.claim import Claim
    from media.models import MediaFile

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ("background_tasks", "celery")
POISON = "poison.mp4"
#: Uploads end so much earlier than the kills, as a part of the time.
UPLOADING = 0.75
#: Every so many blows one is a freeze, of so many seconds beyond the lease.
FREEZE_EVERY, FREEZE_SECONDS = 6, 4.0
#: How long the rest may take when nobody is killed any more.
DRAIN_SECONDS = 900.0
#: What killed workers left has to be gone after so long.
SETTLE_SECONDS = 12.0


def perform(claim: "Claim") -> None:
    """In the worker: the real work, after a line in the ledger; poison burns a while and fails."""
    from django.db import connection

    from media.ffmpeg import child_process, run
    from media.ffmpeg.errors import ToolFailed
    from media.services import encoding

    # Encoders stand back behind everything else that runs here; for this, they need not.
    for module in (run, child_process):
        setattr(module, "yield_to_others", lambda pid, nice: None)  # noqa: B010 # mypy is told nothing
    with Path(os.environ["CHAOS_LEDGER"]).open("a") as ledger:
        ledger.write(f"{claim.job.pk} {claim.token} {time.time()}\n")
    if claim.job.media_file.filename == POISON:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            claim.check()
        raise ToolFailed("poison")
    recording = claim.recording

    @contextmanager
    def signed() -> Iterator["MediaFile"]:
        """So that the triggers know who marks."""
        with recording() as media_file, connection.cursor() as cursor:
            cursor.execute("SELECT set_config('chaos.job', %s, true)", [str(claim.job)])
            yield media_file

    setattr(claim, "recording", signed)  # noqa: B010 # mypy forbids it otherwise
    encoding.perform(claim)


@dataclass(frozen=True)
class Outcome:
    """What is printed as JSON."""

    jobs: int
    kills: int
    lost: int
    double: int
    orphans: int
    restart_s_max: float
    restart_s_mean: float
    poison_failures: int
    poison_delay: float


@dataclass
class Fleet:
    """The worker processes, and the one who kills them."""

    folder: Path
    size: int
    kills: int = 0
    freezes: int = 0
    #: Per claim (job, token) that was killed: when.
    killed: dict[tuple[str, int], float] = field(default_factory=dict)
    #: Processes that workers had started when they were killed.
    left: list[Any] = field(default_factory=list)
    workers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def start(self) -> None:
        """Start all and return when they show life."""
        from media.models import WorkerBeat

        self.workers = [self._start() for _ in range(self.size)]
        deadline = time.monotonic() + 60
        while WorkerBeat.objects.count() < self.size:
            if time.monotonic() > deadline:
                raise SystemExit((self.folder / "workers.log").read_text())
            time.sleep(0.1)

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "manage.py", "process_tasks", "--perform", "bench.chaos.perform"]
        with (self.folder / "workers.log").open("ab") as log:
            # They end with this process, however it ends.
            environment = os.environ | {PARENT: str(os.getpid())}
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def strike(self) -> None:
        """Kill -9 one at random, or now and then freeze one beyond its lease."""
        blow = self.kills + self.freezes + 1
        number = random.randrange(self.size)
        if blow % FREEZE_EVERY == 0:
            self.freezes += 1
            self._freeze(self.workers[number])
            return
        self._kill(number)

    def _freeze(self, victim: "subprocess.Popen[bytes]") -> None:
        from django.conf import settings

        seconds = settings.JOB_LEASE_SECONDS + FREEZE_SECONDS
        victim.send_signal(signal.SIGSTOP)
        # In a process of its own, so that the blows go on meanwhile.
        wake = f"import os, time; time.sleep({seconds}); os.kill({victim.pid}, 18)"
        command = [sys.executable, "-c", wake]
        subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)

    def _kill(self, number: int) -> None:
        import psutil

        from media.models import Job

        victim = self.workers[number]
        self.left += psutil.Process(victim.pid).children(recursive=True)
        victim.kill()
        victim.wait()
        now = time.time()
        name = f"{socket.gethostname()[:60]}:{victim.pid}:"
        for job in Job.objects.filter(state="running", worker__startswith=name):
            self.killed[str(job.pk), job.token] = now
        self.kills += 1
        self.workers[number] = self._start()

    def stop(self) -> None:
        """End the workers as a platform does."""
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            worker.wait(20)

    def restarts(self) -> list[tuple[float, str]]:
        """For each job that was running in a killed worker: seconds until it ran again, and it."""
        started: dict[tuple[str, int], float] = {}
        for line in (self.folder / "ledger").read_text().splitlines():
            name, number, when = line.split()
            started[name, int(number)] = float(when)
        seconds = []
        for (job, token), at in self.killed.items():
            again = [when for (name, n), when in started.items() if name == job and n > token]
            seconds += [(min(again) - at, job)] if again else []
        return sorted(seconds, reverse=True)

    def orphans(self) -> int:
        """Processes that outlived the worker that had started them."""
        from media.ffmpeg import sandbox

        seen: int = sum(it.is_running() and it.status() != "zombie" for it in self.left)
        # And those that had begun after the look at its children, and before the kill.
        return seen + sandbox.end_left_behind()


# --- The benchmark --------------------------------------------------------------------------------


def make_clip(folder: Path, seconds: float, name: str) -> Path:
    """A clip at 360p that has to be encoded, with sound."""
    from media.ffmpeg.binary import ffmpeg_binary

    path = folder / name
    picture = f"testsrc2=size=640x360:rate=30:duration={seconds}"
    sound = f"sine=frequency=440:duration={seconds}"
    sources = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    codecs = "-c:v mpeg4 -q:v 4 -g 60 -c:a aac -movflags +faststart"
    command = [ffmpeg_binary(), "-v", "error", "-y", *sources, *codecs.split(), str(path)]
    subprocess.run(command, check=True)
    return path


def upload(clip: Path, number: int) -> Any:
    """A finished upload of one of five owners."""
    from tests.factories.jobs import make_owner
    from tests.factories.media import make_uploaded

    return make_uploaded(clip, owner=make_owner(f"owner-{number % 5}"), filename=clip.name)


def unfinished(ids: list[Any]) -> int:
    """How many of these videos are neither completed nor failed."""
    from media.models import MediaFile

    over = ("completed", "failed")
    return MediaFile.objects.filter(pk__in=ids).exclude(state__in=over).count()


def wait_for(ids: list[Any], seconds: float) -> float:
    """Wait until these videos are over; how long it took."""
    began = time.monotonic()
    while unfinished(ids) and time.monotonic() - began < seconds:
        time.sleep(0.1)
    return time.monotonic() - began


def strike_and_upload(fleet: Fleet, clip: Path, options: argparse.Namespace) -> list[Any]:
    """The time of the kills; the videos that were uploaded meanwhile."""
    began = time.monotonic()
    ids: list[Any] = []
    struck = began
    length = options.minutes * 60
    pause = length * UPLOADING / options.videos
    while (now := time.monotonic()) < began + length or len(ids) < options.videos:
        if len(ids) < options.videos and now >= began + pause * len(ids):
            ids.append(upload(clip, len(ids)).pk)
        if now >= struck + options.every and now < began + length:
            struck = now
            fleet.strike()
        time.sleep(0.05)
    return ids


def poison(folder: Path) -> tuple[int, float]:
    """Failures of a poison file, and by which factor it delayed the videos beside it."""
    from media.models import Job, MediaFile

    clip = make_clip(folder, 10, "good.mp4")
    took = []
    for bad in ([], [shutil.copy(clip, folder / POISON)]):
        for path in bad:
            upload(Path(path), 4)
        took.append(wait_for([upload(clip, number).pk for number in range(6)], DRAIN_SECONDS))
    media_file = MediaFile.objects.get(filename=POISON)
    wait_for([media_file.pk], 60)
    job = Job.objects.get(media_file=media_file)
    return job.failures if job.state == "failed" else -1, took[1] / took[0]


def measure(options: argparse.Namespace, folder: Path) -> Outcome:
    """Run it once, with the engine and the database of the environment."""
    import django
    from django.core.management import call_command

    os.environ.update(VAR_DIR=str(folder), DJANGO_SETTINGS_MODULE="core.settings.dev")
    os.environ.update(LOG_LEVEL="WARNING", CHAOS_LEDGER=str(folder / "ledger"))
    (folder / "ledger").touch()
    django.setup()
    call_command("migrate", verbosity=0)
    from bench import chaos_count

    chaos_count.watch()
    clip = make_clip(folder, options.seconds, "clip.mp4")
    fleet = Fleet(folder, options.workers)
    try:
        fleet.start()
        ids = strike_and_upload(fleet, clip, options)
        drained = wait_for(ids, DRAIN_SECONDS)
        failures, delay = poison(folder)
        time.sleep(SETTLE_SECONDS)
    finally:
        fleet.stop()
    print(f"  after the last kill {drained:.0f} s of work were left; {fleet.freezes} freezes")
    lost, stray = chaos_count.lost(), chaos_count.stray_files()
    doubles = chaos_count.doubles()
    print(f"  {chaos_count.overlaps()} segments were made by two different jobs, which may be")
    for line in lost + stray + doubles:
        print(f"  ! {line}")
    restarts = fleet.restarts()
    for took, job in restarts[:3]:
        print(f"  {took:.1f} s until {chaos_count.described(job)} went on")
    seconds = [took for took, _job in restarts]
    never = len(fleet.killed) - len(seconds)
    return Outcome(
        jobs=chaos_count.jobs(),
        kills=fleet.kills,
        lost=len(lost) + never,
        double=len(doubles),
        orphans=fleet.orphans() + len(stray),
        restart_s_max=round(max(seconds, default=0.0), 1),
        restart_s_mean=round(sum(seconds) / max(1, len(seconds)), 1),
        poison_failures=failures,
        poison_delay=round(delay, 2),
    )


def run_engine(options: argparse.Namespace) -> None:
    """The part that runs in a process of its own: one engine, its table, its JSON."""
    from tests.product import database_of_its_own

    folders = tempfile.TemporaryDirectory(prefix="reelay-chaos-", ignore_cleanup_errors=True)
    with folders as folder, database_of_its_own() as database:
        os.environ.update(database, TASK_ENGINE=options.engine, DEBUG="true")
        outcome = measure(options, Path(folder))
        if outcome.lost and options.keep_log:
            shutil.copy(Path(folder) / "workers.log", options.keep_log)
        from django.db import connections

        connections.close_all()
    for name, value in asdict(outcome).items():
        print(f"  {name:16} {value}")
    print(json.dumps(asdict(outcome)), flush=True)


def summed(outcomes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Both engines in one: the sums, and the worst where a sum says nothing."""
    worst = ("restart_s_max", "restart_s_mean", "poison_failures", "poison_delay")
    total: dict[str, Any] = {}
    for name in next(iter(outcomes.values())):
        values = [outcome[name] for outcome in outcomes.values()]
        total[name] = max(values) if name in worst else sum(values)
    return total | {"engines": outcomes}


def main(arguments: list[str] | None = None) -> None:
    """Run all engines and print the tables and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--videos", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30, help="How long each video is.")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--every", type=float, default=5, help="Seconds between two blows.")
    parser.add_argument("--minutes", type=float, default=5, help="How long workers are killed.")
    parser.add_argument("--engine", choices=ENGINES, help="Only this one.")
    parser.add_argument("--keep-log", help="Where to copy the workers' log if something is lost.")
    parser.add_argument("--servers-run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    # A bench that is told to end takes all that it has started with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    if options.servers_run:
        die_with_parent(os.getppid())
        run_engine(options)
        return
    from tests.services import postgresql, redis

    outcomes = {}
    folder = Path(tempfile.mkdtemp(prefix="reelay-chaos-servers-"))
    folder.chmod(0o755)
    try:
        with postgresql(folder, durable=False) as database, redis(folder) as broker:
            environment = os.environ | {"DATABASE_URL": database, "REDIS_URL": broker}
            for engine in [options.engine] if options.engine else ENGINES:
                print(f"{options.videos} videos of {options.seconds:.0f} s, {engine}", flush=True)
                given = ["--servers-run", "--engine", engine, *(arguments or sys.argv[1:])]
                command = [sys.executable, "-m", "bench.chaos", *given]
                done = subprocess.run(
                    command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True
                )
                *table, last = done.stdout.decode().splitlines()
                print("\n".join(table), flush=True)
                outcomes[engine] = json.loads(last)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(summed(outcomes)))


if __name__ == "__main__":
    main()

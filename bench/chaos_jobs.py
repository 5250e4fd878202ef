"""Kill workers at random while they work, then count what was lost and what was done twice.

    python -m bench.chaos_jobs [--jobs 300] [--workers 3] [--kills 8]

Makes a database of its own (SQLite, or beside the one of DATABASE_URL), fills the queue with
small jobs, keeps worker processes running and kills one of them every few seconds with kill -9.
Each job runs a process, as an encoding job does, and records one effect in the database. The last
line is one JSON object.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from media.jobs.claim import Claim

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 240.0


# --- In the worker ------------------------------------------------------------------------------


def perform(claim: "Claim") -> None:
    """The work of one job: a process for a moment, then one effect, fenced by the token.

    Left to itself, the process would go on for long after the end of the benchmark.
    """
    from django.db import connection

    from media.ffmpeg import run

    with Path(os.environ["CHAOS_LEDGER"]).open("a") as ledger:
        ledger.write(f"{claim.job.pk} {claim.token} {time.time()}\n")
    until = time.monotonic() + claim.job.args["seconds"]
    process = run.start([sys.executable, "-c", "import time; time.sleep(600)", _mark()])
    try:
        while time.monotonic() < until:
            claim.check()
            time.sleep(0.01)
    finally:
        run.kill(process)
        process.communicate()
    with claim.recording(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO chaos_effect VALUES (%s, %s)", [str(claim.job.pk), claim.token])
        claim.finish()


# --- In the benchmark ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What is printed as JSON."""

    jobs: int
    kills: int
    lost: int
    double: int
    orphans: int
    restart_s_max: float


class Chaos:
    """The workers, and the one who kills them."""

    def __init__(self, folder: Path, *, jobs: int, workers: int, kills: int, every: float) -> None:
        self.folder, self.jobs, self.kills_wanted, self.every = folder, jobs, kills, every
        self.ledger = folder / "ledger"
        self.ledger.touch()
        os.environ["CHAOS_LEDGER"] = str(self.ledger)
        self.kills = 0
        #: Per killed claim (job, token): when.
        self.killed: dict[tuple[str, int], float] = {}
        self.workers = [self._start() for _ in range(workers)]

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [
            sys.executable,
            "manage.py",
            "process_tasks",
            "--perform",
            "bench.chaos_jobs.perform",
        ]
        with (self.folder / "workers.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self) -> float:
        """Kill and restart until all is done; the seconds that it took."""
        from media.models import Job, WorkerBeat

        began = time.monotonic()
        while WorkerBeat.objects.count() < len(self.workers):
            if time.monotonic() - began > 60:
                raise SystemExit((self.folder / "workers.log").read_text())
            time.sleep(0.1)
        began = killed_at = time.monotonic()
        while Job.objects.filter(state__in=["queued", "running"]).exists():
            if time.monotonic() - began > TIMEOUT_SECONDS:
                break
            if self.kills < self.kills_wanted and time.monotonic() - killed_at > self.every:
                self._kill_one()
                killed_at = time.monotonic()
            time.sleep(0.05)
        return time.monotonic() - began

    def _kill_one(self) -> None:
        """Kill -9 a worker in the middle of something, remember what, and start another one."""
        from media.models import Job

        number = random.randrange(len(self.workers))
        victim = self.workers[number]
        victim.kill()
        victim.wait()
        now = time.time()
        for job in Job.objects.filter(state="running", worker__contains=f":{victim.pid}:"):
            self.killed[str(job.pk), job.token] = now
        self.workers[number] = self._start()
        self.kills += 1

    def stop(self) -> None:
        """End the workers as a platform does."""
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            worker.wait(15)

    def restarts(self) -> list[float]:
        """For each job that was running in a killed worker: how long until it ran again."""
        started: dict[tuple[str, int], float] = {}
        for line in self.ledger.read_text().splitlines():
            name, number, when = line.split()
            started[name, int(number)] = float(when)
        seconds = []
        for (job, token), at in self.killed.items():
            again = [s for (name, n), s in started.items() if name == job and n > token]
            if again:
                seconds.append(min(again) - at)
        return seconds

    def outcome(self) -> Outcome:
        """Count the effects."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT job FROM chaos_effect")
            effects = Counter(job for (job,) in cursor.fetchall())
        return Outcome(
            jobs=self.jobs,
            kills=self.kills,
            lost=self.jobs - len(effects),
            double=sum(count - 1 for count in effects.values()),
            orphans=_orphans(),
            restart_s_max=round(max(self.restarts(), default=0.0), 1),
        )


def _mark() -> str:
    """What the processes of this run's jobs are called, so that those left behind are found."""
    return f"chaos={os.environ['CHAOS_LEDGER']}"


def _orphans() -> int:
    """Processes of jobs that outlived their workers."""
    count = 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += _mark().encode() in file.read_bytes()
        except OSError:
            continue
    return count


def _fill(jobs: int, seconds: float) -> None:
    from django.db import connection

    from media.jobs.queue import Spec, enqueue_many
    from media.models import MediaFile
    from users.models import User

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE chaos_effect (job varchar(36), token integer)")
    owner = User.objects.create_user("chaos", "chaos@example.com")
    media_file = MediaFile.objects.create(owner=owner, filename="chaos.mp4")
    enqueue_many(
        Spec(kind="ladder", media_file=media_file, position=n, args={"seconds": seconds})
        for n in range(jobs)
    )


def measure(options: argparse.Namespace, folder: Path) -> tuple[Outcome, float]:
    """Run it once, in a folder and a database of its own."""
    import django
    from django.core.management import call_command

    os.environ.update(VAR_DIR=str(folder), DJANGO_SETTINGS_MODULE="core.settings.dev")
    os.environ.update(LOG_LEVEL="WARNING", JOB_LEASE_SECONDS=str(options.lease))
    django.setup()
    call_command("migrate", verbosity=0)
    _fill(options.jobs, options.seconds)
    chaos = Chaos(
        folder,
        jobs=options.jobs,
        workers=options.workers,
        kills=options.kills,
        every=options.every,
    )
    try:
        took = chaos.run()
    finally:
        chaos.stop()
    return chaos.outcome(), took


def main(arguments: list[str] | None = None) -> Any:
    """Run it and print the table and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--every", type=float, default=4.0, help="Seconds between two kills.")
    parser.add_argument("--seconds", type=float, default=0.3, help="How long one job takes.")
    parser.add_argument("--lease", type=int, default=6, help="JOB_LEASE_SECONDS of the workers.")
    options = parser.parse_args(arguments)
    from tests.product import database_of_its_own

    folders = tempfile.TemporaryDirectory(prefix="reelay-chaos-")
    with folders as folder, database_of_its_own() as database:
        os.environ.update(database)
        outcome, took = measure(options, Path(folder))
        from django.db import connections

        connections.close_all()
    engine = "PostgreSQL" if database else "SQLite"
    print(f"{outcome.jobs} jobs of {options.seconds} s, {options.workers} workers, {engine}")
    print(f"took {took:.0f} s, {outcome.kills} workers killed, lease {options.lease} s")
    for name, value in asdict(outcome).items():
        print(f"  {name:14} {value}")
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()

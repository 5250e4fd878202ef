"""How well workers add up: two on one long video, and a simulated fleet of up to 64.

    python -m bench.fleet [--only pair|fleet|claim] [--engine background_tasks|celery]

On PostgreSQL (and Redis) of its own. Three parts:

pair   One long video is encoded by one worker process pinned to a core, then by two, a core each.
       Ideal is 0.5 of the time; the plan, the sound and the last piece keep it above that.
fleet  Jobs that sleep for a second, for 1, 4, 16 and 64 workers: what is left is the queue itself.
       A worker is a whole crew, with three slots, heartbeat, sweeper and listener,
       each with a database connection of its own. On two cores 64 interpreters would measure how
       Python starts; so sixteen crews share a process, in threads, which sleep nearly all the time
       and ask the database the rest of it. Linear is what one worker does, times their number.
claim  Milliseconds per claim, commit included, while 100,000 jobs wait.

The last line is one JSON object.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.server.processes import die_with_parent
from core.server.supervisor import PARENT

if TYPE_CHECKING:
    from media.jobs.claim import Claim

ROOT = Path(__file__).resolve().parent.parent
SIZES = (1, 4, 16, 64)
CREWS_PER_PROCESS = 16
#: Seconds of work per worker.
ROUNDS = 10
QUEUED = 100_000
CLAIMS = 200
CONNECTIONS = 600


# --- A simulated worker ---------------------------------------------------------------------------


def sleep_a_second(claim: "Claim") -> None:
    """The work of a simulated job."""
    until = time.monotonic() + 1
    while (left := until - time.monotonic()) > 0:
        claim.check()
        time.sleep(min(left, 0.25))


def be_crews(count: int) -> None:
    """Be so many workers until SIGTERM."""
    import socket

    from media import worker
    from media.jobs.crew import Crew

    crews = [
        Crew(
            do=lambda claim: worker.do_job(claim, sleep_a_second),
            ordinary_slots=1,
            name=f"{socket.gethostname()[:40]}:{os.getpid()}-{number}",
        )
        for number in range(count)
    ]
    threads = [threading.Thread(target=crew.run) for crew in crews]
    for thread in threads:
        thread.start()
    signal.sigwait([signal.SIGTERM])
    for crew in crews:
        crew.stop()
    for thread in threads:
        thread.join()


def start(arguments: list[str], log: Path, core: int | None = None) -> "subprocess.Popen[bytes]":
    """Start a process of workers, pinned to a core where one is given."""
    pin = ["taskset", "-c", str(core)] if core is not None else []
    with log.open("ab") as output:
        return subprocess.Popen(
            [*pin, sys.executable, *arguments],
            cwd=ROOT,
            env=os.environ | {PARENT: str(os.getpid())},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def stop(processes: "list[subprocess.Popen[bytes]]") -> None:
    """End them as a platform does."""
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(30)


def wait_for_workers(count: int, log: Path) -> None:
    """Return when so many have shown life."""
    from media.models import WorkerBeat

    deadline = time.monotonic() + 120
    while WorkerBeat.objects.count() < count:
        if time.monotonic() > deadline:
            raise SystemExit(log.read_text()[-4000:])
        time.sleep(0.1)


# --- The parts ------------------------------------------------------------------------------------


def pair(folder: Path, seconds: float) -> dict[str, Any]:
    """The time of two pinned workers for one video, as a part of the time of one."""
    from bench.chaos import make_clip

    clip = make_clip(folder, seconds, "long.mp4")
    cores = sorted(os.sched_getaffinity(0))[:2]
    took: dict[int, list[float]] = {1: [], 2: []}
    for count in (1, 2, 2, 1):
        took[count].append(encode_with(cores[:count], clip, folder))
        print(f"  {count} worker(s): {took[count][-1]:.1f} s", flush=True)
    return {
        "one_s": round(min(took[1]), 1),
        "two_s": round(min(took[2]), 1),
        "pair": round(min(took[2]) / min(took[1]), 3),
    }


def encode_with(cores: list[int], clip: Path, folder: Path) -> float:
    """Seconds from the upload to the completed video, with a worker on each of these cores."""
    from bench.chaos import upload, wait_for

    log = folder / "workers.log"
    command = ["manage.py", "process_tasks", "--perform", "bench.chaos.perform"]
    workers = [start(command, log, core) for core in cores]
    try:
        wait_for_workers(len(cores), log)
        return wait_for([upload(clip, 0).pk], 600)
    finally:
        stop(workers)


def fleet(folder: Path, size: int) -> float:
    """Jobs per second that so many simulated workers do."""
    from django.db.models import Max, Min

    from media.models import Job

    log = folder / "fleet.log"
    crews = [min(CREWS_PER_PROCESS, size - n) for n in range(0, size, CREWS_PER_PROCESS)]
    command = ["-m", "bench.fleet", "--be-crews"]
    processes = [start([*command, str(count)], log) for count in crews]
    try:
        wait_for_workers(size, log)
        Job.objects.all().delete()  # what the videos of `pair` and a smaller fleet have left
        enqueue(size * ROUNDS)
        deadline = time.monotonic() + 20 * ROUNDS
        while Job.objects.exclude(state="done").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
    finally:
        stop(processes)
    done = Job.objects.filter(state="done")
    spent = done.aggregate(began=Min("started_at"), ended=Max("finished_at"))
    return float(done.count() / (spent["ended"] - spent["began"]).total_seconds())


def enqueue(count: int, owners: int = 5) -> None:
    """So many jobs, of a few owners."""
    from media.jobs.queue import Spec, enqueue_many
    from tests.factories.jobs import make_media

    files = [make_media(f"owner-{number}") for number in range(owners)]
    enqueue_many(
        Spec(kind="ladder", media_file=files[number % owners], position=number // owners)
        for number in range(count)
    )


def claim_ms() -> float:
    """The mean of a claim while many jobs wait, as one slot alone sees it."""
    from django.db import connection

    from media.jobs.claim import claim_job

    enqueue(QUEUED)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for _ in range(20):
        claim_job(worker="warm:1:0")
    took = []
    for _ in range(CLAIMS):
        began = time.perf_counter()
        claim_job(worker="bench:1:0")
        took.append(time.perf_counter() - began)
    # The middle one: beside other work, some wait for a processor.
    return float(sorted(took)[CLAIMS // 2] * 1000)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the parts with the database of the environment."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    outcome: dict[str, Any] = {}
    if options.only in (None, "pair"):
        outcome |= pair(folder, options.seconds)
    if options.only in (None, "fleet"):
        rates: dict[int, float] = {}
        for size in options.sizes:
            rates[size] = fleet(folder, size)
            linear = rates[size] / size / (rates[min(rates)] / min(rates))
            print(f"  {size:3} workers: {rates[size]:6.2f} jobs/s, {linear:.2f} linear", flush=True)
            outcome[f"linear_{size}"] = round(linear, 3)
    if options.only in (None, "claim"):
        outcome["claim_ms"] = round(claim_ms(), 2)
    return outcome


def main() -> None:
    """Run it and print the table and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", choices=("pair", "fleet", "claim"))
    parser.add_argument("--engine", default="background_tasks")
    parser.add_argument("--seconds", type=float, default=120, help="How long the video is.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--be-crews", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    if options.be_crews:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        die_with_parent(int(os.environ[PARENT]))
        import django

        django.setup()
        be_crews(options.be_crews)
        return
    from tests.services import postgresql, redis

    folder = Path(tempfile.mkdtemp(prefix="reelay-fleet-"))
    folder.chmod(0o755)
    try:
        with (
            postgresql(folder, durable=False, connections=CONNECTIONS) as database,
            redis(folder) as broker,
        ):
            os.environ.update(DATABASE_URL=database, REDIS_URL=broker, TASK_ENGINE=options.engine)
            os.environ.update(VAR_DIR=str(folder / "var"), CHAOS_LEDGER=str(folder / "ledger"))
            os.environ.update(DJANGO_SETTINGS_MODULE="core.settings.dev", LOG_LEVEL="WARNING")
            outcome = measure(options, folder)
            from django.db import connections

            connections.close_all()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, value in outcome.items():
        print(f"  {name:12} {value}")
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()

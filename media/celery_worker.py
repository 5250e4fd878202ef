"""The edge to Celery: a crew of ours in the process of a Celery worker.

Celery's consumer hears the wake-ups and its pool, threads, calls `work`, which only rings the
bell. Slots, heartbeat, sweeper and all that they promise are those of `process_tasks`: so
priorities, the slots for what is urgent, leases and the end on SIGTERM are the same with both
engines, and a broker that loses messages, or is away, costs at most the time between two looks.
"""

import logging
import os
import threading
from typing import Any

from celery import bootsteps, signals
from celery.concurrency.thread import TaskPool
from celery.exceptions import ImproperlyConfigured
from celery.worker import state

from core.celery import app
from core.server.processes import die_with_parent
from core.server.supervisor import PARENT
from media import worker
from media.ffmpeg.child_process import keep_warm, let_go
from media.jobs.crew import Crew
from media.jobs.engines import WORK
from media.jobs.wake import POLL_SECONDS, POLL_UNHEARD_SECONDS

logger = logging.getLogger(__name__)


class Messages:
    """The listener that is called by Celery instead of the database."""

    def __init__(self, celery_worker: Any) -> None:
        self._celery_worker = celery_worker
        self._called = threading.Event()

    @property
    def poll_seconds(self) -> float:
        """Short while there is no connection to the broker to hear anything on."""
        consumer = getattr(self._celery_worker, "consumer", None)
        is_deaf = getattr(consumer, "connection", None) is None
        return POLL_UNHEARD_SECONDS if is_deaf else POLL_SECONDS

    def call(self) -> None:
        """A message came."""
        self._called.set()

    def wait(self, seconds: float) -> bool:
        """Whether a message came; all that came together count as one."""
        was_called = self._called.wait(seconds)
        self._called.clear()
        return was_called

    def close(self) -> None:
        """Nothing to close: the connection is Celery's."""


#: The listeners of the crews of this process, of which there is one, as a rule.
_listening: set[Messages] = set()


@app.task(name=WORK)  # type: ignore[untyped-decorator]  # Celery has no types
def work(job_id: str) -> None:
    """Have the crew look for the job that is best now, which need not be the one it is about."""
    for messages in list(_listening):
        messages.call()


class CrewStep(bootsteps.StartStopStep):  # type: ignore[misc]  # the same
    """Starts a crew before the consumer of a Celery worker, and ends it after that."""

    requires = ("celery.worker.components:Pool",)

    def __init__(
        self, parent: Any, perform: str = worker.PERFORM, poll_seconds: Any = None, **options: Any
    ) -> None:
        super().__init__(parent, **options)
        self._perform = worker.performer(perform)
        self._poll_seconds = poll_seconds
        self._messages = Messages(parent)
        self._running: tuple[Crew, threading.Thread] | None = None

    def start(self, parent: Any) -> None:
        """Let the crew work."""
        if not issubclass(parent.pool_cls, TaskPool):
            raise ImproperlyConfigured("Start this worker with `--pool threads`: it only rings.")
        crew = Crew(
            do=lambda claim: worker.do_job(claim, self._perform),
            ordinary_slots=parent.concurrency,
            poll_seconds=self._poll_seconds,
            listener=self._messages,
        )
        if parent_pid := os.environ.get(PARENT):
            die_with_parent(int(parent_pid))
        keep_warm()
        _listening.add(self._messages)
        signals.worker_shutting_down.connect(self._shutting_down)
        thread = threading.Thread(target=self._run, args=[crew], name="crew", daemon=True)
        thread.start()
        self._running = crew, thread

    def stop(self, parent: Any) -> None:
        """Stop the work and hand back what is left, within ten seconds."""
        _listening.discard(self._messages)
        if self._running is not None:
            crew, thread = self._running
            crew.stop()
            thread.join()
        let_go()

    terminate = stop

    def _shutting_down(self, **_: Any) -> None:
        """SIGTERM: the crew begins to end while the consumer still notices."""
        if self._running is not None:
            self._running[0].stop()

    @staticmethod
    def _run(crew: Crew) -> None:
        try:
            crew.run()
        except Exception:
            # A Celery worker without its crew would hear everything and do nothing.
            logger.exception("the crew has ended")
            state.should_stop = os.EX_SOFTWARE


app.steps["worker"].add(CrewStep)


def run(*, slots: int, perform: str, poll_seconds: float | None) -> int:
    """Be a Celery worker until SIGTERM, as `celery -A core worker` is; the exit code."""
    celery_worker = app.Worker(
        hostname=f"reelay-{os.getpid()}@%h",
        concurrency=slots,
        perform=perform,
        poll_seconds=poll_seconds,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
    )
    celery_worker.start()
    return int(celery_worker.exitcode or 0)

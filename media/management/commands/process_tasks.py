"""`manage.py process_tasks`: the worker. Ours, in place of django-background-tasks' own."""

import os
import signal
import sys
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from core.server.processes import die_with_parent
from core.server.supervisor import PARENT
from media import worker
from media.checks import TAG
from media.ffmpeg.child_process import keep_warm, let_go
from media.jobs.crew import Crew
from media.workshop.lanes import usual_slots


class Command(BaseCommand):
    """Encodes, and runs whatever else was put into the background, until SIGTERM."""

    help = "Work on what is in the queue until SIGTERM."
    requires_system_checks = (TAG,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Two options of the original command, and two of ours."""
        parser.add_argument(
            "--duration", type=float, default=0, help="End after so many seconds (0: never)."
        )
        parser.add_argument(
            "--sleep", type=float, help="Look into the queue every so many seconds when idle."
        )
        parser.add_argument(
            "--slots",
            type=int,
            default=usual_slots(settings.WORKER_LADDER_SLOTS),
            help="Ordinary slots.",
        )
        parser.add_argument(
            "--perform", default=worker.PERFORM, help="The function that performs a job."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the crew of this process, where TASK_ENGINE says so in a Celery worker."""
        if settings.TASK_ENGINE == "celery":
            sys.exit(self._celery(options))
        perform = worker.performer(options["perform"])
        crew = Crew(
            do=lambda claim: worker.do_job(claim, perform),
            ordinary_slots=options["slots"],
            poll_seconds=options["sleep"],
        )
        signal.signal(signal.SIGTERM, crew.stop)
        signal.signal(signal.SIGINT, crew.stop)
        if parent := os.environ.get(PARENT):
            die_with_parent(int(parent))
        # A viewer waits for the first look at a source: have the reader of it loaded before.
        keep_warm()
        try:
            crew.run(options["duration"] or None)
        finally:
            let_go()

    @staticmethod
    def _celery(options: dict[str, Any]) -> int:
        """The same in a Celery worker, which ends on SIGTERM by itself."""
        # Only where it is wanted: the default engine needs nothing of Celery.
        from media import celery_worker

        if options["duration"]:
            threading.Timer(options["duration"], signal.raise_signal, [signal.SIGTERM]).start()
        return celery_worker.run(
            slots=options["slots"], perform=options["perform"], poll_seconds=options["sleep"]
        )

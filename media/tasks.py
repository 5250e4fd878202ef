"""What is registered with django-background-tasks."""

import os
import socket

from background_task import background

from media import worker
from media.jobs.engines import WORK


@background(name=WORK)  # type: ignore[untyped-decorator]  # the package has no types
def work(job_id: str) -> None:
    """Do the job that is best now, which need not be the one whose wake-up this is."""
    name = f"{socket.gethostname()[:60]}:{os.getpid()}:task"
    worker.work_once(worker=name, perform=worker.performer())

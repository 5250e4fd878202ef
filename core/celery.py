"""The Celery application: where `TASK_ENGINE=celery` sends wake-ups, and what carries them.

    celery -A core worker

runs a worker, as `manage.py process_tasks` does. Celery carries wake-ups only (docs/jobs.md): what
is done, by whom and whether it was done is in the job rows.
"""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from core.settings.env import settings_module

# Celery's own command line knows nothing of manage.py.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings_module(Path(__file__).parent.parent))

from django.conf import settings  # it reads the variable above

from media.workshop.lanes import usual_slots

#: How long anybody waits for a broker that does not answer. Wake-ups may be lost.
BROKER_TIMEOUT_SECONDS = 1.0

app = Celery("reelay")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_transport_options={"socket_connect_timeout": BROKER_TIMEOUT_SECONDS},
    broker_connection_timeout=BROKER_TIMEOUT_SECONDS,
    # A worker works, polling, while the broker is away, and comes back when it does.
    broker_connection_max_retries=None,
    broker_connection_retry_on_startup=True,
    include=["media.celery_worker"],
    task_default_queue=settings.TASK_QUEUE,
    task_ignore_result=True,
    # The message says only that there is something to do. Once heard it is used up; delivered
    # again it would help nobody, since the row knows what was lost and who has to do it.
    task_acks_late=False,
    worker_pool="threads",
    worker_concurrency=usual_slots(settings.WORKER_LADDER_SLOTS),
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)
if settings.CELERY_BROKER_URL.startswith("rediss://"):
    app.conf.broker_use_ssl = {"ssl_cert_reqs": "required" if settings.REDIS_TLS_VERIFY else "none"}


@setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery has no types
def _logging_is_django_s(**_: Any) -> None:
    """Keep what the settings of Django say: with a listener Celery sets up nothing of its own."""

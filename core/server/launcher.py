"""One process tree: the server, and the workers beside it."""

import logging
import sys
from collections.abc import Callable
from functools import partial

# Imported first: it installs the reactor that Twisted's other modules would choose for us.
from core.server.daphne import serve  # isort: skip

from django.conf import settings
from twisted.internet import reactor, threads

from core.server.limits import Limits
from core.server.supervisor import Supervisor

logger = logging.getLogger(__name__)


def launch(
    *,
    host: str,
    port: int,
    workers: int,
    on_worker_death: Callable[[int], object],
    announce: Callable[[str], object] = print,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain, end the workers and return."""
    from core.asgi import application  # it sets Django up, which is done by now
    from media import upload_app, worker_app
    from realtime import hub

    supervisor = Supervisor(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "process_tasks"],
        count=workers,
        on_death=on_worker_death,
        adopts=True,
    )

    def listening(address: str, bound: int) -> None:
        announce(f"Reelay is at http://{_readable(address)}:{bound}/  (Ctrl-C ends it)")
        supervisor.start()

    # The workers are asked to end when the server begins to drain, not when it has drained.
    reactor.addSystemEventTrigger(
        "before", "shutdown", partial(threads.deferToThread, supervisor.stop)
    )
    try:
        serve(
            application,
            host=host,
            port=port,
            takes_bytes=lambda path: upload_app.takes_bytes(path) or worker_app.takes_bytes(path),
            limits=Limits(
                body_bytes=settings.API_BODY_MAX_BYTES, drain_seconds=settings.DRAIN_SECONDS
            ),
            background=[hub.serve],
            on_listening=listening,
        )
    finally:
        supervisor.stop()


def _readable(host: str) -> str:
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104 # shown only
    return f"[{shown}]" if ":" in shown else shown

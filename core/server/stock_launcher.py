"""The launcher on stock Daphne, until the streaming one is here. Remove it then."""

import daphne.server  # isort: skip

import asyncio
import sys
from collections.abc import Callable

from channels.layers import get_channel_layer
from django.conf import settings
from twisted.internet import reactor

from core.server.supervisor import Supervisor


def launch(
    *,
    host: str,
    port: int,
    workers: int,
    on_worker_death: Callable[[int], object],
    announce: Callable[[str], object] = print,
) -> None:
    """Serve until SIGTERM or SIGINT."""
    from core.asgi import application

    supervisor = Supervisor(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "process_tasks"],
        count=workers,
        on_death=on_worker_death,
    )
    layer = get_channel_layer()

    def begin() -> None:
        supervisor.start()
        if hasattr(layer, "start"):
            reactor._started = asyncio.ensure_future(layer.start())

    reactor.callWhenRunning(begin)
    announce(f"Reelay is at http://{host}:{port}/  (Ctrl-C ends it)")
    try:
        daphne.server.Server(application, endpoints=[f"tcp:port={port}:interface={host}"]).run()
    finally:
        supervisor.stop()

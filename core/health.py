"""Is this instance alive, ready and whole? Each part is really asked, within a deadline."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

logger = logging.getLogger(__name__)

#: All checks together may take so long; what has not answered by then is down.
DEADLINE_SECONDS = 3.0

Check = Callable[[], Awaitable[None]]
_checks: dict[str, Check] = {}


def register_check(name: str, check: Check) -> None:
    """Ask `check` too; it raises when its part is down. Called in `AppConfig.ready()`."""
    _checks[name] = check


async def livez(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain")


async def readyz(request: HttpRequest) -> HttpResponse:
    """May traffic be sent here? The database answers and its schema is this code's."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await sync_to_async(_schema_is_current)()
    except Exception as error:
        # Whatever it is, the answer to the load balancer is the same: not now.
        logger.warning("not ready", extra={"reason": repr(error)})
        return HttpResponse("not ready\n", status=503, content_type="text/plain")
    return HttpResponse("ready\n", content_type="text/plain")


_schema_checked = False


def _schema_is_current() -> None:
    global _schema_checked
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if not _schema_checked:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise RuntimeError("migrations are pending: run manage.py migrate")
        _schema_checked = True


async def health(request: HttpRequest) -> JsonResponse:
    """Each dependency by name; 503 when one is down."""
    results = dict(await asyncio.gather(*(_ask(name, check) for name, check in _checks.items())))
    whole = all(result == "ok" for result in results.values())
    body = {
        "service": "reelay",
        "status": "ok" if whole else "unavailable",
        **results,
        "timestamp": timezone.now().isoformat(),
    }
    return JsonResponse(body, status=200 if whole else 503)


async def _ask(name: str, check: Check) -> tuple[str, str]:
    began = time.monotonic()
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await check()
    except Exception as error:
        # A check may fail in any way; its part is then down, and the log says why.
        logger.warning("unhealthy", extra={"part": name, "reason": repr(error)})
        return name, "unavailable"
    logger.debug("healthy", extra={"part": name, "seconds": time.monotonic() - began})
    return name, "ok"


async def database() -> None:
    """The database answers a query."""

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    await sync_to_async(ask)()


async def storage() -> None:
    """The storage takes, gives back and deletes a few bytes."""

    def write_and_read() -> None:
        probe = settings.MEDIA_ROOT / f".health-{time.monotonic_ns()}"
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"ok")
        try:
            if probe.read_bytes() != b"ok":
                raise OSError("storage does not give back what was written")
        finally:
            probe.unlink()

    await sync_to_async(write_and_read)()

"""Waking remote workers that have an address: `POST {url}/process`, least loaded first.

One worker of the instance looks once per second. Most remote workers need no waking: a claim that
is held hears of a job as soon as it is committed. A server with an address may choose not to hold.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from media.jobs.clock import in_seconds
from media.models import Job, QueueState, Server
from media.remote.addresses import BadAddress
from media.remote.errors import Unreachable
from media.remote.outbound import ask
from media.remote.signing import Key, sign
from media.services import server_health
from media.services.server_keys import key_of
from media.services.servers import ALIVE_SECONDS
from media.workshop.kinds import KINDS
from media.workshop.lanes import lanes

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
#: How often the addresses of all servers are asked whether they are well.
CHECK_SECONDS = 30.0
AT_A_TIME = 8
TIMEOUT_SECONDS = 3.0
#: A server that was woken has so long to come before it is woken again.
PATIENCE_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """One wake-up: whom, by which key, and for what."""

    server_id: uuid.UUID
    url: str
    key: Key
    video_id: uuid.UUID
    callback_url: str


class Waker:
    """Finds out whom to wake, and does so in a thread, one round at a time."""

    def __init__(self) -> None:
        self._round: threading.Thread | None = None
        self._woken: dict[uuid.UUID, float] = {}
        self._checked_at = float("-inf")

    def look(self) -> None:
        """Wake whom there is work for; called once per second by one worker."""
        if self._round is not None and self._round.is_alive():
            return
        due = self._due_for_check()
        calls = [] if due else self._calls()
        if due or calls:
            self._round = threading.Thread(
                target=_round, args=(due, calls), name="server-wakes", daemon=True
            )
            self._round.start()

    def _due_for_check(self) -> list[Server]:
        if time.monotonic() < self._checked_at + CHECK_SECONDS:
            return []
        self._checked_at = time.monotonic()
        return list(Server.objects.exclude(url="").exclude(state="disabled"))

    def _calls(self) -> list[Call]:
        now = time.monotonic()
        self._woken = {pk: at for pk, at in self._woken.items() if at > now - PATIENCE_SECONDS}
        waiting = _waiting_videos()
        calls = calls_for([s for s in _candidates() if s.pk not in self._woken], waiting)
        self._woken |= {call.server_id: now for call in calls}
        return calls


waker = Waker()


def _waiting_videos(most: int = 64) -> list[uuid.UUID]:
    """The videos of the jobs that wait for somebody like them, most important first."""
    if QueueState.objects.filter(pk=1, paused_at__isnull=False).exists():
        return []
    ready = Job.objects.filter(state="queued", kind__in=KINDS)
    ready = ready.filter(Q(run_after=None) | Q(run_after__lte=timezone.now()))
    return list(ready.order_by("-priority").values_list("media_file_id", flat=True)[:most])


def _candidates() -> list[Server]:
    """The servers that may be woken, each with the number of jobs that it has."""
    well = Server.objects.filter(state="active", last_seen__gt=in_seconds(-ALIVE_SECONDS))
    well = well.exclude(url="").exclude(callback_base="").exclude(is_reachable=False)
    counts = dict(
        Job.objects.filter(state="running", worker__startswith="server:")
        .values_list("worker")
        .annotate(jobs=Count("pk"))
    )
    found = list(well)
    for server in found:
        server.load = counts.get(server.worker, 0)
    return found


def calls_for(servers: Sequence[Server], waiting: Sequence[uuid.UUID]) -> list[Call]:
    """Whom to wake for the jobs that wait: the least loaded, as many as have room for them."""
    calls, left = [], list(waiting)
    for server in sorted(servers, key=lambda each: (each.load / max(each.capacity, 1), each.name)):
        free = len(lanes(server.capacity)) - server.load
        if not left or free <= 0:
            continue
        call = Call(
            server_id=server.pk,
            url=server.url,
            key=key_of(server),
            video_id=left[0],
            callback_url=f"{server.callback_base}/worker/callback/{left[0]}",
        )
        calls.append(call)
        del left[:free]
    return calls


def _round(due: list[Server], calls: list[Call]) -> None:
    try:
        if due:
            server_health.check(due)
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="server-wake") as threads:
            reached = list(threads.map(wake, calls))
        for call, is_reached in zip(calls, reached, strict=True):
            if not is_reached:
                # Left out until a check finds it well again.
                Server.objects.filter(pk=call.server_id, url=call.url).update(
                    is_reachable=False, checked_at=timezone.now()
                )
    except Exception:
        # The next round begins in a second; a thread that dies silently would be a mystery.
        logger.exception("cannot wake servers")
    finally:
        connection.close()


def wake(call: Call) -> bool:
    """`POST {url}/process`; whether it was taken."""
    body = json.dumps({"video_id": str(call.video_id), "callback_url": call.callback_url}).encode()
    headers = sign(call.key, method="POST", path="/process", body=body, now=time.time())
    headers["Content-Type"] = "application/json"
    try:
        status, _ = ask(
            call.url,
            "/process",
            method="POST",
            body=body,
            headers=headers,
            timeout_seconds=TIMEOUT_SECONDS,
        )
    except (Unreachable, BadAddress, ValueError) as error:
        logger.warning("cannot wake", extra={"url": call.url, "reason": str(error)})
        return False
    if status != 202:
        logger.warning("wake-up not taken", extra={"url": call.url, "status": status})
    return status == 202

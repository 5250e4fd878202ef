"""A remote worker process: slots that work, and a heartbeat that keeps what they hold.

slot 0 … n-1   any job that needs nothing but its source
slot n         what somebody waits for, and nothing else
slot n+1       what a viewer has jumped to (on_demand), and nothing else
heartbeat      renews every lease, hears what is lost
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from media.ffmpeg.plan import Plan
from media.ffmpeg.run import ended_by
from media.remote import signing
from media.remote.client import Client
from media.remote.errors import NoRoom, Refused, Unreachable
from media.remote.sources import SourceFacts, Sources
from media.remote.work import RemoteClaim, RemoteWork
from media.storage.local import LocalStore
from media.workshop import kinds
from media.workshop.endings import see_through
from media.workshop.errors import LeaseLost
from media.workshop.lanes import Lane, lanes

logger = logging.getLogger(__name__)

#: How long the server holds a claim that finds nothing.
CLAIM_WAIT_SECONDS = 15.0
#: After the time for draining: how long the work may take to stop.
STOP_SECONDS = 8.0
#: Pauses while nobody answers, or the server wants nothing of us.
PAUSE_SECONDS = 0.5
PAUSE_MAX_SECONDS = 10.0
#: How long a worker that is woken relies on being woken.
WOKEN_POLL_SECONDS = 30.0
#: Plans that are kept; one of twelve hours takes a few MiB.
PLANS_MAX = 16


class Crew:
    """The threads of one remote worker. `run` returns after `stop`; 0 if all went well."""

    def __init__(
        self,
        client: Client,
        *,
        folder: Path,
        cache_bytes: int,
        ordinary_slots: int,
        version: str,
        drain_seconds: float,
        server: str = "",
        is_woken: bool = False,
    ) -> None:
        self._client = client
        self._store = LocalStore(folder)
        self._sources = Sources(folder / "sources", max_bytes=cache_bytes)
        self._slots = lanes(ordinary_slots)
        self._capacity = ordinary_slots
        self._version = version
        self._drain_seconds = drain_seconds
        self._server = server
        self._is_woken = is_woken
        self._bell = threading.Condition()
        self._rings = 0
        self._plans: dict[tuple[str, int], Plan] = {}
        self._held: set[RemoteClaim] = set()
        self._lock = threading.Lock()
        self._asked_to_stop = 0
        self._draining = threading.Event()
        self._gone = threading.Event()
        self._beat_seconds = 1.0
        self._exit_code = 0
        self._is_known = threading.Event()

    def stop(self, *_: object) -> None:
        """Begin to end: finish what is held. Asked again, hand it back at once."""
        self._asked_to_stop += 1

    def ring(self) -> None:
        """There is work: have the slots that wait ask for it."""
        with self._bell:
            self._rings += 1
            self._bell.notify_all()

    def is_well(self) -> bool:
        """Whether the server has heard of us lately, and nothing ends us."""
        return self._is_known.is_set() and not self._draining.is_set()

    def run(self) -> int:
        """Work until `stop`; then finish or hand back what is held, and return."""
        heartbeat = _thread(self._beat, "heartbeat")
        slots = [
            _thread(partial(self._slot, lane), f"slot-{number}")
            for number, lane in enumerate(self._slots)
        ]
        while not self._asked_to_stop and not self._exit_code:
            time.sleep(0.1)
        self._draining.set()
        self.ring()
        self._client.hang_up()
        self._join(slots, self._drain_seconds, unless=lambda: self._asked_to_stop > 1)
        for claim in self._all_held():
            claim.stop()
        self._join(slots, STOP_SECONDS)
        self._gone.set()
        heartbeat.join(timeout=2)
        logger.info("worker gone")
        return self._exit_code

    def _join(
        self,
        slots: list[threading.Thread],
        seconds: float,
        *,
        unless: Callable[[], bool] = lambda: False,
    ) -> None:
        until = time.monotonic() + seconds
        while any(slot.is_alive() for slot in slots) and time.monotonic() < until and not unless():
            time.sleep(0.05)

    # --- Slots --------------------------------------------------------------------------------

    def _slot(self, lane: Lane) -> None:
        pause = PAUSE_SECONDS
        while not self._draining.is_set():
            if not self._is_known.wait(0.2):
                continue
            try:
                self._work_once(lane)
                pause = PAUSE_SECONDS
            except (Unreachable, Refused) as error:
                if not self._draining.is_set():
                    logger.warning("no job", extra={"reason": str(error)})
                self._draining.wait(pause)
                pause = min(2 * pause, PAUSE_MAX_SECONDS)
            except Exception:
                # A worker that ends for a mistake of ours would take all other jobs with it.
                logger.exception("worker stumbled")
                self._draining.wait(PAUSE_SECONDS)

    def _work_once(self, lane: Lane) -> None:
        rings = self._rings
        wait_seconds = 0.0 if self._is_woken else CLAIM_WAIT_SECONDS
        asked = {"lane": lane.value, "wait_seconds": wait_seconds}
        described = self._client.call("claim", asked, wait_seconds=wait_seconds)
        if described is None:
            self._rest(rings)
            return
        claim = RemoteClaim(self._client, described)
        with self._lock:
            self._held.add(claim)
        try:
            if self._draining.is_set():
                claim.stop()
            self._do(claim)
        finally:
            with self._lock:
                self._held.discard(claim)

    def _rest(self, rings: int) -> None:
        """Until there may be something: a wake-up; or a moment, after a claim that was held."""
        if not self._is_woken:
            # Nothing in all that time; or at once, because the server lets us drain.
            self._draining.wait(PAUSE_SECONDS)
            return
        with self._bell:
            self._bell.wait_for(
                lambda: self._rings != rings or self._draining.is_set(), WOKEN_POLL_SECONDS
            )

    def _do(self, claim: RemoteClaim) -> None:
        about = {"job": claim.job, "kind": claim.kind, "video": claim.video_id}
        began = time.monotonic()
        try:
            see_through(
                claim,
                lambda: self._perform(claim),
                is_disk_full=lambda: self._store.free_bytes() == 0,
                about=about,
            )
        except (LeaseLost, Refused) as error:
            logger.info("job is not ours any more", extra={**about, "reason": repr(error)})
        else:
            seconds = round(time.monotonic() - began, 2)
            logger.info("job ended", extra={**about, "seconds": seconds})

    def _perform(self, claim: RemoteClaim) -> None:
        claim.check()
        plan = self._plan(claim)
        told = claim.source
        facts = SourceFacts(
            video_id=claim.video_id,
            tag=str(told["tag"]),
            size_bytes=int(told["size_bytes"]),
            extension=str(told["extension"]),
        )

        def fetch(into: Path) -> None:
            claim.patiently(
                lambda: self._client.fetch(
                    lambda: claim.links["source"],
                    into,
                    size_bytes=facts.size_bytes,
                    check=claim.check,
                )
            )

        try:
            with self._sources.using(facts, fetch) as source:
                work = RemoteWork(
                    claim=claim, client=self._client, plan=plan, source=source, store=self._store
                )
                with ended_by(claim.check):
                    kinds.KINDS[claim.kind](work)
        except NoRoom as error:
            logger.warning("no room", extra={"reason": str(error)})
            claim.put_off("out-of-space", "The worker has no room for the source.")
            return
        if not claim.is_finished:
            work.record([], finish=True)

    def _plan(self, claim: RemoteClaim) -> Plan:
        name = (claim.video_id, claim.plan_number)
        plan = self._plans.get(name)
        if plan is None:
            document = claim.patiently(lambda: self._client.get_json(claim.links["plan"]))
            plan = Plan.from_json(document)
            with self._lock:
                while len(self._plans) >= PLANS_MAX:
                    self._plans.pop(next(iter(self._plans)))
                self._plans[name] = plan
        return plan

    # --- The heartbeat ------------------------------------------------------------------------

    def _all_held(self) -> list[RemoteClaim]:
        with self._lock:
            return list(self._held)

    def _beat(self) -> None:
        while not self._gone.is_set():
            try:
                self._beat_once()
            except Unreachable as error:
                logger.warning("no heartbeat", extra={"reason": str(error)})
            except Refused as refused:
                self._refused(refused)
            self._gone.wait(self._beat_seconds)

    def _beat_once(self) -> None:
        held = self._all_held()
        shape = {
            "protocol": signing.PROTOCOL,
            "version": self._version,
            "capacity": self._capacity,
            "load": len(held),
            "server_url": self._server,
            "claims": [claim.held for claim in held],
        }
        answer: Mapping[str, Any] = self._client.call("heartbeat", shape)
        if not self._is_known.is_set():
            logger.info("worker ready", extra={"slots": len(self._slots), "state": answer["state"]})
            self._is_known.set()
        self._beat_seconds = float(answer["beat_seconds"])
        told = {(each["job"], each["token"]): each for each in answer["claims"]}
        for claim in held:
            news = told.get((claim.job, claim.token), {"is_yours": True})
            if not news["is_yours"]:
                claim.lose()
            claim.learn(news)

    def _refused(self, refused: Refused) -> None:
        """Disabled is for a while; a key or protocol that is no good is for good."""
        for claim in self._all_held():
            claim.lose()
        logger.error("refused", extra={"code": refused.code, "reason": refused.detail})
        self._beat_seconds = PAUSE_MAX_SECONDS
        self._is_known.clear()
        if refused.code in ("worker-unauthenticated", "worker-protocol-mismatch"):
            self._exit_code = 3


def _thread(target: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread

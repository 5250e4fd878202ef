"""Whom the instance wakes: healthy servers with an address, the least loaded first."""

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from media.jobs.clock import in_seconds
from media.models import Job, MediaFile, QueueState, Server
from media.remote.signing import Key, is_genuine, read
from media.services import server_wakes
from media.services.server_keys import key_of
from media.services.server_wakes import Waker, calls_for
from tests.factories.jobs import make_job, make_media
from tests.integration.media.remote.caller import make_server

pytestmark = pytest.mark.django_db(transaction=True)


def woken(servers: list[Server], waiting: int) -> list[str]:
    videos = [uuid.uuid4() for _ in range(waiting)]
    return [call.url for call in calls_for(servers, videos)]


def server(name: str, *, load: int, capacity: int = 2) -> Server:
    return Server(name=name, url=name, key_salt=b"x", load=load, capacity=capacity)


def test_the_least_loaded_goes_first_and_no_more_are_woken_than_there_is_work() -> None:
    all_of_them = [server("busy", load=1), server("idle", load=0), server("full", load=4)]
    assert woken(all_of_them, 0) == []
    assert woken(all_of_them, 1) == ["idle"]
    assert woken(all_of_them, 4) == ["idle"]
    assert woken(all_of_them, 5) == ["idle", "busy"]
    assert woken(all_of_them, 50) == ["idle", "busy"]


def test_load_counts_beside_what_a_server_can_do() -> None:
    assert woken([server("small", load=1, capacity=1), server("big", load=2, capacity=8)], 1) == [
        "big"
    ]


class _Door(BaseHTTPRequestHandler):
    asked: list[tuple[str, dict[str, str], bytes]] = []
    status = 202

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked.append((self.path, headers, body))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def door() -> Iterator[str]:
    _Door.asked.clear()
    _Door.status = 202
    with ThreadingHTTPServer(("127.0.0.1", 0), _Door) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()


@pytest.fixture
def key(door: str) -> Key:
    made, key = make_server("attic", url=door)
    Server.objects.filter(pk=made.pk).update(
        last_seen=Now(), capacity=1, callback_base="https://video.example"
    )
    return key


@pytest.fixture
def waiting(db: None) -> Job:
    media: MediaFile = make_media()
    return make_job(media, kind="ladder", args={"piece": 0})


@pytest.fixture
def waker(monkeypatch: pytest.MonkeyPatch) -> Waker:
    made = Waker()
    made._checked_at = float("inf")
    return made


def look(waker: Waker) -> list[Any]:
    waker.look()
    if waker._round is not None:
        waker._round.join(10)
    return _Door.asked


def test_a_server_is_told_which_video_and_where_to_report(
    waker: Waker, key: Key, waiting: Job
) -> None:
    [(path, headers, body)] = look(waker)
    video_id = str(waiting.media_file_id)
    assert json.loads(body) == {
        "video_id": video_id,
        "callback_url": f"https://video.example/worker/callback/{video_id}",
    }
    signed = read(headers)
    assert signed is not None
    assert key == key_of(Server.objects.get())
    assert is_genuine(signed, key.secret, method="POST", path=path, body=body)


def test_who_was_woken_has_time_to_come(waker: Waker, key: Key, waiting: Job) -> None:
    assert len(look(waker)) == 1
    assert len(look(waker)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"state": "draining"},
        {"state": "disabled"},
        {"is_reachable": False},
        {"last_seen": in_seconds(-60)},
        {"url": ""},
        {"callback_base": ""},
    ],
    ids=lambda change: next(iter(change)) if isinstance(change, dict) else str(change),
)
def test_who_is_not_well_is_left_out(
    waker: Waker, key: Key, waiting: Job, change: dict[str, Any]
) -> None:
    Server.objects.update(**change)
    assert look(waker) == []


@pytest.mark.parametrize("why", ["nothing", "ingest", "later", "paused"])
def test_nobody_is_woken_for_what_cannot_be_done(waker: Waker, key: Key, why: str) -> None:
    if why != "nothing":
        make_job(kind="ingest" if why == "ingest" else "ladder")
    if why == "later":
        Job.objects.update(run_after=in_seconds(60))
    if why == "paused":
        QueueState.objects.create(pk=1, paused_at=Now())
    assert look(waker) == []


def test_who_does_not_take_it_is_left_out_until_a_check_finds_it_well(
    waker: Waker, key: Key, waiting: Job, settings: Settings
) -> None:
    _Door.status = 500
    assert len(look(waker)) == 1
    assert Server.objects.get().is_reachable is False
    waker._woken.clear()
    assert len(look(waker)) == 1
    Server.objects.update(is_reachable=True)
    assert len(look(waker)) == 2


def test_addresses_are_asked_now_and_then(waker: Waker, key: Key) -> None:
    waker._checked_at = float("-inf")
    look(waker)
    # This door answers no GET.
    assert Server.objects.get().is_reachable is False
    assert server_wakes.CHECK_SECONDS > server_wakes.LOOK_SECONDS

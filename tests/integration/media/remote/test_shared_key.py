"""One key for all workers, from the environment, as the originals had it."""

import pytest
from asgiref.sync import sync_to_async
from pytest_django import Settings

from core.errors import AppError
from media.models import Job, Server
from media.remote.signing import SHARED_ID, Key, NotAKey
from media.services import servers
from media.services.server_keys import key_of
from media.worker_app import WorkerApp
from tests.integration.media.remote.caller import Caller, code_of, make_admin

pytestmark = pytest.mark.django_db(transaction=True)

SHARED = "a-key-that-somebody-wrote-into-an-environment"


@pytest.fixture(autouse=True)
def _set(settings: Settings) -> None:
    settings.WORKER_API_KEY = SHARED
    settings.WORKER_SERVICE_URL = "https://worker.example"


async def test_whoever_knows_it_gets_jobs(app: WorkerApp, job: Job) -> None:
    caller = Caller(app, Key.parse(SHARED))
    assert (await caller.claim())["job"] == str(job.pk)
    row = await Server.objects.aget()
    assert (row.name, row.url) == ("shared-key", "https://worker.example")
    assert key_of(row) == caller.key


async def test_whoever_does_not_makes_no_row(app: WorkerApp, job: Job) -> None:
    wrong = Key.parse(SHARED.upper())
    assert wrong.server_id == SHARED_ID
    assert code_of(await Caller(app, wrong).call("claim")) == (401, "worker-unauthenticated")
    assert not await Server.objects.aexists()


async def test_without_the_setting_there_is_no_such_server(
    app: WorkerApp, job: Job, settings: Settings
) -> None:
    caller = Caller(app, Key.parse(SHARED))
    await caller.claim()
    settings.WORKER_API_KEY = ""
    for key in (caller.key, Key(SHARED_ID, bytes(32))):
        answer = await caller.call("heartbeat", key=key)
        assert code_of(answer) == (401, "worker-unauthenticated")


async def test_it_is_drained_like_any_other_but_its_key_is_a_setting(
    app: WorkerApp, job: Job
) -> None:
    caller = Caller(app, Key.parse(SHARED))
    await caller.claim()
    admin = await sync_to_async(make_admin)()
    change = sync_to_async(servers.change_server)
    row = await change(actor=admin, server_id=SHARED_ID, state="disabled")
    assert row.state == "disabled"
    assert code_of(await caller.call("claim")) == (403, "server-disabled")
    with pytest.raises(servers.KeyFromEnvironment):
        await sync_to_async(servers.rotate_key)(actor=admin, server_id=SHARED_ID)
    with pytest.raises(servers.KeyFromEnvironment):
        await change(actor=admin, server_id=SHARED_ID, url="https://other.example")
    with pytest.raises(AppError):
        await sync_to_async(servers.add_server)(actor=admin, name="shared-key")


def test_a_short_key_is_none() -> None:
    with pytest.raises(NotAKey):
        Key.parse("worker-key")

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient

from core import health


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def down() -> None:
        raise ConnectionError("nobody is there")

    monkeypatch.setitem(health._checks, "database", down)


@pytest.fixture
async def fresh_connections(transactional_db: None) -> None:
    """A connection that no test before has broken, in the thread that will ask the database."""
    await sync_to_async(connections.close_all)()


async def test_a_live_process_says_so_without_asking_anybody(broken: None) -> None:
    assert (await AsyncClient().get("/livez")).status_code == 200


async def test_an_instance_with_its_schema_is_ready(fresh_connections: None) -> None:
    assert (await AsyncClient().get("/readyz")).status_code == 200


async def test_health_names_the_part_that_is_down(fresh_connections: None, broken: None) -> None:
    response = await AsyncClient().get("/health")
    body = json.loads(response.content)
    assert (response.status_code, body["status"]) == (503, "unavailable")
    assert (body["database"], body["storage"]) == ("unavailable", "ok")


async def test_a_part_that_hangs_is_down_by_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(health, "DEADLINE_SECONDS", 0.05)
    monkeypatch.setattr(health, "_checks", {"layer": hang})
    body = json.loads((await AsyncClient().get("/health")).content)
    assert body["layer"] == "unavailable"

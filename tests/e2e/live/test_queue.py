"""An administrator follows the queue, pauses it and sees that; others are refused."""

import asyncio

from tests.e2e.live.client import line
from tests.e2e.live.conftest import Stage


async def test_an_administrator_follows_the_queue_until_they_are_none(stage: Stage) -> None:
    token = stage.product.sign_up("warden")
    await promote(stage, "admin")
    async with line(stage.product, ticket=stage.ticket(token)) as opened:
        view = await opened.follow("admin:queue")
        assert view.data["paused_at"] is None
        await asyncio.to_thread(stage.product.call, "POST", "/api/jobs/queue/pause/", {}, token)
        await opened.until(lambda: view.data["paused_at"] is not None, 3)
        assert view.data["paused_by"] == "warden"
        await asyncio.to_thread(stage.product.call, "POST", "/api/jobs/queue/resume/", {}, token)
        await opened.until(lambda: view.data["paused_at"] is None, 3)
        await promote(stage, "user")
        await opened.until(lambda: view.has_ended)


async def test_others_are_refused_and_their_socket_stays(stage: Stage) -> None:
    async with line(stage.product, ticket=stage.ticket(stage.fan)) as opened:
        answer = await opened.ask("subscribe", topic="admin:queue")
        assert (answer["type"], answer["code"]) == ("refused", "not-found")
        assert (await opened.ask("ping"))["type"] == "ok"


async def promote(stage: Stage, role: str) -> None:
    warden = "User.objects.filter(username='warden')"
    change = f"from users.models import User; {warden}.update(role='{role}')"
    await asyncio.to_thread(stage.product.manage, "shell", "-c", change)

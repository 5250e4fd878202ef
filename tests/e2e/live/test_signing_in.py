"""Who may open a socket, and as whom."""

import asyncio
import http.cookiejar
import json
import urllib.request
import uuid

import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.live.client import line
from tests.e2e.live.conftest import Stage


async def private_topic(stage: Stage) -> str:
    return f"post:{stage.post(visibility='private')['id']}"


def foreign(stage: Stage) -> list[str]:
    port = stage.product.port
    return [
        "https://evil.example",
        f"http://evil.example:{port}",
        "http://127.0.0.1:1",
        f"https://127.0.0.1:{port}",
        "http://127.0.0.1",
        "null",
        "file://",
        f"http://127.0.0.1:{port}.evil.example",
        f"http://127.0.0.1:{port}@evil.example",
    ]


async def test_pages_of_other_origins_are_refused_also_with_a_ticket(stage: Stage) -> None:
    for origin in foreign(stage):
        for ticket in ("", stage.ticket(stage.author)):
            with pytest.raises(InvalidStatus) as refusal:
                async with line(stage.product, origin=origin, ticket=ticket):
                    pass
            # 400 where Daphne cannot even read it.
            assert refusal.value.response.status_code in (400, 403), origin


async def test_a_ticket_signs_in_with_and_without_an_origin(stage: Stage) -> None:
    topic = await private_topic(stage)
    for origin in ("own", None):
        ticket = stage.ticket(stage.author)
        async with line(stage.product, origin=origin, ticket=ticket) as opened:
            assert opened.socket.subprotocol == "reelay.v1"
            await opened.follow(topic)


async def test_a_ticket_works_once(stage: Stage) -> None:
    ticket = stage.ticket(stage.author)
    async with line(stage.product, ticket=ticket), line(stage.product, ticket=ticket) as again:
        await asyncio.wait_for(again.socket.wait_closed(), 10)
        assert again.socket.close_code == 4401


@pytest.mark.parametrize("ticket", ["nonsense", "a.b.c", "e30.1xUkL0.7Vpx3AErtvphqly-gPLbPNL6c7X"])
async def test_a_ticket_that_is_not_ours_closes_with_4401(stage: Stage, ticket: str) -> None:
    async with line(stage.product, ticket=ticket) as opened:
        await opened.socket.wait_closed()
        assert opened.socket.close_code == 4401


async def test_a_session_cookie_signs_in_from_our_pages_only(stage: Stage) -> None:
    topic = await private_topic(stage)
    cookie = {"Cookie": f"sessionid={sign_in_by_cookie(stage, topic)}"}
    async with line(stage.product, headers=cookie) as opened:
        await opened.follow(f"user:{opened_account(stage, cookie)}")
    async with line(stage.product, origin=None, headers=cookie) as opened:
        answer = await opened.ask("subscribe", topic="feed")
        assert answer["code"] == "unauthenticated"


def sign_in_by_cookie(stage: Stage, topic: str) -> str:
    """Register somebody and sign in for a session; its key."""
    name = f"cookie-{uuid.uuid4().hex[:8]}"
    account = {"username": name, "email": f"{name}@example.com", "password": "a-long-passphrase-9"}
    stage.product.call("POST", "/api/register/", account)
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    body = {"login": name, "password": account["password"], "session": True}
    request = urllib.request.Request(
        f"{stage.product.url}/api/login/",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Origin": stage.product.url},
    )
    opener.open(request, timeout=10).close()
    return next(str(it.value) for it in jar if it.name == "sessionid")


def opened_account(stage: Stage, cookie: dict[str, str]) -> str:
    request = urllib.request.Request(f"{stage.product.url}/api/me/", headers=cookie)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["id"])


async def test_a_token_in_the_handshake_signs_a_program_in(stage: Stage) -> None:
    topic = await private_topic(stage)
    headers = {"Authorization": f"Bearer {stage.author}"}
    async with line(stage.product, origin=None, headers=headers) as opened:
        await opened.follow(topic)


async def test_a_program_without_a_proof_may_only_authenticate(stage: Stage) -> None:
    topic = await private_topic(stage)
    async with line(stage.product, origin=None) as opened:
        assert (await opened.ask("subscribe", topic="feed"))["code"] == "unauthenticated"
        assert (await opened.ask("authenticate", token="nonsense"))["code"] == "invalid-token"
        assert (await opened.ask("authenticate", token=stage.author))["type"] == "ok"
        await opened.follow(topic)


async def test_a_socket_does_not_change_hands(stage: Stage) -> None:
    async with line(stage.product, ticket=stage.ticket(stage.author)) as opened:
        answer = await opened.ask("authenticate", token=stage.fan)
        assert answer["code"] == "already-signed-in"
        assert (await opened.ask("authenticate", token=stage.author))["type"] == "ok"


async def test_visitors_follow_what_everybody_may_see(stage: Stage) -> None:
    async with line(stage.product) as opened:
        await opened.follow("feed")
        await opened.follow(f"post:{stage.post()['id']}")


async def test_one_account_has_so_many_sockets_and_no_more(stage: Stage) -> None:
    token = stage.product.sign_up()
    tickets = [stage.ticket(token) for _ in range(4)]
    async with (
        line(stage.product, ticket=tickets[0]) as first,
        line(stage.product, ticket=tickets[1]),
        line(stage.product, ticket=tickets[2]),
    ):
        async with line(stage.product, ticket=tickets[3]) as fourth:
            await fourth.socket.wait_closed()
            assert fourth.socket.close_code == 4429
        await first.close()
        await first.socket.wait_closed()
        async with line(stage.product, ticket=stage.ticket(token)) as another:
            assert (await another.ask("ping"))["type"] == "ok"


async def test_signing_out_closes_the_sockets_of_the_account_and_voids_its_tickets(
    stage: Stage,
) -> None:
    name, password = f"leaver-{uuid.uuid4().hex[:8]}", "a-long-passphrase-9"
    account = {"username": name, "email": f"{name}@example.com", "password": password}
    stage.product.call("POST", "/api/register/", account)
    tokens = stage.product.call("POST", "/api/login/", {"login": name, "password": password})
    unused = stage.ticket(tokens["access"])
    async with line(stage.product, ticket=stage.ticket(tokens["access"])) as opened:
        await opened.ask("ping")
        leaving = {"refresh": tokens["refresh"]}
        stage.product.call("POST", "/api/logout/", leaving, tokens["access"])
        await opened.socket.wait_closed()
        assert opened.socket.close_code == 4401
    async with line(stage.product, ticket=unused) as late:
        await asyncio.wait_for(late.socket.wait_closed(), 10)
        assert late.socket.close_code == 4401


async def test_other_paths_are_no_sockets(stage: Stage) -> None:
    from websockets.asyncio.client import connect

    with pytest.raises(InvalidStatus):
        async with connect(f"{stage.product.url.replace('http', 'ws')}/wsx/"):
            pass

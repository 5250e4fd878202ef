"""What is wrong is refused with its reference, and the socket goes on."""

import json
from typing import Any

import pytest

from tests.e2e.live.client import line
from tests.e2e.live.conftest import Stage

#: An id that nothing has; always the same, so that parallel test processes agree on names.
NOBODYS = "0c9e8f0a-5b1d-4c7e-9a3f-6d2b8e4f1a7c"

BAD: dict[str, Any] = {
    "no JSON": "hello",
    "no object": "[]",
    "binary": b"\x00\x01",
    "nested beyond sense": "[" * 8000,
    "no type": '{"ref": "x"}',
    "a type that is none": '{"type": "explode", "ref": "x"}',
    "a type of the wrong kind": '{"type": ["subscribe"], "ref": "x"}',
    "a name of a method": '{"type": "__init__", "ref": "x"}',
    "no topic": '{"type": "subscribe", "ref": "x"}',
    "a topic of the wrong kind": '{"type": "subscribe", "topic": 7, "ref": "x"}',
    "since of the wrong kind": '{"type": "subscribe", "topic": "feed", "since": true, "ref": "x"}',
    "since before the beginning": '{"type":"subscribe","topic":"feed","since":-1,"ref":"x"}',
    "an endless ref": json.dumps({"type": "ping", "ref": "x" * 65}),
    "an endless number": '{"type":"subscribe","topic":"feed","since":' + "9" * 5000 + "}",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
async def test_what_is_no_command_is_refused_and_the_socket_stays(stage: Stage, text: Any) -> None:
    async with line(stage.product) as opened:
        await opened.socket.send(text)
        await opened.until(lambda: opened.frames)
        assert opened.frames[0]["type"] == "refused"
        assert opened.frames[0]["code"] == "command-not-understood"
        assert (await opened.ask("ping"))["type"] == "ok"


@pytest.mark.parametrize(
    "topic",
    [
        f"post:{NOBODYS}",
        f"media:{NOBODYS}",
        f"user:{NOBODYS}",
        f"post:{NOBODYS.upper()}",
        "post:1",
        "feed:",
        "admin:queue",
        "",
        "x" * 1000,
    ],
)
async def test_a_topic_that_is_none_is_not_found(stage: Stage, topic: str) -> None:
    async with line(stage.product) as opened:
        answer = await opened.ask("subscribe", topic=topic)
        assert (answer["type"], answer["code"]) == ("refused", "not-found")


async def test_a_private_post_is_not_found_by_others_and_found_by_its_author(stage: Stage) -> None:
    topic = f"post:{stage.post(visibility='private')['id']}"
    missing = f"post:{NOBODYS}"
    async with line(stage.product, ticket=stage.ticket(stage.fan)) as other:
        answer = await other.ask("subscribe", topic=topic)
        unknown = await other.ask("subscribe", topic=missing)
        assert answer | {"ref": ""} == unknown | {"ref": ""}
    async with line(stage.product, ticket=stage.ticket(stage.author)) as own:
        await own.follow(topic)


async def test_the_topic_of_an_account_is_its_own(stage: Stage) -> None:
    me = stage.product.call("GET", "/api/me/", None, stage.author)["id"]
    async with line(stage.product, ticket=stage.ticket(stage.author)) as own:
        await own.follow(f"user:{me}")
    async with line(stage.product, ticket=stage.ticket(stage.fan)) as other:
        assert (await other.ask("subscribe", topic=f"user:{me}"))["code"] == "not-found"


async def test_there_is_a_last_topic(stage: Stage) -> None:
    posts = [stage.post()["id"] for _ in range(6)]
    async with line(stage.product) as opened:
        for post in posts[:5]:
            await opened.follow(f"post:{post}")
        answer = await opened.ask("subscribe", topic=f"post:{posts[5]}")
        assert answer["code"] == "too-many-topics"
        await opened.follow(f"post:{posts[0]}")
        await opened.ask("unsubscribe", topic=f"post:{posts[0]}")
        await opened.follow(f"post:{posts[5]}")


async def test_who_speaks_too_fast_is_refused_and_then_closed(stage: Stage) -> None:
    async with line(stage.product) as opened:
        for number in range(30):
            await opened.socket.send(json.dumps({"type": "ping", "ref": str(number)}))
        await opened.until(lambda: len(opened.frames) >= 30)
        done = [frame for frame in opened.frames if frame["type"] == "ok"]
        assert 20 <= len(done) < 25
        assert "too-many-commands" in [frame.get("code") for frame in opened.frames]
        for number in range(200):
            await opened.socket.send(json.dumps({"type": "ping", "ref": str(number)}))
        await opened.socket.wait_closed()
        assert opened.socket.close_code == 4429

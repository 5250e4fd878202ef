"""Slow readers, cut lines, other processes: what is told still arrives, once and in order."""

import asyncio
import json
import random
import socket
import uuid
from typing import Any

import pytest

from tests.e2e.live.client import View, call, line
from tests.e2e.live.conftest import Stage
from tests.product import Product, running


def slow_socket(product: Product, topic: str) -> socket.socket:
    """A client that subscribes and then never reads again."""
    slow = socket.socket()
    slow.connect(("127.0.0.1", product.port))
    slow.sendall(
        f"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1:{product.port}\r\nOrigin: {product.url}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert b" 101 " in slow.recv(64)
    command = json.dumps({"type": "subscribe", "topic": topic, "ref": "1"}).encode()
    slow.sendall(bytes((0x81, 0x80 | len(command))) + b"\0\0\0\0" + command)
    return slow


def rest_of(slow: socket.socket) -> bytes:
    """Read what is still on the way until the server ends this connection."""
    data = b""
    with slow:
        slow.settimeout(10)
        try:
            while part := slow.recv(1 << 20):
                data += part
        except ConnectionError:
            pass  # the server did not wait for an answer to its close frame
    return data


def frames_in(data: bytes) -> list[tuple[int, bytes]]:
    """Opcode and payload of each frame after the head of a handshake (RFC 6455, 5.2)."""
    _, _, data = data.partition(b"\r\n\r\n")
    frames = []
    while data:
        opcode, length, start = data[0] & 0x0F, data[1], 2
        if length > 125:
            start = 4 if length == 126 else 10
            length = int.from_bytes(data[2:start])
        frames.append((opcode, data[start : start + length]))
        data = data[start + length :]
    return frames


async def test_who_does_not_read_is_dropped_and_others_go_on(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = {"WORKER_PROCESSES": "0", "LIVE_BUFFER_MAX_BYTES": "4096", "LOG_LEVEL": "INFO"}
    # Each change goes out by itself, so that their number decides and not how fast they come.
    settings["LIVE_GATHER_SECONDS"] = "0.001"
    with running(tmp_path_factory.mktemp("slow"), **settings) as product:
        token = product.sign_up()
        post = product.call("POST", "/api/posts/", {"text": "x"}, token)
        topic, path = f"post:{post['id']}", f"/api/posts/{post['id']}/"
        slow = slow_socket(product, topic)
        async with line(product) as quick:
            view = await quick.follow(topic)
            for _ in range(20):
                await call(product, "POST", f"{path}comments/", {"text": "😀" * 2000}, token)
            # Each change is told with the newest comments, 160 KB; the kernels buffer some MB.
            for number in range(200):
                await call(product, "PATCH", path, {"text": str(number)}, token)
                if "does not read" in product.log():
                    break
            assert "does not read" in product.log()
            # Now it reads: what was on the way, and behind it why there is no more.
            *_, (opcode, payload) = frames_in(await asyncio.to_thread(rest_of, slow))
            assert (opcode, int.from_bytes(payload[:2])) == (8, 4408)
            await quick.until(lambda: view.data["text"] == str(number))


WORKER = """
from django.db import transaction
from media.services.changes import announce, lock
for percent in (10, 55):
    with transaction.atomic():
        announce(lock("{media}"), progress_percent=percent)
"""
DYING_WORKER = """
import os
from django.db import transaction
from media.services.changes import announce, lock
with transaction.atomic():
    transaction.on_commit(lambda: os._exit(0))
    announce(lock("{media}"), progress_percent=66)
"""
MAKE = """
from media.models import MediaFile
from users.models import User
owner = User.objects.get(pk="{owner}")
media = MediaFile.objects.create(owner=owner, filename="a.mp4", state="processing")
print(media.pk)
"""


async def a_video_of_the_author(stage: Stage) -> tuple[str, str]:
    """The account of the author, and a video that is being made."""
    me = (await call(stage.product, "GET", "/api/me/", None, stage.author))["id"]
    made = await asyncio.to_thread(stage.product.manage, "shell", "-c", MAKE.format(owner=me))
    return me, made.strip().splitlines()[-1]


async def test_a_worker_killed_between_commit_and_telling_costs_only_time(stage: Stage) -> None:
    me, media = await a_video_of_the_author(stage)

    def seen(view: View) -> dict[str, int]:
        return {it["video_id"]: it["progress_percent"] for it in view.data["videos"]}

    async with line(stage.product, ticket=stage.ticket(stage.author)) as opened:
        view = await opened.follow(f"user:{me}")
        assert seen(view)[media] == 0
        work = DYING_WORKER.format(media=media)
        await asyncio.to_thread(stage.product.manage, "shell", "-c", work)
        await opened.until(lambda: seen(view)[media] == 66)


async def test_the_progress_that_a_worker_process_makes_is_seen(stage: Stage) -> None:
    me, media = await a_video_of_the_author(stage)
    async with line(stage.product, ticket=stage.ticket(stage.author)) as opened:
        view = await opened.follow(f"media:{media}")
        await opened.follow(f"user:{me}")
        assert view.data["video_id"] == media
        work = WORKER.format(media=media)
        await asyncio.to_thread(stage.product.manage, "shell", "-c", work)
        await opened.until(lambda: view.data["progress_percent"] == 55)

        def told() -> list[str]:
            """The videos that the account's own topic told of."""
            frames = [it for it in opened.frames if it.get("topic") == f"user:{me}"]
            return [it["data"]["video_id"] for frame in frames for it in frame.get("messages", [])]

        await opened.until(lambda: media in told())
    async with line(stage.product, ticket=stage.ticket(stage.fan)) as other:
        answer = await other.ask("subscribe", topic=f"media:{media}")
        assert answer["code"] == "not-found"


LOST = """
from django.db.models import F
from posts.models import Post
Post.objects.filter(pk="{post}").update(version=F("version") + 1, like_count=77)
"""


async def test_what_was_never_told_is_found_by_the_heartbeat(stage: Stage) -> None:
    post = stage.post()
    async with line(stage.product) as opened:
        view = await opened.follow(f"post:{post['id']}")
        # As if the process had been killed between the commit and the telling.
        lost = LOST.format(post=post["id"])
        await asyncio.to_thread(stage.product.manage, "shell", "-c", lost)
        await opened.until(lambda: view.data["likes"] == 77)
        assert view.version == 1


class Watcher:
    """Follows a topic over a line that is cut at random, and never starts anew."""

    def __init__(self, product: Product, topic: str, chance: random.Random) -> None:
        self.views = {topic: View()}
        self.topic = topic
        self.cuts = 0
        self._product = product
        self._chance = chance

    @property
    def view(self) -> View:
        return self.views[self.topic]

    async def watch(self, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            async with line(self._product, views=self.views) as opened:
                await opened.follow(self.topic)
                try:
                    await asyncio.wait_for(is_over.wait(), self._chance.uniform(0.05, 0.6))
                except TimeoutError:
                    self.cuts += 1
                    opened.socket.transport.abort()
        async with line(self._product, views=self.views) as opened:
            await opened.follow(self.topic)


async def test_cut_lines_lose_nothing_double_nothing_and_keep_the_order(stage: Stage) -> None:
    post = stage.post()
    path = f"/api/posts/{post['id']}/comments/"
    chance, is_over = random.Random(7), asyncio.Event()
    watchers = [Watcher(stage.product, f"post:{post['id']}", chance) for _ in range(8)]
    async with asyncio.TaskGroup() as group:
        for watcher in watchers:
            group.create_task(watcher.watch(is_over))
        said: list[Any] = []
        for number in range(60):
            text = {"text": f"{number} {uuid.uuid4().hex[:6]}"}
            said.append(await call(stage.product, "POST", path, text, stage.fan))
        is_over.set()
    newest = [comment["id"] for comment in reversed(said)][:20]
    assert sum(watcher.cuts for watcher in watchers) > 20
    for watcher in watchers:
        assert [it["id"] for it in watcher.view.data["comments_page"]] == newest
        assert (watcher.view.version, watcher.view.data["comments"]) == (60, 60)
        assert len(watcher.view.announced) == len(set(watcher.view.announced))

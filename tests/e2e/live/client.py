"""A client of the socket that follows docs/realtime.md to the letter, for tests."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from tests.product import Product

Frame = dict[str, Any]


class View:
    """What a client knows of one topic: snapshots set it, messages that build on it change it."""

    def __init__(self) -> None:
        self.version: int | None = None
        self.data: dict[str, Any] = {}
        self.has_ended = False
        #: Every comment that was announced, to see doubles.
        self.announced: list[str] = []

    def snapshot(self, frame: Frame) -> None:
        self.version, self.data = frame["version"], frame["data"]

    def apply(self, frame: Frame) -> bool:
        """Take a frame of messages. False when something before it is missing."""
        if self.version is None or frame["version"] <= self.version:
            return True
        if frame["prev"] > self.version:
            return False
        self.version = frame["version"]
        for message in frame["messages"]:
            self._apply(message["type"], message["data"])
        return True

    def _apply(self, kind: str, data: dict[str, Any]) -> None:
        page: list[dict[str, Any]] = self.data.get("comments_page", [])
        match kind:
            case "post.likes" | "post.comments" | "post.updated" | "media.progress":
                self.data = {**self.data, **data}
            case "comment.created":
                self.announced.append(data["id"])
                if data["id"] not in [comment["id"] for comment in page]:
                    newest = sorted([data, *page], key=lambda it: it["created_at"], reverse=True)
                    self.data["comments_page"] = newest[:20]
            case "comment.deleted":
                self.data["comments_page"] = [it for it in page if it["id"] != data["id"]]
            case "post.created":
                self.data["posts"] = [data, *self.data["posts"]][:20]
            case "post.removed":
                self.data["posts"] = [it for it in self.data["posts"] if it["id"] != data["id"]]
            case "queue.updated":
                self.data = data
            case "post.deleted" | "media.deleted" | "queue.closed":
                self.has_ended = True
            case _:
                raise AssertionError(f"a message that the docs do not know: {kind}")


class Line:
    """One open socket, with the views of the topics that it follows."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.views: dict[str, View] = {}
        self.frames: list[Frame] = []
        self._refs = itertools.count(1)
        self._answers: dict[str, asyncio.Future[Frame]] = {}
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def ask(self, kind: str, **members: Any) -> Frame:
        """Send a command and wait for its answer."""
        ref = f"r{next(self._refs)}"
        self._answers[ref] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"type": kind, "ref": ref, **members}))
        return await asyncio.wait_for(self._answers[ref], 10)

    async def follow(self, topic: str) -> View:
        """Subscribe with what is known, and fail when it is refused."""
        view = self.views.setdefault(topic, View())
        since = {} if view.version is None else {"since": view.version}
        answer = await self.ask("subscribe", topic=topic, **since)
        assert answer["type"] in ("snapshot", "ok"), answer
        return view

    async def until(self, condition: Any, seconds: float = 10) -> None:
        """Wait until `condition()` is true, looking after every frame."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                frame = json.loads(text)
                self.frames.append(frame)
                self._take(frame)
                self._news.set()
        except ConnectionClosed:
            pass  # cut off; whoever holds the line sees it by itself

    def _take(self, frame: Frame) -> None:
        view = self.views.get(frame.get("topic", ""))
        if frame["type"] == "snapshot" and view is not None:
            view.snapshot(frame)
        elif frame["type"] == "messages" and view is not None:
            if not view.apply(frame):
                self._subscribe_again(frame["topic"])
        elif frame["type"] == "versions":
            for topic, version in frame["data"].items():
                known = self.views[topic].version if topic in self.views else None
                if known is not None and version > known:
                    self._subscribe_again(topic)
        answer = self._answers.pop(frame.get("ref", ""), None)
        if answer is not None:
            answer.set_result(frame)

    def _subscribe_again(self, topic: str) -> None:
        command = {"type": "subscribe", "topic": topic, "since": self.views[topic].version}
        self._again = asyncio.create_task(self.socket.send(json.dumps(command)))

    async def close(self) -> None:
        self._reader.cancel()
        await self.socket.close()


@asynccontextmanager
async def line(
    product: Product,
    *,
    origin: str | None = "own",
    ticket: str = "",
    headers: dict[str, str] | None = None,
    views: dict[str, View] | None = None,
) -> AsyncIterator[Line]:
    """Open a socket, as a page of the product does unless said otherwise."""
    subprotocols = [Subprotocol("reelay.v1"), Subprotocol(f"ticket.{ticket}")] if ticket else None
    async with connect(
        f"{product.url.replace('http', 'ws')}/ws/",
        origin=Origin(product.url) if origin == "own" else Origin(origin) if origin else None,
        subprotocols=subprotocols,
        additional_headers=headers,
        max_queue=None,
    ) as socket:
        opened = Line(socket)
        opened.views = views if views is not None else {}
        try:
            yield opened
        finally:
            await opened.close()


async def call(product: Product, *arguments: Any) -> Any:
    """`Product.call` beside the event loop."""
    return await asyncio.to_thread(product.call, *arguments)

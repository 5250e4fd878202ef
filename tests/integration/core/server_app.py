"""An application without Django for the tests of the server.

`python -m tests.integration.core.server_app '{"drain_seconds": 2}'` prints its port.
"""

import asyncio
import hashlib
import json
import resource
import sys
from functools import partial
from pathlib import Path
from typing import Any

from core.server.daphne import serve
from core.server.limits import Limits
from core.server.pump import EXTENSION, BodyPump

seen: dict[str, Any] = {"bytes": 0, "ended": 0, "messages": 0, "closed": []}


async def answer(send: Any, body: bytes, status: int = 200) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def count(scope: Any, receive: Any, send: Any) -> None:
    """Count the bytes of the body as they come."""
    seen["bytes"] = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            seen["ended"] += 1
            return
        seen["bytes"] += len(message["body"])
        if not message["more_body"]:
            break
    await answer(send, str(seen["bytes"]).encode())


async def pumped(scope: Any, receive: Any, send: Any, pause_seconds: float = 0) -> None:
    """Count, hash and answer like `count`, with a thread that takes what comes at once."""
    pump: BodyPump | None = scope.get("extensions", {}).get(EXTENSION, {}).get("pump")
    digest = hashlib.sha256()
    seen["bytes"] = seen["pumped"] = 0

    def take(piece: bytes | memoryview) -> None:
        digest.update(piece)
        seen["bytes"] += len(piece)

    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            seen["ended"] += 1
            return
        take(message["body"])
        if not message["more_body"]:
            break
        waiting = pump.begin() if pump is not None else None
        if pump is None or waiting is None:
            continue
        for piece in waiting:
            take(piece)
        before = seen["bytes"]
        await asyncio.sleep(pause_seconds)
        await asyncio.to_thread(pump.run, take, most_bytes=3_000_000, most_seconds=0.5)
        seen["pumped"] += seen["bytes"] - before
        pump.end()
    await answer(send, digest.hexdigest().encode())


def rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def facts(scope: Any, receive: Any, send: Any) -> None:
    await answer(send, json.dumps(seen | {"rss_bytes": rss_bytes()}).encode())


async def early(scope: Any, receive: Any, send: Any) -> None:
    await answer(send, b"no", 401)


async def sleepy(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(1)
    await answer(send, b"slept")


async def never(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(1)
    await receive()
    await asyncio.sleep(3600)


async def flood(scope: Any, receive: Any, send: Any) -> None:
    """Write 200 MiB."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    seen["sent"] = 0
    for _ in range(3200):
        await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        seen["sent"] += 65536
    await send({"type": "http.response.body", "body": b""})


async def broken(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("broken on purpose")


async def mute(scope: Any, receive: Any, send: Any) -> None:
    return


async def websocket(scope: Any, receive: Any, send: Any) -> None:
    protocol = scope["daphne.protocol"]
    await receive()
    await send({"type": "websocket.accept", "headers": [(b"x-hello", b"there")]})
    while (message := await receive())["type"] == "websocket.receive":
        seen["messages"] += 1
        text = message.get("text", "")
        if text == "sleep":
            await asyncio.sleep(1.5)
        elif text == "flood":
            for _ in range(400):
                await send({"type": "websocket.send", "text": "x" * 100_000})
                await asyncio.sleep(0)
        elif text == "flood directly":
            frame = b"\x82\x7f" + (100_000).to_bytes(8, "big") + b"x" * 100_000
            for _ in range(400):
                protocol.transport.write(frame)
                await asyncio.sleep(0)
        elif text == "raise":
            raise RuntimeError("broken on purpose")
        elif text == "close":
            await send({"type": "websocket.close", "code": 4401, "reason": "sign in"})
        elif not text.startswith("count"):
            await send({"type": "websocket.send", "text": text})
    seen["closed"].append(message["code"])


ROUTES: dict[str, Any] = {
    "/bytes": count,
    "/small": count,
    "/bytes/pumped": pumped,
    "/bytes/pumped-late": partial(pumped, pause_seconds=5),
    "/facts": facts,
    "/early": early,
    "/bytes/early": early,
    "/sleepy": sleepy,
    "/bytes/never": never,
    "/flood": flood,
    "/broken": broken,
    "/mute": mute,
}


async def application(scope: Any, receive: Any, send: Any) -> None:
    run = websocket if scope["type"] == "websocket" else ROUTES[scope["path"]]
    await run(scope, receive, send)


if __name__ == "__main__":
    serve(
        application,
        port=0,
        takes_bytes=lambda path: path.startswith("/bytes"),
        limits=Limits(**json.loads(sys.argv[1])),
        on_listening=lambda _host, port: print(port, flush=True),
    )

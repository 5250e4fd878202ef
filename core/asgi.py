"""The composition root of the server: what answers which path.

    websocket  /ws/             realtime
    http       /api/uploads…    media.upload_app     bytes that come in, as they come
    http       /hls/…           media.delivery_app   bytes that go out, held until they exist
    http       /worker/…        media.worker_app     remote workers: claims that are held, segments
    http       all else         Django

The plain ASGI applications stand beside Django because Django reads a whole body before a
view runs, and a held request would occupy one of its threads. What all of them have in common
(request ids, pages of other origins) is wrapped around them here.
"""

import os
from pathlib import Path
from typing import Any

from core.settings.env import settings_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings_module(Path(__file__).parent.parent))

import django

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402

from core.cors import CrossOrigin  # noqa: E402
from core.logging import Receive, RequestLog, Scope, Send  # noqa: E402
from core.server.handler import PooledASGIHandler  # noqa: E402
from media.delivery_app import application as _delivery  # noqa: E402
from media.upload_app import application as _upload  # noqa: E402
from media.upload_app import takes_bytes  # noqa: E402
from media.worker_app import application as _workers  # noqa: E402
from realtime.routing import websocket  # noqa: E402

_django = PooledASGIHandler(threads=settings.REQUEST_THREADS)


async def _lifespan(receive: Receive, send: Send) -> None:
    """Answer servers that speak the lifespan protocol (uvicorn, hypercorn)."""
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _route(scope: Scope, receive: Receive, send: Send) -> Any:
    match scope["type"]:
        case "lifespan":
            return await _lifespan(receive, send)
        case "websocket":
            return await websocket(scope, receive, send)
        case "http" if takes_bytes(scope["path"]):
            return await _upload(scope, receive, send)
        case "http" if scope["path"].startswith("/hls/"):
            return await _delivery(scope, receive, send)
        case "http" if scope["path"].startswith("/worker/"):
            return await _workers(scope, receive, send)
        case _:
            return await _django(scope, receive, send)


application = RequestLog(CrossOrigin(_route))

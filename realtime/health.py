"""Is the channel layer there? Asked as a worker would ask it."""

import asyncio
from typing import Any

from channels.layers import get_channel_layer

from core.errors import Unavailable
from realtime.layers import SocketLayer

#: A group that nobody is in.
_GROUP = "live.health"


async def layer() -> None:
    """Send a message through the layer. Raises when it does not take it."""
    asked: Any = get_channel_layer()
    message = {"type": _GROUP}
    if not isinstance(asked, SocketLayer):
        await asked.group_send(_GROUP, message)
    elif not await asyncio.to_thread(asked.knock, _GROUP, message):
        raise Unavailable("The channel layer has no server.")

"""Which paths are sockets."""

from realtime.socket import Receive, Scope, Send, live_socket

PATHS = ("/ws", "/ws/")


async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a WebSocket handshake: there is one socket, whatever it is for."""
    if scope["path"] in PATHS:
        await live_socket(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close", "code": 4403})

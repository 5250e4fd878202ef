"""WebSockets that are bounded in both directions."""

# Imported first: it installs the reactor that Twisted's other modules would choose for us.
import daphne.server  # isort: skip  # noqa: F401

import logging
import random
import time

from autobahn.websocket.types import ConnectionDeny
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol

from core.server.inbox import Inbox, Message
from core.server.limits import Limits

logger = logging.getLogger(__name__)

#: RFC 6455 leaves 4000-4999 to applications, and autobahn refuses to send 1001 or 1012.
GOING_AWAY = 4503
TOO_BIG = 1009
INTERNAL_ERROR = 1011


class BoundedWebSocket(WebSocketProtocol):  # type: ignore[misc]  # Daphne is untyped
    """A socket that waits for a slow application and drops a client that does not read.

    It is the producer of its own transport, so Twisted calls `pauseProducing` with every
    write that finds the send buffer full, also with those that go past `send()` to
    `transport.write`: nobody can grow the memory of the server through one socket.
    """

    application_queue: Inbox

    @property
    def limits(self) -> Limits:
        """The bounds of the server."""
        limits: Limits = self.factory.server_class.limits
        return limits

    def connectionMade(self) -> None:
        """Take the transport over from the HTTP channel."""
        self.transport.unregisterProducer()
        self.transport.bufferSize = self.limits.message_bytes
        super().connectionMade()
        self.transport.registerProducer(self, True)

    def onOpen(self) -> None:
        """Give each socket a ping time of its own, so that not all answer at once."""
        super().onOpen()
        self.last_ping = time.time() - random.random() * self.server.ping_interval  # noqa: S311

    def onMessageFrameBegin(self, length: int) -> None:
        """Bound what a client sends; autobahn's own limit would bound what we send as well."""
        super().onMessageFrameBegin(length)
        if self.message_data_total_length > self.limits.message_bytes and not self.failedByMe:
            self._fail_connection(TOO_BIG, "message too big")

    def pauseProducing(self) -> None:
        """Called by the transport when its send buffer is full: drop who lets it grow."""
        transport = self.transport
        unsent = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        if unsent > self.limits.unsent_message_bytes:
            logger.info("dropped a socket that does not read", extra={"client": self.client_addr})
            transport.abortConnection()

    def resumeProducing(self) -> None:
        """Called by the transport when its send buffer is empty; there is nothing to do."""

    def stopProducing(self) -> None:
        """Called by the transport when it is lost; there is nothing to do."""

    def make_inbox(self) -> Inbox:
        """A queue of messages that holds the client up while it is full."""
        # The transport's own two are the other direction: reading from the client.
        return Inbox(
            bound=self.limits.waiting_messages,
            pause=self.transport.pauseProducing,
            resume=self.transport.resumeProducing,
        )

    async def receive(self) -> Message:
        """What the application calls for the next message."""
        return await self.application_queue.receive()

    async def wait_until_writable(self) -> None:
        """Return at once: a slow client is dropped, not waited for."""

    def handle_reply(self, message: Message) -> None:
        """Do what the application says; Daphne would lose headers and the reason of a close."""
        if message["type"] == "websocket.accept" and message.get("headers"):
            headers: dict[str, list[str]] = {}
            for name, value in message["headers"]:
                headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
            self._accept(message.get("subprotocol"), headers)
        elif message["type"] == "websocket.close" and self.state == self.STATE_OPEN:
            self.sendClose(message.get("code") or 1000, message.get("reason") or None)
        else:
            super().handle_reply(message)

    def _accept(self, subprotocol: str | None, headers: dict[str, list[str]]) -> None:
        self.handshake_deferred.callback((subprotocol, headers))
        del self.handshake_deferred

    def application_ended(self, error: BaseException | None) -> None:
        """Close the socket of an application that is no longer there."""
        if error is not None:
            logger.error("application failed", exc_info=error, extra={"path": self.request.path})
        if hasattr(self, "handshake_deferred"):
            self._deny(500, "Internal server error")
        elif self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=INTERNAL_ERROR if error is not None else 1000)

    def go_away(self) -> None:
        """Ask the client to connect again, to another process or a little later."""
        if self.state == self.STATE_OPEN:
            self.sendClose(GOING_AWAY, "going away")
        elif hasattr(self, "handshake_deferred"):
            self._deny(503, "Service Unavailable")

    def _deny(self, status: int, reason: str) -> None:
        denial = ConnectionDeny(status, reason)  # type: ignore[no-untyped-call]  # not typed yet
        self.handshake_deferred.errback(denial)
        del self.handshake_deferred

    def cut(self) -> None:
        """End the connection now; the application is told of a disconnect."""
        self.transport.abortConnection()


class BoundedWebSocketFactory(WebSocketFactory):  # type: ignore[misc]  # Daphne is untyped
    """Makes our sockets."""

    protocol = BoundedWebSocket

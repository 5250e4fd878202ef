"""Daphne that streams bodies, bounds what a connection may cost, and drains on SIGTERM.

Stock Daphne hands a request to the application when all of its body has arrived, keeps
bodies, answers and WebSocket messages in unbounded buffers, and drops everything on
SIGTERM. docs/adr/0004-chunk-bound.md says why that matters and what was measured.
"""

# Imported first: it installs the reactor that Twisted's other modules would choose for us.
import daphne.server  # isort: skip

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Any

from twisted.internet import defer, reactor
from twisted.logger import STDLibLogObserver, globalLogBeginner

from core.server.inbox import Inbox, Message
from core.server.limits import Limits
from core.server.pump import EXTENSION
from core.server.requests import StreamingHTTPFactory, StreamingRequest
from core.server.sockets import BoundedWebSocket, BoundedWebSocketFactory

logger = logging.getLogger(__name__)

Application = Callable[..., Awaitable[None]]
Protocol = StreamingRequest | BoundedWebSocket

BACKLOG = 4096
#: How long one slice of the sweep over all connections may keep the event loop.
SWEEP_SLICE_SECONDS = 0.003
SWEEP_PAUSE_SECONDS = 0.005
SWEEP_EVERY_SECONDS = 2


def serve(
    application: Application,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    fd: int | None = None,
    takes_bytes: Callable[[str], bool] = lambda _path: False,
    limits: Limits | None = None,
    background: Iterable[Callable[[], Awaitable[None]]] = (),
    on_listening: Callable[[str, int], object] = lambda _host, _port: None,
) -> None:
    """Serve `application` until SIGTERM or SIGINT, then drain and return.

    `takes_bytes(path)` names the paths whose application reads the body as it comes and
    bounds it itself; all others are bounded by `limits.body_bytes`. `fd` is a listening
    socket to take over instead of `host` and `port`. Each function of `background` makes a
    coroutine that runs beside the server, on its event loop, and is cancelled when it has
    drained. `on_listening` is told the address, which is how port 0 becomes useful.
    Raises OSError when the address cannot be listened on.
    """
    server = StreamingServer(
        application, takes_bytes=takes_bytes, limits=limits or Limits(), background=background
    )
    address = server.listen(host, port) if fd is None else server.adopt(fd)
    on_listening(*address)
    server.run()


class StreamingServer(daphne.server.Server):  # type: ignore[misc]  # Daphne is untyped
    """Keeps the connections, starts an application for each, and ends them in good order."""

    def __init__(
        self,
        application: Application,
        *,
        takes_bytes: Callable[[str], bool],
        limits: Limits,
        background: Iterable[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        super().__init__(
            application,
            endpoints=["listen() or adopt()"],
            websocket_handshake_timeout=20,
            websocket_connect_timeout=20,
            server_name="",
        )
        self.takes_bytes = takes_bytes
        self.limits = limits
        self.is_draining = False
        self.connections: dict[Protocol, dict[str, Any]] = {}
        self._background = background
        self._tasks: list[asyncio.Future[None]] = []
        self._ports: list[Any] = []
        self._hurry = False
        self.http_factory = StreamingHTTPFactory(self)
        self.ws_factory = BoundedWebSocketFactory(self, server=self.server_name)
        self.ws_factory.setProtocolOptions(
            autoPingTimeout=self.ping_timeout,
            allowNullOrigin=True,
            # Say why: drop the connection only when the client does not answer the close.
            failByDrop=False,
            closeHandshakeTimeout=self.limits.close_seconds,
            openHandshakeTimeout=self.websocket_handshake_timeout,
        )

    def listen(self, host: str, port: int) -> tuple[str, int]:
        """Listen on an address and return it. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family, backlog=BACKLOG) as listening:
            return self.adopt(listening.fileno(), family)

    def adopt(self, fd: int, family: int = socket.AF_INET) -> tuple[str, int]:
        """Listen on a copy of a socket that somebody else has opened; return its address."""
        # Else one client that hangs up before it is accepted would stop the whole server.
        os.set_blocking(fd, False)
        port = reactor.adoptStreamPort(fd, family, self.http_factory)
        self._ports.append(port)
        return port.getHost().host, port.getHost().port

    def run(self) -> None:
        """Run until a signal; returns when all is drained."""
        observer = STDLibLogObserver("twisted")
        logging.getLogger("twisted").setLevel(logging.WARNING)
        globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)
        loop = reactor._asyncioEventloop
        asyncio.set_event_loop(loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        self._tasks = [loop.create_task(_never_silently(start)) for start in self._background]
        reactor.addSystemEventTrigger("before", "shutdown", self.kill_all_applications)
        reactor.callLater(1, self.application_checker)
        reactor.callLater(SWEEP_EVERY_SECONDS, self.timeout_checker)
        # What exists now lives as long as the process: collecting it again and again only costs.
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 1_000)
        reactor.run(installSignalHandlers=False)

    def stop(self) -> None:
        """Begin to drain; asked a second time, do not wait for anybody any more."""
        if self.is_draining:
            self._hurry = True
        else:
            self.is_draining = True
            reactor.stop()

    def create_application(self, protocol: Protocol, scope: dict[str, Any]) -> Inbox:
        """Start the application of a connection; called by Daphne when its head is complete."""
        scope["asgi"] = {"version": "3.0"}
        if scope["type"] == "websocket":
            scope["daphne.protocol"] = protocol
        elif protocol.pump is not None:
            scope.setdefault("extensions", {})[EXTENSION] = {"pump": protocol.pump}
        inbox = protocol.make_inbox()
        running = asyncio.ensure_future(
            self.application(
                scope=scope, receive=protocol.receive, send=partial(self.handle_reply, protocol)
            )
        )
        self.connections[protocol]["application_instance"] = running
        running.add_done_callback(partial(self._application_done, protocol))
        return inbox

    def _application_done(self, protocol: Protocol, task: asyncio.Future[None]) -> None:
        """Forget the connection, or tell it at once that nobody will answer."""
        details = self.connections.get(protocol, {})
        details.pop("application_instance", None)
        error = None if task.cancelled() else task.exception()
        if "disconnected" in details:
            del self.connections[protocol]
            if error is not None:
                logger.error("application failed after its client was gone", exc_info=error)
        elif details:
            protocol.application_ended(error)

    async def handle_reply(self, protocol: Protocol, message: Message) -> None:
        """Pass a message of the application on, then wait until there is room for more."""
        await super().handle_reply(protocol, message)
        await protocol.wait_until_writable()

    def protocol_disconnected(self, protocol: Protocol) -> None:
        """Remember that a client is gone; one that was forgotten already stays forgotten."""
        if protocol in self.connections:
            super().protocol_disconnected(protocol)

    def timeout_checker(self) -> None:
        """Look at all connections every two seconds, a few at a time."""
        self._sweep(iter(list(self.connections)))

    def _sweep(self, connections: Iterator[Protocol]) -> None:
        started = time.perf_counter()
        for protocol in connections:
            try:
                protocol.check_timeouts()
            except Exception:
                # One connection in a strange state must not end the sweep for all of them.
                logger.exception("cannot check a connection")
            if time.perf_counter() - started > SWEEP_SLICE_SECONDS:
                reactor.callLater(SWEEP_PAUSE_SECONDS, self._sweep, connections)
                return
        reactor.callLater(SWEEP_EVERY_SECONDS, self.timeout_checker)

    def kill_all_applications(self) -> defer.Deferred[None]:
        """Called by Daphne's name for it before the reactor stops, which waits for the result."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._drain()))

    async def _drain(self) -> None:
        """Take nobody new, send sockets away, let requests finish, then end what is left."""
        self.is_draining = True
        end = time.monotonic() + self.limits.drain_seconds
        for port in self._ports:
            port.stopListening()
        await self._send_sockets_away()
        await self._wait_until_idle(end)
        for protocol in list(self.connections):
            protocol.cut()
        self._hurry = False
        await self._wait_until_idle(time.monotonic() + self.limits.drain_grace_seconds)
        left = [*self._running(), *self._tasks]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _send_sockets_away(self) -> None:
        """Close all sockets, spread over a while so that not all come back in one moment."""
        sockets = [it for it in self.connections if isinstance(it, BoundedWebSocket)]
        pause = min(0.01, self.limits.drain_spread_seconds / max(1, len(sockets)))
        for websocket in sockets:
            websocket.go_away()
            await asyncio.sleep(pause)

    async def _wait_until_idle(self, end: float) -> None:
        # Polled: the end of the last task is one of three things that are waited for.
        while self._running() and time.monotonic() < end and not self._hurry:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def _running(self) -> list[asyncio.Future[None]]:
        running = (details.get("application_instance") for details in self.connections.values())
        return [task for task in running if task is not None]


async def _never_silently(start: Callable[[], Awaitable[None]]) -> None:
    try:
        await start()
    except Exception:
        # The server goes on: what failed beside it is not what its clients came for.
        logger.exception("background task ended")

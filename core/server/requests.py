"""Requests whose body reaches the application while it is still coming."""

# Imported first: it installs the reactor that Twisted's other modules would choose for us.
import daphne.server  # isort: skip  # noqa: F401

import asyncio
import json
import logging
import time
from http import HTTPStatus
from urllib.parse import unquote

from daphne.http_protocol import HTTPFactory, WebRequest
from twisted.internet import reactor
from twisted.internet.interfaces import IDelayedCall
from twisted.web import http

from core.server.inbox import Inbox, Message
from core.server.limits import Limits
from core.server.pump import BodyPump, Loan

logger = logging.getLogger(__name__)


class _NoContent:
    """Stands where Twisted would spool a body; `closed` makes Daphne leave the inbox to us."""

    closed = True

    def seek(self, *_position: int) -> None:
        """Do nothing; there is nothing to rewind."""

    def close(self) -> None:
        """Do nothing; there is nothing to close."""


class StreamingRequest(WebRequest):  # type: ignore[misc]  # Daphne is untyped
    """A request that starts its application when its head is complete.

    Twisted's order of calls is gotLength (head complete), handleContentChunk (again and
    again), requestReceived (body complete), _cleanup (answer written; the connection may go
    on to the next request). An answer that is complete before the body announces the end of
    the connection, and what still comes is thrown away for a while, because closing at once
    would destroy the answer on its way.
    """

    # Twisted deletes the attribute when it has given the connection back.
    channel: "StreamingChannel | None" = None
    application_queue: Inbox | None
    body_is_complete = False
    received_bytes = 0
    wants_continue = False
    #: For applications that take long bodies.
    pump: BodyPump | None = None
    _is_upgrade = False
    _may_be_long = False
    _linger: IDelayedCall | None = None
    #: When it began, and how much of the body there was; None until the head is complete.
    _window: tuple[float, int] | None = None

    @property
    def limits(self) -> Limits:
        """The bounds of the server."""
        limits: Limits = self.server.limits
        return limits

    def gotLength(self, length: int | None) -> None:
        """Start the application: the head is complete, `length` bytes of body will follow."""
        if self.requestHeaders.hasHeader(b"Upgrade") and length == 0:
            self._is_upgrade = True
            super().gotLength(length)
            return
        channel = self.channel
        assert channel is not None  # noqa: S101  # Twisted calls this with a connection only.
        self.method, self.uri, self.clientproto = channel._command, channel._path, channel._version
        self.path = self.uri.split(b"?", 1)[0]
        self.content = _NoContent()
        self.wants_continue = self.requestHeaders.hasHeader(b"Expect")
        self.requestHeaders.removeHeader(b"Expect")
        self._may_be_long = self.server.takes_bytes(unquote(self.path.decode("latin-1")))
        self._window = (time.monotonic(), 0)
        if self._may_be_long:
            channel.transport.bufferSize = self.limits.read_bytes
            self.pump = BodyPump(self)
        if length is not None and self._is_too_long(length):
            self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large")
        else:
            self.process()

    def handleContentChunk(self, data: bytes) -> None:
        """Hand on some bytes of the body."""
        self.received_bytes += len(data)
        if self.finished or self.application_queue is None:
            return
        if self._is_too_long(self.received_bytes):
            self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large")
        elif data:
            self.application_queue.put_nowait(
                {"type": "http.request", "body": data, "more_body": True}
            )

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Tell the application that the body is complete."""
        self.body_is_complete = True
        if self._is_upgrade:
            super().requestReceived(command, path, version)
        elif self.finished:
            self._cleanup()
        elif self.application_queue is not None:
            self.application_queue.put_nowait(
                {"type": "http.request", "body": b"", "more_body": False}
            )

    def handle_reply(self, message: Message) -> None:
        """Write a part of the answer; the last one when the client should not send more."""
        starts = message["type"] == "http.response.start"
        if starts and self.channel is not None and not self.finished:
            self.wants_continue = False
            if self.server.is_draining or not self.body_is_complete:
                self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
                self.channel.persistent = False
        super().handle_reply(message)

    def _cleanup(self) -> None:
        """Give the connection back, once the client has no more of this body to send."""
        if self.body_is_complete:
            self._stop_lingering()
            super()._cleanup()
        elif self._linger is None:
            self._linger = reactor.callLater(self.limits.linger_seconds, self.cut)
            self._resume_reading()

    def connectionLost(self, reason: object) -> None:
        """Tell the application that the client is gone."""
        self._stop_lingering()
        super().connectionLost(reason)

    def _stop_lingering(self) -> None:
        if self._linger is not None and self._linger.active():
            self._linger.cancel()

    def make_inbox(self) -> Inbox:
        """A queue for the body that holds the client up while it is full."""
        self._inbox = Inbox(
            bound=self.limits.waiting_bytes, pause=self._pause_reading, resume=self._resume_reading
        )
        return self._inbox

    async def receive(self) -> Message:
        """What the application calls; asks for the body that a client has held back."""
        if self.wants_continue and self.channel is not None:
            self.wants_continue = False
            self.channel._send100Continue()
        return await self._inbox.receive()

    def lend_socket(self) -> Loan | None:
        """Stop reading, and hand over what there is of the body.

        None where nobody knows how much will come, and at the end of a body or a connection.
        """
        channel = self.channel
        if channel is None or self.finished or self.body_is_complete:
            return None
        if channel._waitingForTransport or not channel.transport.connected:
            return None
        # The decoder of chunked bodies has no such attribute.
        left_bytes = getattr(channel._transferDecoder, "contentLength", None)
        if not left_bytes:
            return None
        self._pause_reading()
        return Loan(self._inbox.take_bodies(), channel.transport.socket, left_bytes)

    def take_back(self, read_bytes: int) -> None:
        """Count what was read from the lent socket, tell of the end of the body, and read on."""
        self.received_bytes += read_bytes
        channel = self.channel
        if channel is not None and channel._transferDecoder is not None:
            channel._transferDecoder.contentLength -= read_bytes
            if channel._transferDecoder.contentLength == 0:
                channel.rawDataReceived(b"")
        self._resume_reading()

    async def wait_until_writable(self) -> None:
        """Wait while too much of the answer is on its way to a client that reads slowly."""
        if self.channel is not None and not self.finished:
            await self.channel.writable.wait()

    def _pause_reading(self) -> None:
        if self.channel is not None:
            self.channel._networkProducer.pauseProducing()

    def _resume_reading(self) -> None:
        if self.channel is not None:
            self.channel.resume_reading()

    def cut(self) -> None:
        """End the connection now; the application is told of a disconnect."""
        if self.channel is not None:
            self.channel.transport.abortConnection()

    def refuse(self, status: HTTPStatus, code: str) -> None:
        """Answer in place of the application with a problem document, and stop reading."""
        if self._response_started:
            self.cut()
            return
        problem = {"type": f"/problems/{code}", "title": status.phrase, "status": status.value}
        body = json.dumps(problem | {"code": code, "instance": self.path.decode("latin-1")})
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
        ]
        start = {"type": "http.response.start", "status": status.value, "headers": headers}
        self.handle_reply(start)
        self.handle_reply({"type": "http.response.body", "body": body.encode()})

    def application_ended(self, error: BaseException | None) -> None:
        """Answer 500 for an application that ended without an answer; cut a half one off."""
        if not self.finished and self.channel is not None:
            reason = "application failed" if error else "application did not answer"
            logger.error(reason, exc_info=error, extra={"path": repr(self.path)})
            self.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error")

    def check_timeouts(self) -> None:
        """Cut off who sends too slowly and who does not read."""
        if self.channel is not None and (
            self._is_sending_too_slowly() or self.channel.has_stalled()
        ):
            self.cut()

    def _is_sending_too_slowly(self) -> bool:
        if self._window is None:
            return False
        now = time.monotonic()
        started, before = self._window
        if self.body_is_complete or self._waits_for_us():
            self._window = (now, self.received_bytes)
        elif now - started >= self.limits.body_window_seconds:
            self._window = (now, self.received_bytes)
            rate = (self.received_bytes - before) / (now - started)
            return rate < self.limits.body_bytes_per_second
        return False

    def _waits_for_us(self) -> bool:
        inbox = self.application_queue
        is_lent = self.pump is not None and self.pump.is_running
        return self.wants_continue or is_lent or (inbox is not None and inbox.is_paused)

    def _is_too_long(self, length: int) -> bool:
        return length > self.limits.body_bytes and not self._may_be_long


class StreamingChannel(http.HTTPChannel):  # type: ignore[misc]  # Twisted is untyped
    """One connection: a request's head has a deadline, and a full send buffer stops the sender."""

    def __init__(self) -> None:
        super().__init__()
        self.writable = asyncio.Event()
        self.writable.set()
        self._full_since: float | None = None

    def connectionMade(self) -> None:
        """Give the first head its deadline."""
        super().connectionMade()
        self._limits: Limits = self.factory.server.limits
        # Twisted uses this one number for the size of a read and for "the send buffer is full".
        self.transport.bufferSize = self._limits.unsent_bytes
        self.setTimeout(self._limits.header_seconds)

    def resetTimeout(self) -> None:
        """Do nothing: bytes alone do not put a deadline off, or one an hour would be enough."""

    def allHeadersReceived(self) -> None:
        """Lift the deadline of the head; the request itself watches its body."""
        self.setTimeout(None)
        super().allHeadersReceived()

    def requestDone(self, request: StreamingRequest) -> None:
        """Wait for the next request, whose head has to be complete in time."""
        self.setTimeout(self._limits.keep_alive_seconds)
        self.transport.bufferSize = self._limits.unsent_bytes
        super().requestDone(request)

    def pauseProducing(self) -> None:
        """Called by the transport, with every write that finds the send buffer full."""
        self.writable.clear()
        self._full_since = self._full_since or time.monotonic()
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """Called by the transport when the send buffer is empty again."""
        self.writable.set()
        self._full_since = None
        super().resumeProducing()
        inbox = self.requests[0].application_queue if self.requests else None
        if inbox is not None and inbox.is_paused:
            self._networkProducer.pauseProducing()

    def resume_reading(self) -> None:
        """Read on, unless the client has to read first."""
        if not self._waitingForTransport:
            self._networkProducer.resumeProducing()

    def has_stalled(self) -> bool:
        """Whether the client has not emptied its full send buffer for too long."""
        since = self._full_since
        return since is not None and time.monotonic() - since > self._limits.stall_seconds

    def connectionLost(self, reason: object) -> None:
        """Let nobody wait for a client that is gone."""
        self.writable.set()
        super().connectionLost(reason)


class StreamingHTTPFactory(HTTPFactory):  # type: ignore[misc]  # Daphne is untyped
    """Makes our channels and requests. HTTP/1.1 only; a proxy in front speaks the others."""

    protocol = StreamingChannel

    def buildProtocol(self, addr: object) -> StreamingChannel:
        """Return a channel for a new connection."""
        channel: StreamingChannel = super().buildProtocol(addr)
        channel.requestFactory = StreamingRequest
        return channel

    def log(self, request: object) -> None:
        """Write nothing: our own log has a line for each request, and Twisted's goes nowhere."""

    def acceptableProtocols(self) -> list[bytes]:
        """Protocols to offer by ALPN, were this server to end TLS itself."""
        return [b"http/1.1"]

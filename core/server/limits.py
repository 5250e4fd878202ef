"""What one connection may cost the server."""

from dataclasses import dataclass

from core.units import KiB, MiB


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one server. Whoever exceeds one loses their connection, nobody else's."""

    #: The head of a request has to be complete this long after the connection was made.
    header_seconds: float = 10
    #: The next one on the same connection this long after the last answer. Longer than the 60 s
    #: for which proxies keep an idle connection, so that they close it and not we.
    keep_alive_seconds: float = 75
    #: The longest body for everything but the applications that take bytes as they come; then 413.
    body_bytes: int = MiB
    #: A body that comes slower than this over a whole `body_window_seconds` is cut off.
    body_bytes_per_second: int = KiB
    body_window_seconds: float = 10
    #: What is read from the socket at a time while a long body comes.
    read_bytes: int = 512 * KiB
    #: What may wait for the application before the server stops reading from the socket.
    waiting_bytes: int = MiB
    waiting_messages: int = 64
    #: What may wait for the client before `send()` waits too, and how long it waits at most.
    unsent_bytes: int = 256 * KiB
    stall_seconds: float = 60
    #: How long the rest of a body is thrown away after it was refused, so the answer is read.
    linger_seconds: float = 5
    #: The longest WebSocket message from a client; a longer one closes the socket with 1009.
    message_bytes: int = 16 * KiB
    #: What may wait for the client of a WebSocket before it is dropped.
    unsent_message_bytes: int = 512 * KiB
    #: How long the client of a WebSocket has to read the rest of what was sent, with the reason of
    #: the close behind it, before it is cut off.
    close_seconds: float = 5
    #: After SIGTERM: sockets are closed over this time, requests finish within this time,
    #: and then the applications have this long to put away what they hold.
    drain_spread_seconds: float = 3
    drain_seconds: float = 20
    drain_grace_seconds: float = 3

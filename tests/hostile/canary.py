"""What hostile files try to reach: files outside, and listeners. Whether anybody did is told."""

from __future__ import annotations

import ctypes
import os
import secrets
import selectors
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

#: inotify(7): opened, read or written.
_OPENED = 0x20 | 0x1 | 0x2
_NONBLOCK = 0o4000


@dataclass
class Canary:
    """A secret in a file, a clip beside it, and ports. `touched` is what was reached."""

    folder: Path
    secret: str = field(default_factory=lambda: f"canary-{secrets.token_hex(16)}")
    touched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "secret.txt"
        self.file.write_text(self.secret * 50)
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._end, self._ended = socket.socketpair()
        libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = libc.inotify_init1(_NONBLOCK)
        for path in (self.folder, self.file):
            if libc.inotify_add_watch(self._inotify, os.fsencode(path), _OPENED) < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """An address of which any use is noticed."""
        return f"http://127.0.0.1:{self.port}/{self.secret}.ts"

    @property
    def port(self) -> int:
        """The port of the TCP listener."""
        return int(self._tcp.getsockname()[1])

    @property
    def udp_port(self) -> int:
        """The port of the UDP listener."""
        return int(self._udp.getsockname()[1])

    def close(self) -> None:
        """Stop listening."""
        self._end.send(b"x")
        self._thread.join(10)
        for each in (self._tcp, self._udp, self._end, self._ended):
            each.close()
        os.close(self._inotify)

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._tcp, selectors.EVENT_READ, self._accept)
            selector.register(self._udp, selectors.EVENT_READ, self._receive)
            selector.register(self._inotify, selectors.EVENT_READ, self._opened)
            selector.register(self._ended, selectors.EVENT_READ, None)
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        return
                    key.data()

    def _accept(self) -> None:
        peer, address = self._tcp.accept()
        self.touched.append(f"TCP from {address}")
        peer.close()

    def _receive(self) -> None:
        self.touched.append(f"UDP from {self._udp.recvfrom(100)[1]}")

    def _opened(self) -> None:
        os.read(self._inotify, 4096)
        self.touched.append("a file outside was opened")

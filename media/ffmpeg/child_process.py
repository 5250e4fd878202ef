"""Ask a child process to read media, and have some waiting so that answers come sooner.

Importing PyAV takes a tenth of a second. A worker that calls `keep_warm` has children that have
done so already: as many as a new video asks for before it can be played. A child serves one request
and ends; inside `about_one_source` it may serve the next one. Nothing is carried over from one file
to another.
"""

from __future__ import annotations

import compileall
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from media.ffmpeg import sandbox
from media.ffmpeg.errors import ToolExceeded, ToolFailed, UnreadableMedia
from media.ffmpeg.limits import Limits
from media.ffmpeg.run import Ran, Watch, kill, start, supervise, yield_to_others

logger = logging.getLogger(__name__)

_LIMITS = Limits(address_space_bytes=8 << 30, cpu_seconds=900, file_bytes=0)

#: What a child may say at most: a line, and the bytes behind it. A segment, or the times and sizes
#: of as many frames as a source may have, is less.
_MOST_LINE_BYTES = 1 << 20
_MOST_PAYLOAD_BYTES = 512 << 20
_ROOT = Path(__file__).resolve().parents[2]

#: One looks at the source and copies its picture then, one copies its sound, one takes samples.
_SPARES = 3
#: So long after the last request others are started, when nobody waits for the processors.
_REFILL_SECONDS = 2.0

_lock = threading.Lock()
_is_kept_warm = False
_spares: list[_Child] = []
_refill: threading.Timer | None = None


@dataclass(frozen=True)
class _Child:
    """A process that waits for a request, and our end of its input."""

    process: subprocess.Popen[bytes]
    input: socket.socket


#: Children that wait for the next request about the source that this context is about.
_staying: ContextVar[list[_Child] | None] = ContextVar("staying", default=None)


@contextmanager
def about_one_source() -> Iterator[None]:
    """Children that are asked meanwhile may be asked again; all are gone afterwards.

    All of the requests have to be about one source: what that has done to a child stays with it.
    Threads take part whose context is a copy of this one.
    """
    staying: list[_Child] = []
    before = _staying.set(staying)
    try:
        yield
    finally:
        _staying.reset(before)
        while child := _take(staying):
            _end(child)


def keep_warm() -> None:
    """From now on, have children ready before they are asked for. For workers; not for tests."""
    global _is_kept_warm
    sandbox.end_left_behind()
    if sandbox.is_used():
        logger.info("media processes run in bubblewrap")
    else:
        logger.info("media processes run without a sandbox", extra={"reason": sandbox.why_not()})
    _is_kept_warm = True
    with _lock:
        _spares.append(_start_child())
    _fill_later()


def let_go() -> None:
    """End the waiting children, and have none from now on."""
    global _is_kept_warm
    _is_kept_warm = False
    while spare := _take(_spares):
        _end(spare)


def ask(
    request: Mapping[str, Any],
    *,
    watch: Watch,
    on_message: Callable[[dict[str, Any], bytes], bool],
    nice: int = 0,
) -> Ran:
    """Have a child do `request`. `on_message` gets each answer; False ends the child.

    Raises UnreadableMedia if the file is the reason, ToolFailed if it is not.
    """
    # Whoever has stood back for others stays behind them, and is not asked again.
    staying = None if nice else _staying.get()
    child = (staying and _take(staying)) or _take(_spares) or _start_child()
    if nice:
        yield_to_others(child.process.pid, nice)
    reader = _Reader(on_message, may_stay=staying is not None)
    try:
        try:
            _write_request(child.input, {**request, "stay": staying is not None})
        except OSError:
            _end(child)
            raise
        return supervise(
            child.process,
            watch=watch,
            on_output=reader.feed,
            goes_on=lambda: reader.is_done,
            nice=nice,
        )
    finally:
        if staying is not None and reader.is_done:
            with _lock:
                staying.append(child)
        else:
            child.input.close()
        _fill_later()


class _Reader:
    """Cuts what a child writes into messages."""

    def __init__(
        self, on_message: Callable[[dict[str, Any], bytes], bool], *, may_stay: bool
    ) -> None:
        self._on_message = on_message
        self._may_stay = may_stay
        self._data = bytearray()
        #: Whether the child has said that it waits for the next request.
        self.is_done = False

    def feed(self, data: bytes) -> bool:
        self._data += data
        while True:
            end = self._data.find(b"\n", 0, _MOST_LINE_BYTES)
            if end < 0 and len(self._data) < _MOST_LINE_BYTES:
                return True
            message, following = self._header(end)
            if len(self._data) < following:
                return True
            payload = bytes(self._data[end + 1 : following])
            del self._data[:following]
            _raise_if_error(message)
            if self._may_stay and message.get("done"):
                self.is_done = True
                return False
            if not self._on_message(message, payload):
                return False

    def _header(self, end: int) -> tuple[dict[str, Any], int]:
        """A message and where the next one begins; nothing that a child says is believed."""
        try:
            message = json.loads(self._data[: max(end, 0)])
            size = int(message["bytes"])
        except (ValueError, TypeError, KeyError) as error:
            raise ToolFailed("the child spoke out of turn") from error
        if not 0 <= size <= _MOST_PAYLOAD_BYTES:
            raise ToolExceeded("room for its answer", f"the child wants to say {size} bytes")
        return message, end + 1 + size


def _raise_if_error(message: dict[str, Any]) -> None:
    error = message.get("error")
    if error == "unreadable":
        raise UnreadableMedia(message["code"], message["detail"])
    if error == "absurd":
        logger.warning("a file has absurd numbers", extra={"reason": message["detail"]})
        raise UnreadableMedia("cannot-decode", "The file is damaged: its numbers make no sense.")
    if error == "exceeded":
        raise ToolExceeded(message["limit"], message["detail"])
    if error:
        raise ToolFailed(message["detail"])


def _write_request(to: socket.socket, request: Mapping[str, Any]) -> None:
    """Send the request as a line; and where the child cannot see the source, the open source."""
    line = json.dumps(request).encode() + b"\n"
    # It may have died; what it says on its way out is the error to raise then.
    with suppress(BrokenPipeError, ConnectionResetError):
        if "path" in request and sandbox.is_used():
            with open(request["path"], "rb") as source:
                sent = socket.send_fds(to, [line], [source.fileno()])
            line = line[sent:]
        to.sendall(line)


def _fill_later() -> None:
    """Start what is missing when nobody has asked for a while."""
    global _refill
    with _lock:
        if _refill is not None:
            _refill.cancel()
        if _is_kept_warm:
            _refill = threading.Timer(_REFILL_SECONDS, _fill)
            _refill.daemon = True
            _refill.start()


def _fill() -> None:
    """Start what is missing. Whoever asks meanwhile does not wait for it."""
    while True:
        with _lock:
            if not _has_room():
                return
        child = _start_child()
        with _lock:
            if _has_room():
                _spares.append(child)
                continue
        _end(child)


def _has_room() -> bool:
    return _is_kept_warm and len(_spares) < _SPARES


def _take(children: list[_Child]) -> _Child | None:
    """One that is still alive; it is not among them any more."""
    while True:
        with _lock:
            child = children.pop(0) if children else None
        if child is None or child.process.poll() is None:
            return child
        _end(child)


def _start_child() -> _Child:
    """Start a child from a thread that lives as long as this process, since it dies with it."""
    ours, theirs = socket.socketpair()
    inside = _inside if sandbox.is_used() else list
    starting = _starter(os.getpid()).submit(
        start, inside(_argv()), stdin=theirs.fileno(), limits=_LIMITS
    )
    try:
        return _Child(starting.result(), ours)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()


@cache
def _starter(_pid: int) -> ThreadPoolExecutor:
    """One for each process: threads do not survive a fork."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="starts-children")


def _inside(argv: Sequence[str]) -> list[str]:
    """The child in a sandbox that shows Python, PyAV and this package, and no source at all.

    It waits there before anybody knows which file it will read: the request brings that file along,
    open. Its /tmp is for a name of it; it may write no byte.
    """
    av = Path(_places()[1]) / "av"
    shown = (sys.base_prefix, argv[0], av, av.with_name("av.libs"))
    ours = (_ROOT / "media" / "__init__.py", _ROOT / "media" / "ffmpeg")
    return sandbox.around(argv, reads=map(str, (*shown, *ours)), has_tmp=True)


@cache
def _argv() -> tuple[str, ...]:
    """An isolated interpreter that finds this package and PyAV, and nothing else.

    It writes nothing, so the bytecode of what only children import is made here, where it can be.
    """
    places = _places()
    compileall.compile_dir(Path(__file__).parent, maxlevels=0, quiet=2)
    code = f"import sys; sys.path[:0] = {places!r}; from media.ffmpeg.child import main; main()"
    return (os.path.realpath(sys.executable), "-I", "-S", "-B", "-c", code)


def _places() -> list[str]:
    """Where this package is, and where PyAV is."""
    av = find_spec("av")
    if av is None or av.origin is None:
        raise ToolFailed("PyAV is not installed")
    return [str(_ROOT), str(Path(av.origin).parents[1])]


def _end(child: _Child) -> None:
    kill(child.process)
    child.process.wait()
    child.input.close()
    for stream in (child.process.stdout, child.process.stderr):
        if stream:
            stream.close()

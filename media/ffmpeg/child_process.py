"""Ask a child process to read media, and have one waiting so that the next answer comes sooner.

Importing PyAV takes a tenth of a second. A worker that calls `keep_warm` always has one child
that has done so already. Each child serves one request and ends: nothing is carried over from
one file to the next.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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

_lock = threading.Lock()
_is_kept_warm = False
_spare: subprocess.Popen[bytes] | None = None


def keep_warm() -> None:
    """From now on, have a child ready before it is asked for. For workers; not for tests."""
    global _is_kept_warm
    _is_kept_warm = True
    _prepare_spare()


def let_go() -> None:
    """End the waiting child, and have none from now on."""
    global _is_kept_warm
    _is_kept_warm = False
    spare = _take_spare()
    if spare:
        _end(spare)


def ask(
    request: Mapping[str, Any],
    *,
    watch: Watch,
    on_message: Callable[[dict[str, Any], bytes], bool],
    background: bool = False,
) -> Ran:
    """Have a child do `request`. `on_message` gets each answer; False ends the child.

    Raises UnreadableMedia if the file is the reason, ToolFailed if it is not.
    """
    process = _take_spare() or _start_child()
    if background:
        yield_to_others(process.pid)
    reader = _Reader(on_message)
    try:
        _write_request(process, request)
        ran = supervise(process, watch=watch, on_output=reader.feed)
    finally:
        if _is_kept_warm:
            _prepare_spare()
    return ran


class _Reader:
    """Cuts what a child writes into messages."""

    def __init__(self, on_message: Callable[[dict[str, Any], bytes], bool]) -> None:
        self._on_message = on_message
        self._data = bytearray()

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


def _write_request(process: subprocess.Popen[bytes], request: Mapping[str, Any]) -> None:
    """A short line fits into the pipe, so this never waits for the child to read."""
    try:
        assert process.stdin is not None  # noqa: S101 - started with takes_input
        process.stdin.write(json.dumps(request).encode() + b"\n")
    except BrokenPipeError:
        return  # It has died; what it says on its way out is the error to raise.


def _prepare_spare() -> None:
    global _spare
    with _lock:
        if _spare is None or _spare.poll() is not None:
            _spare = _start_child()


def _take_spare() -> subprocess.Popen[bytes] | None:
    global _spare
    with _lock:
        spare, _spare = _spare, None
    if spare is not None and spare.poll() is not None:
        _end(spare)
        return None
    return spare


def _start_child() -> subprocess.Popen[bytes]:
    # It must outlive the thread that starts it; it ends with this process all the same,
    # because its input closes then.
    return start(_argv(), takes_input=True, dies_with_thread=False, limits=_LIMITS)


@cache
def _argv() -> tuple[str, ...]:
    """An isolated interpreter that finds this package and PyAV, and nothing else."""
    av = find_spec("av")
    if av is None or av.origin is None:
        raise ToolFailed("PyAV is not installed")
    places = [str(_ROOT), str(Path(av.origin).parents[1])]
    code = f"import sys; sys.path[:0] = {places!r}; from media.ffmpeg.child import main; main()"
    return (sys.executable, "-I", "-S", "-B", "-c", code)


def _end(process: subprocess.Popen[bytes]) -> None:
    kill(process)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()

"""The process that reads media with PyAV, so that no other process has to.

It is started by `media.ffmpeg.child_process`, takes a request as a line of JSON, answers with
messages, and ends; or says that it is done, and waits for the next request about the same source.
A message is a line of JSON, followed by as many bytes as its "bytes" says.
It ends as well when its parent does: its input is a socket that closes then.
"""

from __future__ import annotations

import json
import math
import os
import resource
import select
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av

from media.ffmpeg import copying, inspecting, reaching, sampling
from media.ffmpeg.errors import FFmpegError, UnreadableMedia

#: What comes of numbers that were made up: they overflow, divide by zero, point beyond the end.
_ABSURD = (ArithmeticError, IndexError, ValueError, TypeError, struct.error, RecursionError)


#: Who has used so much processor time ends, lest what is left of its limit is too little for more.
_ENOUGH_CPU_SECONDS = 60.0


def main() -> None:
    """Serve requests for as long as we are asked to stay."""
    av.logging.set_level(av.logging.ERROR)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with socket.socket(fileno=os.dup(0)) as asking:
        while _serve(*_request(asking)) and time.process_time() < _ENOUGH_CPU_SECONDS:
            send({"done": True})
    os._exit(0)  # Nothing needs tidying up, and the thread above cannot be asked to end.


def _serve(line: bytes, source: int | None) -> bool:
    """Answer one request; whether another one may follow."""
    if not line:
        return False
    request = json.loads(line)
    _bound_cpu(request.get("cpu_seconds"))
    if source is None:
        return _answer(request)
    with _named(source, request["path"]) as request["path"]:
        return _answer(request)


def _answer(request: dict[str, Any]) -> bool:
    """Do what is asked; whether it was done, and we are asked to stay."""
    try:
        if request["do"] == "inspect":
            inspecting.inspect(request, send)
        elif request["do"] == "copy":
            copying.copy(request, send)
        elif request["do"] == "reach":
            reaching.reach(request, send)
        elif request["do"] == "sample":
            sampling.sample(request, send)
    except UnreadableMedia as error:
        send({"error": "unreadable", "code": error.code, "detail": error.detail})
    except (MemoryError, av.error.MemoryError) as error:
        send({"error": "exceeded", "limit": "memory", "detail": f"{type(error).__name__}: {error}"})
    except (FFmpegError, av.FFmpegError, OSError) as error:
        send({"error": "failed", "detail": f"{type(error).__name__}: {error}"})
    except _ABSURD as error:
        # Numbers that no honest file has; with them it will fail again. The log has it, should
        # the mistake be ours.
        traceback.print_exc()
        send({"error": "absurd", "detail": f"{type(error).__name__}: {error}"})
    else:
        return bool(request.get("stay"))
    return False


def send(message: dict[str, Any], payload: bytes = b"") -> None:
    """Write one message to the parent."""
    header = {**message, "bytes": len(payload)}
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + payload)
    sys.stdout.buffer.flush()


def _request(asking: socket.socket) -> tuple[bytes, int | None]:
    """A line of JSON, and the file that came with it; an empty line where nobody asks any more."""
    line, files = b"", list[int]()
    while not line.endswith(b"\n"):
        data, received, _, _ = socket.recv_fds(asking, 1 << 16, 1)
        if not data:
            return b"", None
        line += data
        files += received
    return line, files[0] if files else None


@contextmanager
def _named(source: int, path: str) -> Iterator[str]:
    """A name for an open file, with the extension that FFmpeg looks at; both are gone afterwards.

    The sandbox does not show the file itself; opened by this name, it is the same file anew.
    """
    name = f"/tmp/source{os.path.splitext(path)[1]}"  # noqa: S108 - that of the sandbox
    os.symlink(f"/proc/self/fd/{source}", name)
    try:
        yield name
    finally:
        os.unlink(name)
        os.close(source)


def _bound_cpu(seconds: int | None) -> None:
    """Hold this request to less processor time than the process was given."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = hard if seconds is None else math.ceil(time.process_time()) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _end_with_parent() -> None:
    poll = select.poll()
    poll.register(0, 0)  # That the other end was closed is told unasked.
    poll.poll()
    os._exit(3)

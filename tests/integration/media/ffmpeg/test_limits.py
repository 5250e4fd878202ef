"""What a media process may use, and what is believed of what it says and makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from media.ffmpeg import limits, probe
from media.ffmpeg.child_process import _Reader, ask
from media.ffmpeg.errors import ToolExceeded, ToolFailed, UnexpectedOutput, UnreadableMedia
from media.ffmpeg.limits import Limits
from media.ffmpeg.outputs import is_there, take
from media.ffmpeg.probe import inspect
from media.ffmpeg.run import Ran, Watch, start, supervise
from tests.hostile.canary import Canary
from tests.hostile.corpus import CORPUS
from tests.integration.media.ffmpeg.clips import clip
from tests.integration.media.ffmpeg.test_run import keeping

MIB = 1 << 20


@pytest.fixture
def _little_memory() -> Iterator[None]:
    limits.set_usual_memory(500 * MIB)
    yield
    limits.set_usual_memory(limits.USUAL_MEMORY_BYTES)


def python(code: str, given: Limits) -> Ran:
    process = start([sys.executable, "-c", code], limits=given)
    return supervise(process, watch=Watch(timeout_seconds=30))


@pytest.mark.parametrize(
    ("code", "given", "limit"),
    [
        ("x = bytearray(300 << 20)", Limits(memory_bytes=200 * MIB), "memory"),
        ("while True: pass", Limits(cpu_seconds=1), "processor time"),
        (
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL);"
            "open('/tmp/reelay-test-limit', 'wb').write(bytes(2 << 20))",
            Limits(file_bytes=1 * MIB),
            "room on disk",
        ),
    ],
)
def test_a_process_that_wants_more_than_its_limit_is_told_apart(
    code: str, given: Limits, limit: str, tmp_path: Path
) -> None:
    with pytest.raises(ToolExceeded) as caught:
        python(code.replace("/tmp", str(tmp_path)), given)
    assert caught.value.limit == limit


def test_limits_hold_from_the_first_moment_and_for_what_is_started() -> None:
    show = "import resource; print(*(resource.getrlimit(n)[0] for n in (0, 1, 2, 7, 4)))"
    code = f"import subprocess, sys; {show}; subprocess.run([sys.executable, '-c', {show!r}])"
    said: list[bytes] = []
    given = Limits(memory_bytes=512 * MIB, cpu_seconds=50, file_bytes=8 * MIB, open_files=40)
    supervise(
        start([sys.executable, "-c", code], limits=given),
        watch=Watch(timeout_seconds=30),
        on_output=keeping(said),
    )
    expected = [str(n) for n in (50, 8 * MIB, 512 * MIB, 40, 0)]
    assert b"".join(said).decode().split() == expected * 2


def test_the_kernel_takes_media_processes_first() -> None:
    said: list[bytes] = []
    supervise(
        start([sys.executable, "-c", "print(open('/proc/self/oom_score_adj').read())"]),
        watch=Watch(timeout_seconds=30),
        on_output=keeping(said),
    )
    assert b"".join(said).split() == [b"1000"]


@pytest.mark.usefixtures("_little_memory")
def test_a_file_that_needs_too_much_memory_is_refused_for_good(tmp_path: Path) -> None:
    canary = Canary(tmp_path / "canary")
    with pytest.raises(UnreadableMedia) as caught:
        inspect(CORPUS["zlib-moov.mov"].write(tmp_path, canary))
    canary.close()
    assert caught.value.code == "too-much-work"
    assert "memory" in caught.value.detail


def test_a_file_that_takes_too_much_processor_time_is_refused_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_CPU_PART", 0.01)
    boxes = tmp_path / "boxes.mp4"
    boxes.write_bytes(clip("cfr").read_bytes()[:32] + b"\0\0\0\x08free" * 8_000_000)
    with pytest.raises(UnreadableMedia) as caught:
        inspect(boxes, timeout_seconds=100)
    assert caught.value.code == "too-much-work"
    assert "processor time" in caught.value.detail


# --- What a process that was taken over might say and make ----------------------------------------


def test_a_link_is_not_taken_for_an_output(tmp_path: Path) -> None:
    secret, made = tmp_path / "secret", tmp_path / "made.mp4"
    secret.write_text("key")
    made.symlink_to(secret)
    with pytest.raises(UnexpectedOutput, match="plain file"):
        take(made, most_bytes=100)
    made.unlink()
    os.link(secret, made)
    with pytest.raises(UnexpectedOutput, match="plain file"):
        is_there(made, most_bytes=100)


def test_an_output_without_end_is_not_read(tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    made.write_bytes(bytes(101))
    with pytest.raises(UnexpectedOutput, match="101 bytes"):
        take(made, most_bytes=100)
    assert take(tmp_path / "missing", most_bytes=100) == b""


@pytest.mark.parametrize(
    "said",
    [
        b"x" * (2 << 20),
        b"no json\n",
        b"{}\n",
        b"[1]\n",
        json.dumps({"bytes": -1}).encode() + b"\n",
        json.dumps({"bytes": 1 << 40}).encode() + b"\n",
    ],
    ids=["a line without end", "no message", "no size", "a list", "negative", "huge"],
)
def test_a_child_that_speaks_out_of_turn_is_not_listened_to(said: bytes) -> None:
    with pytest.raises(ToolFailed):
        _Reader(lambda _message, _payload: True, may_stay=True).feed(said)


@pytest.mark.parametrize("may_stay", [True, False])
def test_only_a_child_that_was_asked_to_stay_does(may_stay: bool) -> None:
    reader = _Reader(lambda _message, _payload: True, may_stay=may_stay)
    reader.feed(b'{"done": true, "bytes": 0}\n')
    assert reader.is_done is may_stay


def test_a_later_request_has_processor_time_of_its_own() -> None:
    code = """
import resource
import time
from media.ffmpeg.child import _bound_cpu
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
while time.process_time() < 2:
    pass
for seconds in 5, None:
    _bound_cpu(seconds)
    print(resource.getrlimit(resource.RLIMIT_CPU))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["(8, 60)", "(60, 60)"]


def test_what_a_process_says_cannot_forge_a_line_of_the_log() -> None:
    code = "import sys; sys.stderr.write('a\\x1b[2J\\nERROR all is lost'); sys.exit(1)"
    with pytest.raises(ToolFailed) as caught:
        python(code, Limits())
    assert str(caught.value).isprintable()


def test_a_mistake_of_ours_is_not_blamed_on_the_file() -> None:
    with pytest.raises(ToolFailed):
        ask({"do": "inspect"}, watch=Watch(timeout_seconds=30), on_message=lambda _m, _p: True)

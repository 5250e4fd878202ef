"""Processes are bounded, watched and cancellable, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import cache_from_source
from pathlib import Path

import psutil
import pytest

from media.ffmpeg import aside, child_process
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.child_process import ask
from media.ffmpeg.errors import ToolFailed, ToolStalled, ToolTimedOut
from media.ffmpeg.limits import Limits, bounded
from media.ffmpeg.run import BACKGROUND, Watch, run, start, supervise

ENDLESS = ("-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc", "-f", "null", "-")


class CancelledByTest(Exception):
    pass


def children() -> set[int]:
    """Processes that this one has started and that are still there, zombies included."""
    return {child.pid for child in psutil.Process().children()}


def keeping(said: list[bytes]) -> Callable[[bytes], bool]:
    """Keep what a process says, and want more."""

    def keep(data: bytes) -> bool:
        said.append(data)
        return True

    return keep


def wait_until_gone(pids: list[int]) -> None:
    """Fail if one of these processes is still running after a few seconds."""
    for _ in range(100):
        if not any(_is_running(pid) for pid in pids):
            return
        time.sleep(0.05)
    pytest.fail(f"still running: {[pid for pid in pids if _is_running(pid)]}")


def python(code: str, **options: object) -> subprocess.Popen[bytes]:
    return start([sys.executable, "-c", code], **options)  # type: ignore[arg-type]  # as given


def test_a_callback_that_raises_ends_the_process() -> None:
    before = children()

    def cancel(_seconds: float) -> None:
        raise CancelledByTest

    with pytest.raises(CancelledByTest):
        run([ffmpeg_binary(), *ENDLESS], timeout_seconds=30, on_progress=cancel)
    assert children() == before


def test_the_deadline_ends_the_process() -> None:
    before = children()
    with pytest.raises(ToolTimedOut):
        run([ffmpeg_binary(), *ENDLESS], timeout_seconds=0.6)
    assert children() == before


def test_no_progress_ends_the_process() -> None:
    with pytest.raises(ToolStalled):
        supervise(
            python("import time; time.sleep(60)"),
            watch=Watch(timeout_seconds=30, stall_seconds=0.5),
        )


def test_a_stopped_process_counts_as_stalled() -> None:
    seen: list[float] = []

    def stop(seconds: float) -> None:
        seen.append(seconds)
        if len(seen) == 1:
            (pid,) = children() - before
            os.killpg(pid, signal.SIGSTOP)

    before = children()
    with pytest.raises(ToolStalled):
        run([ffmpeg_binary(), *ENDLESS], timeout_seconds=30, stall_seconds=1, on_progress=stop)
    assert children() == before


def test_what_a_process_started_ends_with_it() -> None:
    code = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '60']);"
        "print(p.pid, flush=True); sys.exit(0)"
    )
    said: list[bytes] = []
    with pytest.raises(ToolTimedOut):  # The grandchild keeps the output open.
        supervise(
            python(code),
            watch=Watch(timeout_seconds=1),
            on_output=keeping(said),
        )
    wait_until_gone([int(b"".join(said))])


def test_a_failure_says_what_the_process_said() -> None:
    with pytest.raises(ToolFailed, match="No such file") as caught:
        run([ffmpeg_binary(), "-v", "error", "-i", "/missing", "-"], timeout_seconds=30)
    assert caught.value.exit_code


def test_enough_output_is_not_a_failure() -> None:
    ran = supervise(
        python("while True: print('x' * 100)"),
        watch=Watch(timeout_seconds=30),
        on_output=lambda _data: False,
    )
    assert ran.was_stopped


def test_processes_get_no_secrets_and_limits() -> None:
    os.environ["REELAY_TEST_SECRET"] = "hush"
    code = "import os, resource, sys, time; time.sleep(.3);" + (
        "print(sorted(os.environ), resource.getrlimit(resource.RLIMIT_NOFILE)[0],"
        "resource.getrlimit(resource.RLIMIT_CORE)[0], os.getsid(0) == os.getpid(),"
        "sys.stdin.read() == '')"
    )
    said: list[bytes] = []
    try:
        supervise(
            python(code, limits=Limits(open_files=33)),
            watch=Watch(timeout_seconds=30),
            on_output=keeping(said),
        )
    finally:
        del os.environ["REELAY_TEST_SECRET"]
    text = b"".join(said).decode()
    assert "SECRET" not in text
    assert text.split("]")[1].split() == ["33", "0", "True", "True"]


def test_background_work_stands_below_everything() -> None:
    code = "import os, time; time.sleep(.3); print(os.nice(0), open('/proc/self/autogroup').read())"
    said: list[bytes] = []
    supervise(
        python(code, nice=BACKGROUND),
        watch=Watch(timeout_seconds=30),
        on_output=keeping(said),
    )
    assert b"".join(said).split()[0] == b"19"
    assert b"".join(said).split()[-1] == b"19"


@pytest.mark.skipif(sys.platform != "linux", reason="only there nothing outlives its caller")
@pytest.mark.parametrize("answers", [False, True])
def test_background_work_stands_still_until_an_answer_or_for_a_while(
    answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answers:
        monkeypatch.setattr(aside, "PATIENCE_SECONDS", 60)
        monkeypatch.setattr(aside, "_turns", aside.Turns(processors=2, send=aside._send))

    def states() -> set[str]:
        group = [psutil.Process(background), *psutil.Process(background).children(recursive=True)]
        return {process.status() for process in group}

    def wait_until(holds: Callable[[], bool]) -> None:
        until = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < until, states()
            time.sleep(0.02)

    before = children()
    seen: list[float] = []
    argv = [ffmpeg_binary(), *ENDLESS[:-3], "-t", "2", *ENDLESS[-3:]]
    with ThreadPoolExecutor() as threads:
        behind = threads.submit(
            run, argv, timeout_seconds=60, nice=BACKGROUND, on_progress=seen.append
        )
        wait_until(lambda: bool(seen))
        (background,) = children() - before
        urgent = python("print(input(), flush=True); input()", stdin=subprocess.PIPE)
        assert urgent.stdin
        ahead = threads.submit(supervise, urgent, watch=Watch(timeout_seconds=60))
        wait_until(lambda: states() == {psutil.STATUS_STOPPED})
        if answers:
            urgent.stdin.write(b"now\n")
        wait_until(lambda: psutil.STATUS_STOPPED not in states())
        assert not ahead.done()
        behind.result()
        urgent.stdin.write(b"\n\n")
        ahead.result()


@pytest.mark.parametrize("kind", ["ffmpeg", "child"])
def test_processes_die_with_a_killed_caller(kind: str) -> None:
    calls = {
        "ffmpeg": "from media.ffmpeg.run import run; from media.ffmpeg.binary import ffmpeg_binary;"
        f"run([ffmpeg_binary(), *{ENDLESS!r}], timeout_seconds=60)",
        "child": "from media.ffmpeg import child_process; child_process.keep_warm();"
        "import time; time.sleep(60)",
    }
    caller = subprocess.Popen([sys.executable, "-c", calls[kind]])
    pids: list[int] = []
    for _ in range(100):
        pids = [int(p) for p in _children_of(caller.pid)]
        if pids:
            break
        time.sleep(0.05)
    time.sleep(0.5)
    caller.kill()
    caller.wait()
    assert pids
    wait_until_gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the death of a parent")
def test_a_caller_killed_before_its_process_asked_for_the_signal_leaves_nothing() -> None:
    gone = os.getpid() + 1
    argv = bounded(["sleep", "60"], Limits(), parent_pid=gone)
    assert "setpriv" in argv[0], "setpriv is missing (util-linux)"
    assert subprocess.run(argv, timeout=10, check=False).returncode == 1


def test_a_child_that_dies_is_a_failure() -> None:
    with pytest.raises(ToolFailed):
        ask({"do": "inspect"}, watch=Watch(timeout_seconds=30), on_message=lambda _m, _p: True)


def test_children_do_not_compile_what_they_import() -> None:
    compiled = Path(cache_from_source(str(Path(child_process.__file__).with_name("reaching.py"))))
    compiled.unlink(missing_ok=True)
    child_process._argv.cache_clear()
    child_process._argv()
    assert compiled.exists()


def test_children_wait_before_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def waiting() -> set[int]:
        return children() - others

    def refilled() -> set[int]:
        # A child can be seen before it is counted; the next request would bring one too many.
        assert child_process._refill
        child_process._refill.join(60)
        return waiting()

    def refill_after(seconds: float) -> None:
        monkeypatch.setattr(child_process, "_REFILL_SECONDS", seconds)

    def ask_for_nothing() -> None:
        with pytest.raises(ToolFailed):
            ask({"do": "inspect"}, watch=Watch(timeout_seconds=30), on_message=lambda _m, _p: True)

    others = children()
    refill_after(0.1)
    child_process.keep_warm()
    try:
        at_first = refilled()
        refill_after(3600)
        ask_for_nothing()
        left = waiting()
        refill_after(0.1)
        ask_for_nothing()
        at_last = refilled()
        assert (len(at_first), len(left), len(at_last)) == (3, 2, 3)
        assert left < at_first
        assert len(at_last & left) == 1
    finally:
        child_process.let_go()
    wait_until_gone([*at_first | at_last])


def _children_of(pid: int) -> list[str]:
    # Of any of its threads: the one that waits for work is started beside the others.
    try:
        found = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except FileNotFoundError:
        return []
    return [child for children in found for child in children]


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"

"""Worker processes beside the server: always as many as asked for, and none left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.server.supervisor import Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True);"
    " time.sleep(60)",
]


def wait_until(true: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def test_a_process_that_ends_is_started_again_and_told_of() -> None:
    told: list[int] = []
    supervisor = Supervisor(SLEEPER, count=2, on_death=told.append)
    supervisor.start()
    wait_until(lambda: len(supervisor.pids) == 2)
    victim = supervisor.pids[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(supervisor.pids) == 2 and victim not in supervisor.pids)
    supervisor.stop()
    assert told == [victim]


def test_stop_leaves_nobody(tmp_path: Path) -> None:
    supervisor = Supervisor(SLEEPER, count=2)
    supervisor.start()
    wait_until(lambda: len(supervisor.pids) == 2)
    pids = supervisor.pids
    supervisor.stop()
    assert all(map(is_gone, pids))


def test_who_does_not_listen_is_killed_with_its_group() -> None:
    supervisor = Supervisor(DEAF, count=1)
    supervisor.start()
    wait_until(lambda: supervisor.pids)
    (pid,) = supervisor.pids
    time.sleep(0.5)
    began = time.monotonic()
    supervisor.stop(within=0.5)
    assert time.monotonic() - began < 5
    assert is_gone(pid)


def test_a_process_that_cannot_live_is_not_started_in_a_frenzy() -> None:
    told: list[int] = []
    supervisor = Supervisor([sys.executable, "-c", ""], count=1, on_death=told.append)
    supervisor.start()
    time.sleep(2)
    supervisor.stop()
    assert 1 <= len(told) <= 4


def test_stopping_what_was_never_started() -> None:
    Supervisor(SLEEPER, count=1).stop()


def test_a_listener_that_fails_keeps_nobody_from_being_started_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(pid: int) -> None:
        raise ValueError(pid)

    supervisor = Supervisor(SLEEPER, count=1, on_death=fail)
    supervisor.start()
    wait_until(lambda: supervisor.pids)
    (victim,) = supervisor.pids
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: supervisor.pids and supervisor.pids != [victim])
    supervisor.stop()
    assert "nobody could be told" in caplog.text


def test_a_child_dies_with_its_parent() -> None:
    child = (
        "import os, time; from core.server.processes import die_with_parent;"
        "die_with_parent(os.getppid()); print(os.getpid(), flush=True); time.sleep(60)"
    )
    parent = (
        "import subprocess, sys, time;"
        f"subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
    wait_until(lambda: is_gone(pid))


#: A process that starts one in another session, which starts one that nobody else knows.
FAMILY = f"""
import subprocess, sys, time
parent = '''
import subprocess, sys, time
child = subprocess.Popen({SLEEPER!r})
print(child.pid, flush=True)
time.sleep(60)
'''
subprocess.Popen([sys.executable, "-c", parent], start_new_session=True)
time.sleep(60)
"""
SERVER = """
import sys
from core.server.supervisor import Supervisor
supervisor = Supervisor([sys.executable, "-c", sys.argv[1]], count=2, adopts=True)
supervisor.start()
sys.stdin.readline()
supervisor.stop()
"""


def test_what_has_lost_its_parent_is_ended() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, FAMILY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with server:
        assert server.stdin is not None
        assert server.stdout is not None
        first, second = (psutil.Process(int(server.stdout.readline())) for _ in range(2))
        kept = [second, second.parent()]
        worker = first.parents()[1]
        first.parent().kill()
        # Reaped, too: zombies would use up the numbers of processes.
        wait_until(lambda: not psutil.pid_exists(first.pid))
        assert worker.is_running()
        worker.kill()
        kept.append(psutil.Process(int(server.stdout.readline())))
        assert all(process.is_running() for process in kept)
        server.stdin.close()
        assert server.wait(15) == 0
    assert not any(process.is_running() for process in kept)

"""Inside the sandbox there is what a command line names, and nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from media import checks
from media.ffmpeg import encode, sandbox
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.errors import ToolExceeded, ToolFailed
from media.ffmpeg.limits import Limits
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect
from media.ffmpeg.run import BACKGROUND, Watch, run, start, supervise
from tests.hostile.canary import Canary
from tests.integration.media.ffmpeg.clips import clip, ffmpeg
from tests.integration.media.ffmpeg.test_run import ENDLESS, CancelledByTest, keeping

needs_bubblewrap = pytest.mark.skipif(
    bool(sandbox.why_not()) and os.environ.get("FFMPEG_SANDBOX") != "require",
    reason=sandbox.why_not(),
)


@pytest.fixture(autouse=True)
def _sandboxed() -> Iterator[None]:
    before = sandbox._mode
    sandbox.use("require")
    yield
    sandbox.use(before)


def said_inside(script: str, **shown: object) -> str:
    """What a shell says inside; its errors as well."""
    argv = sandbox.around(["/bin/sh", "-c", f"{script}"], **shown)  # type: ignore[arg-type]  # as given
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    return (done.stdout + done.stderr).decode()


def left_of(folder: Path) -> list[str]:
    """Processes of the machine that name this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if os.fsencode(folder) in words and state != "Z" and int(entry.name) != os.getpid():
            found.append(words.replace(b"\0", b" ").decode())
    return found


def wait_until_nothing_is_left_of(folder: Path, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (found := left_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found == []


@needs_bubblewrap
def test_files_outside_are_not_there(tmp_path: Path) -> None:
    secret, source = tmp_path / "secret", tmp_path / "source"
    secret.write_text("key")
    source.write_text("frames")
    work = tmp_path / "work"
    work.mkdir()
    said = said_inside(
        f"cat {source}; cat {secret} /etc/passwd /root/.bashrc; ls -A /home /etc {tmp_path};"
        f"echo x > {source}; echo made > {work}/made; echo x > /x; echo x > /dev/x",
        reads=[str(source)],
        writes=[str(work)],
    )
    assert "frames" in said
    assert "key" not in said
    assert "root:" not in said
    assert (source.read_text(), (work / "made").read_text()) == ("frames", "made\n")
    assert said.count("Read-only") + said.count("Permission denied") >= 3, said


@needs_bubblewrap
def test_there_is_nobody_else_and_no_network(tmp_path: Path) -> None:
    canary = Canary(tmp_path / "canary")
    argv = [ffmpeg_binary(), "-v", "error", "-i", f"tcp://127.0.0.1:{canary.port}", "-"]
    with pytest.raises(ToolFailed, match=r"refused|unreachable"):
        run(argv, timeout_seconds=30)
    assert canary.touched == []
    sandbox.use("off")
    with pytest.raises(ToolFailed):
        run(argv, timeout_seconds=30)
    assert canary.touched
    canary.close()
    assert len(said_inside("ls -d /proc/[0-9]*").split()) <= 4
    assert said_inside("cat /proc/net/dev").count(":") == 1
    assert said_inside("hostname 2>/dev/null; grep ^CapEff /proc/self/status").endswith(
        "0" * 16 + "\n"
    )


@needs_bubblewrap
def test_a_script_of_other_files_opens_none_even_without_the_lists(tmp_path: Path) -> None:
    script, outside = tmp_path / "in" / "script.txt", tmp_path / "outside.mp4"
    script.parent.mkdir()
    outside.write_bytes(clip("cfr").read_bytes())
    script.write_text(f"file '{outside}'\n")
    options = (
        "-v",
        "error",
        "-f",
        "concat",
        "-safe",
        "0",
        "-i",
        f"file:{script}",
        "-f",
        "null",
        "-",
    )
    with pytest.raises(ToolFailed, match="No such file"):
        run([ffmpeg_binary(), *options], timeout_seconds=30)
    ffmpeg(*options)


@needs_bubblewrap
@pytest.mark.parametrize("name", ["cfr", "short", "ts-h264", "avi", "gif", "webm"])
def test_the_same_is_seen_and_made_as_without(name: str, tmp_path: Path) -> None:
    looks, made = [], []
    for mode in ("require", "off"):
        sandbox.use(mode)
        (folder := tmp_path / mode).mkdir()
        source = clip(name)
        if inspect(source).probe.needs_remux:
            source = encode.remux(source, work_dir=folder)
        inspection = inspect(source)
        looks.append(replace(inspection, probe=replace(inspection.probe, size_bytes=0)))
        plan = make_plan(inspection)
        encode.make_inits(plan, work_dir=folder)
        if plan.copied_rung:
            encode.copy_pieces(source, plan=plan, work_dir=folder, on_segment=lambda _made: True)
        made.append({each.name: each.read_bytes() for each in folder.glob("*.m*4*")})
    assert looks[0] == looks[1]
    assert made[0] == made[1]
    assert made[0]


@needs_bubblewrap
def test_cancelling_ends_all_of_it_within_a_second(tmp_path: Path) -> None:
    seen: list[float] = []

    def cancel(_seconds: float) -> None:
        seen.append(time.monotonic())
        raise CancelledByTest

    argv = [ffmpeg_binary(), *ENDLESS[:-3], "-f", "mpegts", str(tmp_path / "out.ts")]
    with pytest.raises(CancelledByTest):
        run(argv, timeout_seconds=30, on_progress=cancel, nice=BACKGROUND)
    wait_until_nothing_is_left_of(tmp_path, seconds=1)


@needs_bubblewrap
@pytest.mark.parametrize("kind", ["ffmpeg", "child"])
def test_a_killed_worker_leaves_nothing(kind: str, tmp_path: Path) -> None:
    calls = {
        "ffmpeg": "from media.ffmpeg.run import run; from media.ffmpeg.binary import ffmpeg_binary;"
        f"run([ffmpeg_binary(), *{ENDLESS[:-3]!r}, '-f', 'mpegts', {str(tmp_path / 'out.ts')!r}],"
        "timeout_seconds=60)",
        # A child that waits names the package; a link makes it ours alone.
        "child": "from media.ffmpeg import child_process; child_process.keep_warm();"
        "import time; time.sleep(60)",
    }
    root = tmp_path / "package"
    root.mkdir()
    shutil.copytree("media/ffmpeg", root / "media" / "ffmpeg")
    (root / "media" / "__init__.py").touch()
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); from media.ffmpeg import sandbox;"
        f"sandbox.use('require'); {calls[kind]}"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], cwd=root)
    deadline = time.monotonic() + 20
    # The caller, bubblewrap twice, and what it is about.
    while len(left_of(tmp_path)) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(left_of(tmp_path)) >= 4
    caller.kill()
    caller.wait()
    wait_until_nothing_is_left_of(tmp_path, seconds=2)


@pytest.mark.skipif(sys.platform != "linux", reason="only there is a sandbox")
def test_what_killed_workers_left_in_sandboxes_is_ended() -> None:
    def standing_in(starter: str) -> list[str]:
        """What says on its command line who has started it, as bubblewrap does for us."""
        return ["/bin/sh", "-c", "read -r _", "sh", "--setenv", "REELAY_STARTED_BY", starter]

    space = os.stat("/proc/self/ns/pid").st_ino
    ours = standing_in(f"{space}:{os.getpid()}")
    with ExitStack() as running:
        argvs = [["/bin/sh", "-c", '"$@"; true', "sh", *ours], standing_in("1:1"), ours]
        *living, left = (
            running.enter_context(subprocess.Popen(argv, stdin=subprocess.PIPE))
            for argv in (*argvs, standing_in(f"{space}:1"))
        )
        time.sleep(0.3)  # They are shells by now.
        (below,) = psutil.Process(living[0].pid).children()
        sandbox.end_left_behind()
        assert left.wait(5) == -signal.SIGKILL
        assert [process.poll() for process in living] == [None] * 3
        assert below.is_running()


@needs_bubblewrap
def test_priority_limits_and_signals_reach_what_runs_inside() -> None:
    said: list[bytes] = []
    script = """
        for _ in $(seq 100); do
            nice=$(cut -d' ' -f19 /proc/self/stat)
            [ $nice = 19 ] && break
            sleep .05
        done
        echo $nice; ulimit -n; cat /proc/self/oom_score_adj
    """
    process = start(
        sandbox.around(["/bin/sh", "-c", script]), nice=BACKGROUND, limits=Limits(open_files=33)
    )
    supervise(process, watch=Watch(timeout_seconds=30), on_output=keeping(said))
    assert b"".join(said).split() == [b"19", b"33", b"1000"]
    for number in (signal.SIGSEGV, signal.SIGXFSZ):
        inside = sandbox.around(["/bin/sh", "-c", f"kill -{int(number)} $$"])
        with pytest.raises(ToolFailed) as caught:
            supervise(start(inside), watch=Watch(timeout_seconds=30))
        assert caught.value.exit_code == -number
        assert isinstance(caught.value, ToolExceeded) == (number == signal.SIGXFSZ)


@needs_bubblewrap
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_it_works_for_an_ordinary_user() -> None:
    argv = sandbox.around(["/bin/sh", "-c", "id -u; ls /; cat /etc/passwd"])
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    done = subprocess.run([*become, *argv], capture_output=True, timeout=30, check=False)
    assert done.stdout.split()[0] == b"65534", done.stderr
    assert b"root:" not in done.stdout


def test_what_a_command_line_names_is_shown(tmp_path: Path) -> None:
    argv = ["/opt/ffmpeg", "-i", "file:/videos/a.mp4", "-f", "mp4", str(tmp_path / "b.mp4"), "-"]
    words = sandbox.around_ffmpeg(argv)
    shown = [words[at : at + 3] for at, word in enumerate(words) if word.endswith(("bind", "try"))]
    assert ["--ro-bind-try", "/videos/a.mp4", "/videos/a.mp4"] in shown
    assert ["--bind", str(tmp_path), str(tmp_path)] in shown
    assert [place for kind, place, _ in shown if kind == "--bind"] == [str(tmp_path)]
    assert words[-len(argv) :] == argv
    assert "--share-net" not in words


def test_the_range_proxy_of_the_worker_is_the_only_network() -> None:
    for address, is_shared in (
        ("http://127.0.0.1:8123/source", True),
        ("http://10.0.0.1/source", False),
        ("http://127.0.0.1.example:80/source", False),
    ):
        words = sandbox.around_ffmpeg(["/opt/ffmpeg", "-i", address, "-f", "null", "-"])
        assert ("--share-net" in words) == is_shared


@pytest.fixture
def _not_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    sandbox.why_not.cache_clear()
    monkeypatch.setattr(sandbox, "_bwrap", lambda: "")
    yield
    sandbox.why_not.cache_clear()


@pytest.mark.usefixtures("_not_installed")
def test_without_bubblewrap_it_depends_on_what_was_asked_for() -> None:
    with pytest.raises(sandbox.SandboxMissing, match="not installed"):
        run([ffmpeg_binary(), "-version"], timeout_seconds=30)
    sandbox.use("auto")
    run([ffmpeg_binary(), "-v", "quiet", "-version"], timeout_seconds=30)


@pytest.mark.usefixtures("_not_installed")
def test_the_check_says_so(settings: object) -> None:
    settings.FFMPEG_SANDBOX = "require"  # type: ignore[attr-defined]  # pytest_django's
    assert [each.id for each in checks.sandbox_is_required()] == ["media.E001"]
    assert checks.sandbox_is_used() == []
    settings.FFMPEG_SANDBOX = "auto"  # type: ignore[attr-defined]  # the same
    assert checks.sandbox_is_required() == []
    assert [each.id for each in checks.sandbox_is_used()] == ["media.I001"]


def test_a_worker_does_not_start_without_the_sandbox_it_requires(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "process_tasks", "--duration", "0.1"],
        env=os.environ | {"FFMPEG_SANDBOX": "require", "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "media.E001" in done.stderr


def test_a_worker_does_not_import_the_server() -> None:
    code = """
import sys
import django
django.setup()
from django.core.management import call_command
from media.management.commands.process_tasks import Command
Command.handle = lambda *_, **__: None
call_command(Command(), skip_checks=False)
print("core.urls" in sys.modules, "rest_framework.views" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_mode_that_does_not_exist_is_not_taken() -> None:
    with pytest.raises(ValueError, match="maybe"):
        sandbox.use("maybe")

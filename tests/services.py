"""PostgreSQL, Redis and Chromium for `make test-full` and `make run-full`.

    python -m tests.services test [pytest arguments]   everything, on servers of its own
    python -m tests.services run                       the product, on servers kept in var/full

What is missing is installed from the system's packages where we are root; elsewhere the missing
package is named, and that is an error: the full suite never skips a service.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from media.ffmpeg import sandbox

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "postgres": "postgresql",
    "redis-server": "redis-server",
    "chromium-headless-shell": "chromium-headless-shell",
    "node": "nodejs",
    "bwrap": "bubblewrap",
}
#: Whole files in the order of their folders, so that the slow ones do not come last.
PYTEST = [sys.executable, "-m", "pytest", "--dist", "loadfile", "--no-loadscope-reorder"]
PYTEST += ["--reruns", "1"]
#: What runs side by side: they wait now and then, and with more of them two cores get slower.
RUNS = (
    ["-n", "4", "-m", "not browser"],
    ["-n", "3", "-m", "browser", "-o", "testpaths=tests/browser"],
)
#: Says which database has the schema and nothing else. Migrating takes seconds, a copy does not.
TEMPLATE = "DATABASE_TEMPLATE"
MIGRATE = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
#: pytest's exit code when nothing was selected.
NO_TESTS = 5


class ServiceMissing(SystemExit):
    """A server program is not installed and cannot be installed from here."""


def find(program: str) -> str | None:
    """The path of `program`; PostgreSQL's are not on Debian's PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(program, path=os.pathsep.join([os.environ["PATH"], *map(str, folders)]))


def require(*programs: str) -> None:
    """Install what is missing of `programs`, or say what to install."""
    missing = [PACKAGES[program] for program in programs if not find(program)]
    if not missing:
        return
    apt = shutil.which("apt-get")
    if os.getuid() != 0 or not apt:
        raise ServiceMissing(f"Please install these packages first: {' '.join(missing)}")
    print(f"installing {' '.join(missing)}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"env": environment, "check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([apt, "update", "-q"], **quiet)  # type: ignore[call-overload]  # mypy cannot see through **
    subprocess.run([apt, "install", "-qy", "--no-install-recommends", *missing], **quiet)  # type: ignore[call-overload]  # the same
    for program in programs:
        if not find(program):
            raise ServiceMissing(f"{program} is still missing after its package was installed.")


def require_browser() -> str:
    """Chromium without a desktop around it: a visitor costs it a tenth of the processor time.

    Where it cannot be installed, the whole of Chromium serves as well.
    """
    shell = "chromium-headless-shell"
    try:
        require(shell)
    except ServiceMissing:
        if whole := find("chromium"):
            return whole
        raise
    return str(find(shell))


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], *, seconds: float = 30) -> None:
    """Return when something listens on `port`; raise when `process` ended or time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")


@contextlib.contextmanager
def running(command: list[str], *, port: int, stop_with: int = signal.SIGTERM) -> Iterator[None]:
    """Run a server while the block runs; it is stopped, and if need be killed, afterwards."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for_port(port, process)
        yield
    finally:
        # To the group, since runuser does not pass SIGINT on.
        os.killpg(process.pid, stop_with)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def postgresql(folder: Path, *, durable: bool, connections: int = 200) -> Iterator[str]:
    """A PostgreSQL server with its data in `folder`; yields the URL of its database."""
    require("postgres")
    port, data = free_port(), folder / "postgresql"
    # PostgreSQL refuses to run as root.
    become = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder.mkdir(parents=True, exist_ok=True)
    if not data.exists():
        data.mkdir(mode=0o700)
        if become:
            shutil.chown(data, "postgres")
        initdb = [str(find("initdb")), "-D", str(data), "-U", "reelay", "-A", "trust"]
        subprocess.run(
            [*become, *initdb, "-E", "UTF8", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )
    options = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1"]
    options += ["-c", "unix_socket_directories=", "-c", f"max_connections={connections}"]
    if not durable:
        options += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        # Tables live for a test, statements for a moment: neither is worth getting ready for.
        options += ["-c", "autovacuum=off", "-c", "jit=off"]
    server = [*become, str(find("postgres")), "-D", str(data), *options]
    # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave.
    with running(server, port=port, stop_with=signal.SIGINT):
        yield f"postgres://reelay@127.0.0.1:{port}/postgres"


def sql(url: str, statement: str) -> None:
    """Run a statement on a server of PostgreSQL, outside of a transaction."""
    import psycopg2

    with contextlib.closing(psycopg2.connect(url)) as server:
        server.autocommit = True
        server.cursor().execute(statement)


def make_template(url: str) -> str:
    """Make a database with the schema and nothing else; its name."""
    sql(url, "CREATE DATABASE schema_only")
    environment = os.environ | {"DATABASE_URL": database_named(url, "schema_only")}
    command = [*MIGRATE, "--settings", "core.settings.test"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return "schema_only"


def database_named(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis server without persistence; yields its URL."""
    require("redis-server")
    port = free_port()
    command = [str(find("redis-server")), "--port", str(port), "--bind", "127.0.0.1"]
    with running([*command, "--save", "", "--dir", str(folder)], port=port):
        yield f"redis://127.0.0.1:{port}/0"


def run_with(url_postgres: str, url_redis: str, command: list[str]) -> int:
    """Run `command` with the addresses of the servers in its environment."""
    environment = os.environ | {"DATABASE_URL": url_postgres, "REDIS_URL": url_redis}
    # The terminal's Ctrl-C reaches the command itself; we only wait for it to finish.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    restore = signal.default_int_handler
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, restore),  # single-threaded here
    )
    return process.wait()


def test(arguments: list[str]) -> int:
    """Run the whole suite on fresh servers in a temporary folder.

    The browser's tests run in a process of their own: Playwright keeps an event loop running
    beside them, in which Django refuses to touch the database.
    """
    require("postgres", "redis-server", "bwrap")
    require_browser()
    if reason := sandbox.why_not():
        print(f"THE TESTS OF THE SANDBOX ARE SKIPPED: {reason}", flush=True)
    else:
        os.environ.setdefault("FFMPEG_SANDBOX", "require")
    # World-readable, so that the account `postgres` can reach its folder inside.
    folder = Path(tempfile.mkdtemp(prefix="reelay-services-"))
    folder.chmod(0o755)
    try:
        with postgresql(folder, durable=False) as database, redis(folder) as layer:
            os.environ[TEMPLATE] = make_template(database)
            codes = [run_with(database, layer, [*PYTEST, *run, *arguments]) for run in RUNS]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    # Where the arguments select tests of one kind only, the other run finds none.
    return max((code for code in codes if code != NO_TESTS), default=NO_TESTS)


def run() -> int:
    """Run the product on servers whose data stays in var/full."""
    folder = ROOT / "var" / "full"
    with postgresql(folder, durable=True) as database, redis(folder) as layer:
        os.environ.setdefault("DEBUG", "true")
        return run_with(database, layer, MIGRATE) or run_with(
            database, layer, [sys.executable, "manage.py", "serve"]
        )


def main() -> int:
    """Read the command line."""
    match sys.argv[1:]:
        case ["test", *arguments]:
            return test(arguments)
        case ["run"]:
            return run()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m media.remote`: a worker on another network, with a key and without a database."""

import argparse
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from media.ffmpeg import sandbox
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.child_process import keep_warm, let_go
from media.remote.client import Client
from media.remote.crew import Crew
from media.remote.door import Door
from media.remote.home import home
from media.remote.signing import Key, NotAKey
from media.workshop.lanes import usual_slots

GIB = 1024**3
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def arguments(given: list[str]) -> argparse.Namespace:
    """The options; WORKER_SERVER_URL and WORKER_API_KEY stand for the two that are needed."""
    parser = argparse.ArgumentParser(prog="python -m media.remote", description=__doc__)
    parser.add_argument(
        "--server",
        default=os.environ.get("WORKER_SERVER_URL", ""),
        help="The address of the instance, as https://video.example.",
    )
    parser.add_argument(
        "--key",
        default=os.environ.get("WORKER_API_KEY", ""),
        help="The key that was shown when the server was added; better in WORKER_API_KEY.",
    )
    parser.add_argument("--slots", type=int, default=usual_slots(), help="Ordinary jobs at a time.")
    parser.add_argument("--ca-file", help="Certificates to trust, for a self-signed instance.")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path.home() / ".cache" / "reelay-worker",
        help="Where sources and unfinished work are kept.",
    )
    parser.add_argument(
        "--cache-gib", type=float, default=20.0, help="How much of the sources is kept."
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="",
        help="Be woken by POST /process there, instead of asking all the time.",
    )
    parser.add_argument(
        "--drain-seconds",
        type=float,
        default=30.0,
        help="How long SIGTERM waits for what is being made; then it is handed back.",
    )
    parser.add_argument(
        "--allow-http",
        action="store_true",
        help="Talk to another machine without TLS: everybody between can read the videos.",
    )
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Work until SIGTERM; the exit code."""
    options = arguments(sys.argv[1:] if given is None else given)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s"
    )
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Line("%(asctime)s %(levelname)s %(message)s"))
    url = urlsplit(options.server)
    if url.scheme not in ("http", "https") or not url.hostname:
        return _complain("--server takes an address such as https://video.example")
    if url.scheme == "http" and url.hostname not in _LOOPBACK and not options.allow_http:
        return _complain("without https everybody between can read the videos (--allow-http)")
    try:
        key = Key.parse(options.key)
    except NotAKey as error:
        return _complain(f"--key or WORKER_API_KEY: {error}")
    if reason := _why_no_sandbox(os.environ.get("FFMPEG_SANDBOX") or "auto"):
        return _complain(reason)
    # What we start must not find it.
    os.environ.pop("WORKER_API_KEY", None)
    if options.listen and not options.listen.rpartition(":")[2].isdigit():
        return _complain("--listen takes HOST:PORT, as 0.0.0.0:8700")
    client = Client(options.server, key, ca_file=options.ca_file)
    with home(options.folder / key.server_id.hex) as folder:
        crew = Crew(
            client,
            folder=folder,
            cache_bytes=int(options.cache_gib * GIB),
            ordinary_slots=max(options.slots, 1),
            version=_version(),
            drain_seconds=options.drain_seconds,
            server=options.server.rstrip("/"),
            is_woken=bool(options.listen),
        )
        door = _door(options, key, crew)
        signal.signal(signal.SIGTERM, crew.stop)
        signal.signal(signal.SIGINT, crew.stop)
        keep_warm()
        try:
            return crew.run()
        finally:
            let_go()
            if door is not None:
                door.close()


def _door(options: argparse.Namespace, key: Key, crew: Crew) -> Door | None:
    """Where the server may knock, if anywhere."""
    if not options.listen:
        return None
    host, _, port = options.listen.rpartition(":")
    door = Door(
        (host.strip("[]"), int(port)),
        key,
        server=options.server,
        ring=crew.ring,
        is_well=crew.is_well,
    )
    door.open()
    logging.getLogger(__name__).info("door open", extra={"port": door.port})
    return door


class _Line(logging.Formatter):
    """A line for people: time, level, message, and what came as `extra`."""

    _STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        extras = {k: v for k, v in vars(record).items() if k not in self._STANDARD}
        told = " ".join(f"{name}={value}" for name, value in extras.items())
        return f"{super().format(record)} {told}".rstrip()


def _why_no_sandbox(mode: str) -> str:
    """Set the mode of the sandbox; why that cannot be done, or nothing."""
    try:
        sandbox.use(mode)
        sandbox.is_used()
    except (ValueError, sandbox.SandboxMissing) as error:
        return f"FFMPEG_SANDBOX={mode}: {error}"
    return ""


def _version() -> str:
    """Which FFmpeg works here: the first word after its name."""
    command = [ffmpeg_binary(), "-hide_banner", "-version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    words = done.stdout.split()
    return f"ffmpeg {words[2]}"[:40] if len(words) > 2 else "ffmpeg"


def _complain(what: str) -> int:
    print(f"python -m media.remote: {what}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

"""Uploads through the real server beside a bare asyncio sink, in turn, in one run.

python -m bench.upload [--mib 1024] [--rounds 3]

Both get the same bytes from the same client: one connection, PATCHes of 8 MiB. The server is
`manage.py serve` as it is started by hand, with accounts, database, offsets and the final
fdatasync; the sink has none of these. CPU is that of the server process, user and system.
"""

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.units import GiB, MiB
from tests.product import Product, running

CHUNK_BYTES = 8 * MiB
DATA = os.urandom(CHUNK_BYTES)


@dataclass(frozen=True)
class Run:
    """One upload, measured."""

    mb_per_second: float
    cpu_seconds_per_gb: float
    rss_growth_mib: float


class Measure:
    """What a process costs while a block runs."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)

    def __enter__(self) -> "Measure":
        # Linux forgets the peak of the resident set when 5 is written here.
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        self.rss_bytes = self.process.memory_info().rss
        self.cpu = self._cpu()
        self.began = time.perf_counter()
        return self

    def __exit__(self, *_error: object) -> None:
        self.seconds = time.perf_counter() - self.began
        self.cpu_seconds = self._cpu() - self.cpu
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM:"))
        self.rss_growth_bytes = int(peak.split()[1]) * 1024 - self.rss_bytes

    def _cpu(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def run(self, size_bytes: int) -> Run:
        """The figures of an upload of `size_bytes`."""
        return Run(
            size_bytes / 1e6 / self.seconds,
            self.cpu_seconds / (size_bytes / 1e9),
            self.rss_growth_bytes / MiB,
        )


class Connection:
    """One keep-alive connection that sends chunks and reads as little as it has to."""

    def __init__(self, port: int, token: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.common = (
            f"Host: localhost\r\nAuthorization: Bearer {token}\r\nTus-Resumable: 1.0.0\r\n"
        )

    def begin(self, size_bytes: int) -> str:
        """Open a session; its path."""
        self._head(f"POST /api/uploads/ HTTP/1.1\r\nUpload-Length: {size_bytes}", 0)
        return self._answer("201")["location"]

    def head(self, path: str, offset: int, size_bytes: int) -> None:
        """Announce a chunk."""
        self._head(
            f"PATCH {path} HTTP/1.1\r\nContent-Type: application/offset+octet-stream\r\n"
            f"Upload-Offset: {offset}",
            size_bytes,
        )

    def upload(self, path: str, size_bytes: int) -> None:
        """Send a whole file in chunks."""
        for offset in range(0, size_bytes, CHUNK_BYTES):
            size = min(CHUNK_BYTES, size_bytes - offset)
            self.head(path, offset, size)
            self.socket.sendall(memoryview(DATA)[:size])
            self._answer("204")

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def _head(self, first_lines: str, size_bytes: int) -> None:
        text = f"{first_lines}\r\nContent-Length: {size_bytes}\r\n{self.common}\r\n"
        self.socket.sendall(text.encode())

    def _answer(self, status: str) -> dict[str, str]:
        data = b""
        while b"\r\n\r\n" not in data:
            part = self.socket.recv(65536)
            if not part:
                raise RuntimeError(f"the server hung up: {data!r}")
            data += part
        line, *lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        if line.split()[1] != status:
            raise RuntimeError(data.decode())
        return {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}


@contextlib.contextmanager
def sink(folder: Path) -> Iterator[tuple[int, int]]:
    """The floor; its process and port."""
    command = [sys.executable, "-m", "bench.upload_sink", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def to_sink(pid: int, port: int, folder: Path, size_bytes: int) -> Run:
    """Upload once to the floor."""
    with contextlib.closing(Connection(port)) as connection, Measure(pid) as measure:
        connection.upload("/file", size_bytes)
    (folder / "file").unlink()
    return measure.run(size_bytes)


def to_product(product: Product, token: str, size_bytes: int) -> Run:
    """Upload once to the product, and delete what became of it."""
    with contextlib.closing(Connection(product.port, token)) as connection:
        path = connection.begin(size_bytes)
        with Measure(product.process.pid) as measure:
            connection.upload(path, size_bytes)
    video_id = product.call("GET", path, token=token)["video_id"]
    product.call("DELETE", f"/api/videos/{video_id}/", token=token)
    return measure.run(size_bytes)


def kept_after_cut(product: Product, token: str, size_bytes: int = 64 * MiB) -> float:
    """The share of the sent bytes that is stored after one long PATCH was cut at half."""
    sent = size_bytes // 2
    with contextlib.closing(Connection(product.port, token)) as connection:
        path = connection.begin(size_bytes)
        connection.head(path, 0, size_bytes)
        for _ in range(0, sent, CHUNK_BYTES):
            connection.socket.sendall(DATA)
    time.sleep(1)
    return float(product.call("GET", path, token=token)["offset"]) / sent


def median(runs: list[Run], figure: str) -> float:
    """The middle one of a figure of all runs."""
    return float(statistics.median(getattr(run, figure) for run in runs))


def show(name: str, runs: list[Run]) -> None:
    """One line of the table."""
    speeds = [run.mb_per_second for run in runs]
    print(
        f"{name:10} {median(runs, 'mb_per_second'):8.0f} {min(speeds):8.0f} {max(speeds):8.0f}"
        f" {median(runs, 'cpu_seconds_per_gb'):12.2f} {median(runs, 'rss_growth_mib'):14.1f}"
    )


def main() -> None:
    """Run, print the table, and the figures as the last line."""
    parser = argparse.ArgumentParser(description="Uploads beside a bare asyncio sink.")
    parser.add_argument("--mib", type=int, default=GiB // MiB)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    size_bytes = options.mib * MiB
    floor: list[Run] = []
    ours: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="reelay-bench-") as name:
        folder = Path(name)
        with sink(folder) as (pid, port), running(folder, WORKER_PROCESSES="0") as product:
            token = product.sign_up()
            to_product(product, token, 4 * CHUNK_BYTES)
            to_sink(pid, port, folder, 4 * CHUNK_BYTES)
            for _ in range(options.rounds):
                floor.append(to_sink(pid, port, folder, size_bytes))
                ours.append(to_product(product, token, size_bytes))
            kept = kept_after_cut(product, token)
    print(f"{options.rounds} × {options.mib} MiB in PATCHes of {CHUNK_BYTES // MiB} MiB\n")
    print(f"{'':10} {'MB/s':>8} {'min':>8} {'max':>8} {'CPU-s per GB':>12} {'RSS rise MiB':>14}")
    show("sink", floor)
    show("Reelay", ours)
    print(f"\nkept of a PATCH that was cut at half: {kept:.2%}\n")
    cpu = median(ours, "cpu_seconds_per_gb") / median(floor, "cpu_seconds_per_gb")
    figures = {
        "vs_sink": round(median(ours, "mb_per_second") / median(floor, "mb_per_second"), 3),
        "cpu_vs_sink": round(cpu, 2),
        "rss_growth_mib": round(max(run.rss_growth_mib for run in ours), 1),
        "kept_after_cut": round(kept, 4),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

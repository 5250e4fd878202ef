"""Every hostile file, one by one: what becomes of it, what it reaches, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from media.ffmpeg import limits
from tests.hostile.canary import Canary
from tests.hostile.corpus import CORPUS
from tests.hostile.fuzz import KINDS, MOST_SECONDS, fuzzed
from tests.hostile.handling import Handled, handle

pytestmark = pytest.mark.hostile

#: Less than usual, so that what wants without end is told so sooner.
MEMORY_BYTES = 1 << 30
MOST_OUTPUT_BYTES = 64 << 20

#: Files of the fuzzer for each kind of container; `make fuzz` tries thousands.
FUZZED_PER_KIND = 16


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    made = Canary(tmp_path_factory.mktemp("outside") / "canary")
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def _less_memory() -> Iterator[None]:
    limits.set_usual_memory(MEMORY_BYTES)
    yield
    limits.set_usual_memory(limits.USUAL_MEMORY_BYTES)


def check_bounds(handled: Handled, work_dir: Path, canary: Canary) -> None:
    assert canary.touched == []
    assert handled.memory_bytes < MEMORY_BYTES
    assert handled.output_bytes < MOST_OUTPUT_BYTES
    assert handled.seconds < MOST_SECONDS
    for made in work_dir.rglob("*"):
        if made.is_file():
            data = made.read_bytes()
            assert canary.secret.encode() not in data
            assert b"pwned" not in data


@pytest.mark.parametrize("name", CORPUS)
def test_a_hostile_file_does_no_harm(name: str, canary: Canary, tmp_path: Path) -> None:
    case = CORPUS[name]
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    handled = handle(case.write(tmp_path, canary), work_dir)
    assert handled.becomes in case.becomes, handled.detail
    assert handled.becomes == "plays" or handled.detail.endswith(".")
    check_bounds(handled, work_dir, canary)
    assert not (canary.folder / "pwned").exists()


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
def test_a_damaged_file_does_no_harm(kind: int, canary: Canary, tmp_path: Path) -> None:
    for round_ in range(FUZZED_PER_KIND):
        number = round_ * len(KINDS) + kind
        suffix, data = fuzzed(number)
        source = tmp_path / f"{number}.{suffix}"
        source.write_bytes(data)
        work_dir = tmp_path / str(number)
        work_dir.mkdir()
        handled = handle(source, work_dir)
        assert handled.becomes == "plays" or handled.detail.endswith("."), number
        check_bounds(handled, work_dir, canary)


def test_there_are_enough_of_them() -> None:
    assert len(CORPUS) >= 60


def test_the_canary_notices(tmp_path: Path) -> None:
    """Or all of the above would prove nothing."""
    import socket
    import time

    canary = Canary(tmp_path / "canary")
    socket.create_connection(("127.0.0.1", canary.port)).close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", canary.udp_port))
    canary.file.read_text()
    deadline = time.monotonic() + 5
    while len({each.split()[0] for each in canary.touched}) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert {each.split()[0] for each in canary.touched} == {"TCP", "UDP", "a"}
    canary.close()

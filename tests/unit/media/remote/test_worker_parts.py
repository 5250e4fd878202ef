"""The parts of a remote worker that need no server: keys, signatures, the cache, its folder."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from media.remote import signing
from media.remote.errors import NoRoom
from media.remote.home import home
from media.remote.signing import Key, NotAKey, is_genuine, is_timely, read, sign
from media.remote.sources import SourceFacts, Sources
from media.remote.work import ranges_of
from media.workshop.recording import gaps
from tests.product import ROOT

KEY = Key(uuid.UUID("60e98f58-93d6-4f66-988e-0c8e63e47508"), bytes(range(32)))


# --- Signatures ----------------------------------------------------------------------------------


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_a_signature_holds_for_this_request_and_no_other() -> None:
    signed = read(lower(sign(KEY, method="POST", path="/worker/claim", body=b"{}", now=1e9)))
    assert signed is not None

    def holds(method: str = "POST", path: str = "/worker/claim", body: bytes = b"{}") -> bool:
        return is_genuine(signed, KEY.secret, method=method, path=path, body=body)

    assert holds()
    assert not holds(method="PUT")
    assert not holds(path="/worker/callback")
    assert not holds(body=b"{} ")
    assert not is_genuine(signed, bytes(32), method="POST", path="/worker/claim", body=b"{}")
    for changed in (
        replace(signed, timestamp=signed.timestamp + 1),
        replace(signed, nonce="0" * 32),
        replace(signed, signature=""),
        replace(signed, signature="ü"),
    ):
        assert not is_genuine(changed, KEY.secret, method="POST", path="/worker/claim", body=b"{}")


def test_the_signature_is_the_documented_one() -> None:
    """Somebody who writes a worker of their own has nothing but docs/remote-workers.md."""
    import hashlib
    import hmac

    headers = sign(KEY, method="POST", path="/worker/claim", body=b"{}", now=1_700_000_000.9)
    lines = [
        "reelay-worker-1",
        "POST",
        "/worker/claim",
        "1700000000",
        headers["X-Worker-Nonce"],
        hashlib.sha256(b"{}").hexdigest(),
    ]
    expected = hmac.new(KEY.secret, "\n".join(lines).encode(), hashlib.sha256).hexdigest()
    assert headers["X-Worker-Signature"] == expected
    assert headers["X-Worker-Server"] == str(KEY.server_id)


def test_clocks_may_differ_by_a_minute() -> None:
    signed = read(lower(sign(KEY, method="POST", path="/", body=b"", now=1e9)))
    assert signed is not None
    assert is_timely(signed, 1e9 + signing.SKEW_SECONDS)
    assert not is_timely(signed, 1e9 + signing.SKEW_SECONDS + 1)
    assert not is_timely(signed, 1e9 - signing.SKEW_SECONDS - 1)


@pytest.mark.parametrize("text", ["", "x", f"{KEY}"[:-2], f"{KEY}."[1:], "a.b", f"{KEY} x"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NotAKey):
        Key.parse(text)


# --- What is made --------------------------------------------------------------------------------


def test_numbers_become_ranges_and_gaps() -> None:
    assert ranges_of({5, 1, 2, 3}) == [(1, 3), (5, 5)]
    assert gaps(ranges_of({5, 1, 2, 3}), 8) == [(0, 0), (4, 4), (6, 7)]


# --- Sources -------------------------------------------------------------------------------------


def facts(name: str, size_bytes: int = 10) -> SourceFacts:
    return SourceFacts(video_id=name, tag="t", size_bytes=size_bytes, extension="mp4")


def fetching(calls: list[str], size_bytes: int = 10) -> Callable[[Path], None]:
    def fetch(into: Path) -> None:
        calls.append(into.name)
        into.write_bytes(b"x" * size_bytes)

    return fetch


def test_a_source_is_fetched_once_and_kept(tmp_path: Path) -> None:
    calls: list[str] = []
    sources = Sources(tmp_path, max_bytes=100)
    for _ in range(3):
        with sources.using(facts("a"), fetching(calls)) as path:
            assert path.read_bytes() == b"x" * 10
    assert len(calls) == 1
    with Sources(tmp_path, max_bytes=100).using(facts("a"), fetching(calls)):
        assert len(calls) == 1


def test_the_one_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    calls: list[str] = []
    sources = Sources(tmp_path, max_bytes=25)
    for name in ("a", "b"):
        with sources.using(facts(name), fetching(calls)) as path:
            os.utime(path, (time.time() - 60 + len(calls),) * 2)
    with sources.using(facts("a"), fetching(calls)), sources.using(facts("c"), fetching(calls)):
        assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["a", "c"]


def test_what_is_in_use_stays_and_there_is_no_room_then(tmp_path: Path) -> None:
    sources = Sources(tmp_path, max_bytes=15)
    with sources.using(facts("a"), fetching([])) as kept:
        with pytest.raises(NoRoom), sources.using(facts("b"), fetching([])):
            pass
        assert kept.exists()
    with pytest.raises(NoRoom), sources.using(facts("big", 16), fetching([])):
        pass


def test_a_fetch_that_broke_off_is_no_source(tmp_path: Path) -> None:
    def broken(into: Path) -> None:
        into.write_bytes(b"half")
        raise OSError("cut")

    sources, calls = Sources(tmp_path, max_bytes=100), list[str]()
    with pytest.raises(OSError, match="cut"), sources.using(facts("a"), broken):
        pass
    with sources.using(facts("a"), fetching(calls)):
        assert calls
    (tmp_path / "b.part").write_bytes(b"half")
    Sources(tmp_path, max_bytes=100)
    assert not list(tmp_path.glob("*.part"))


# --- The folder ----------------------------------------------------------------------------------


def test_two_workers_have_a_folder_each_and_the_killed_one_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib\n"
        "from media.remote.home import home\n"
        f"with home(pathlib.Path({str(tmp_path)!r})) as folder:\n"
        "    (folder / '.work' / 'x').mkdir(parents=True)\n"
        "    print(folder.name, flush=True)\n"
        "    time.sleep(60)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"0"
        with home(tmp_path) as mine:
            assert mine.name == "1"
            assert (tmp_path / "0" / ".work" / "x").exists()
    finally:
        other.kill()
        other.communicate()
    with home(tmp_path) as mine:
        assert (mine.name, list(mine.glob(".work/*"))) == ("0", [])

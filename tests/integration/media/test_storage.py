"""What every store promises."""

import errno
import fcntl
import multiprocessing
import os
import resource
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.storage.errors import BytesMissing, StorageFull, TooLate
from media.storage.local import LocalStore
from media.storage.memory import MemoryStore
from media.storage.protocol import Store

KEY = "videos/0c9e/source.mp4"
PART = "uploads/0c9e.part"


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return LocalStore(tmp_path) if request.param == "local" else MemoryStore()


def soon() -> float:
    return time.monotonic() + 5


def write(store: Store, offset_bytes: int, *data: bytes, until: float | None = None) -> None:
    part = store.open_part(PART)
    try:
        part.write(offset_bytes, data, until=until or soon())
    finally:
        part.close()


def read(store: Store, key: str = KEY) -> bytes:
    file, _facts = store.open(key)
    with file:
        return file.read()


def published(store: Store, size_bytes: int) -> bytes:
    store.publish_part(PART, KEY, size_bytes=size_bytes)
    return read(store)


def test_an_object_comes_back_with_its_size(store: Store) -> None:
    store.put_bytes(KEY, b"hello")
    file, facts = store.open(KEY)
    with file:
        file.seek(1)
        assert file.read(3) == b"ell"
    assert facts.size_bytes == 5
    assert store.facts(KEY) == facts


def test_the_tag_changes_with_the_bytes(store: Store) -> None:
    store.put_bytes(KEY, b"hello")
    before = store.facts(KEY)
    store.put_bytes(KEY, b"you")
    assert store.facts(KEY) != before


def test_a_file_is_published_by_moving_it(store: Store) -> None:
    with store.work_dir() as folder:
        made = folder / "made"
        made.write_bytes(b"hello")
        store.put_file(KEY, made)
        assert not made.exists()
    assert not folder.exists()
    assert read(store) == b"hello"


def test_a_private_folder_that_is_in_use_is_not_swept(store: Store) -> None:
    with store.work_dir() as folder:
        (folder / "made").write_bytes(b"hello")
        assert store.sweep_work(60.0) == 0
        assert (folder / "made").exists()


def test_the_private_folder_of_a_killed_process_is_swept_long_before_others(
    tmp_path: Path,
) -> None:
    store, long_ago = LocalStore(tmp_path), time.time() - 600
    child = multiprocessing.get_context("spawn").Process(target=_work_for_ever, args=(tmp_path,))
    child.start()
    with store.work_dir() as mine:
        theirs = _until_another(mine)
        for folder in (mine, theirs):
            os.utime(folder, (long_ago, long_ago))
        assert store.sweep_work(3600) == 0
        child.kill()
        child.join()
        assert store.sweep_work(3600) == 1
        assert (mine.exists(), theirs.exists()) == (True, False)


def _work_for_ever(root: Path) -> None:
    with LocalStore(root).work_dir():
        time.sleep(60)


def _until_another(mine: Path) -> Path:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for folder in mine.parent.iterdir():
            if folder != mine:
                time.sleep(0.2)  # until it has locked it
                return folder
        time.sleep(0.02)
    raise AssertionError("the other process does not work")


def test_without_locks_a_folder_is_swept_when_nobody_has_written_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_descriptor: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    store = LocalStore(tmp_path)
    with store.work_dir() as folder:
        long_ago = time.time() - 600
        os.utime(folder, (long_ago, long_ago))
        assert store.sweep_work(3600) == 0
        assert store.sweep_work(300) == 1


def test_what_is_not_there_is_not_found(store: Store) -> None:
    assert store.facts(KEY) is None
    with pytest.raises(FileNotFoundError):
        store.open(KEY)
    store.delete(KEY)
    store.delete_folder("videos/0c9e")


def test_deleting_a_folder_leaves_the_one_with_a_longer_name(store: Store) -> None:
    store.put_bytes("hls/1/1/720p/0.m4s", b"gone")
    store.put_bytes("hls/12/1/720p/0.m4s", b"stays")
    assert store.folders("hls") == ["1", "12"]
    store.delete_folder("hls/1")
    assert store.facts("hls/1/1/720p/0.m4s") is None
    assert read(store, "hls/12/1/720p/0.m4s") == b"stays"


@pytest.mark.parametrize(
    "key", ["", "/", "/etc/passwd", "a/../b", "..", "a//b", "a/", ".work/x", "a b"]
)
def test_keys_that_we_do_not_make_are_refused(store: Store, key: str) -> None:
    for use in (store.delete, store.delete_folder, store.open, store.facts, store.open_part):
        with pytest.raises(ValueError, match="not a storage key"):
            use(key)


def test_a_part_is_written_piece_by_piece_and_published(store: Store) -> None:
    write(store, 0, b"hel", b"", b"lo ")
    write(store, 6, b"you")
    assert store.facts(KEY) is None
    assert published(store, 9) == b"hello you"


def test_bytes_past_the_agreed_offset_are_written_over(store: Store) -> None:
    write(store, 0, b"hello XXXXXXX")
    write(store, 6, b"you")
    assert published(store, 9) == b"hello you"


def test_publishing_twice_is_the_same_as_publishing_once(store: Store) -> None:
    write(store, 0, b"hello")
    assert published(store, 5) == published(store, 5) == b"hello"


def test_publishing_what_never_was_is_an_error(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.publish_part(PART, KEY, size_bytes=5)


def test_an_empty_upload_can_be_published(store: Store) -> None:
    store.open_part(PART).close()
    assert published(store, 0) == b""


def test_a_deleted_part_is_gone(store: Store) -> None:
    write(store, 0, b"hello")
    store.delete(PART)
    with pytest.raises(FileNotFoundError):
        store.publish_part(PART, KEY, size_bytes=5)


def test_parts_are_listed_until_they_are_published_or_deleted(store: Store) -> None:
    assert store.parts("uploads") == []
    other = "uploads/1d4a.part"
    store.open_part(other).close()
    write(store, 0, b"hello")
    assert store.parts("uploads") == [PART, other]
    published(store, 5)
    assert store.parts("uploads") == [other]
    store.delete(other)
    assert store.parts("uploads") == []


def test_a_write_that_comes_too_late_writes_nothing(store: Store) -> None:
    write(store, 0, b"hello")
    with pytest.raises(TooLate):
        write(store, 0, b"XXXXX", until=time.monotonic() - 1)
    assert published(store, 5) == b"hello"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.binary(max_size=200), max_size=20), st.integers(0, 10))
def test_whatever_the_pieces_the_bytes_are_the_same(
    store: Store, pieces: list[bytes], split: int
) -> None:
    write(store, 0, *pieces[:split])
    write(store, sum(map(len, pieces[:split])), *pieces[split:])
    whole = b"".join(pieces)
    assert published(store, len(whole)) == whole


def test_more_buffers_than_the_kernel_takes_at_once(store: Store) -> None:
    write(store, 0, *[b"x"] * 3000)
    assert published(store, 3000) == b"x" * 3000


def test_a_part_never_has_a_hole(store: Store) -> None:
    write(store, 0, b"hello")
    with pytest.raises(BytesMissing) as caught:
        write(store, 6, b"you")
    assert caught.value.size_bytes == 5
    with pytest.raises(BytesMissing):
        store.publish_part(PART, KEY, size_bytes=6)
    assert published(store, 5) == b"hello"


def test_there_is_room_before_anything_is_stored(store: Store) -> None:
    assert store.free_bytes() > 0


def test_the_reserve_does_not_count_as_room(tmp_path: Path) -> None:
    assert LocalStore(tmp_path / "new", reserve_bytes=1 << 60).free_bytes() == 0


def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    assert_full(MemoryStore(size_bytes=4))
    assert_full(LocalStore(tmp_path, reserve_bytes=1 << 60))


def assert_full(store: Store) -> None:
    with pytest.raises(StorageFull):
        write(store, 0, b"hello")


def test_a_disk_that_fills_up_in_the_middle_is_told_apart(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(
        target=_fill_up, args=(tmp_path,), daemon=True
    )
    child.start()
    child.join(20)
    assert child.exitcode == 0


def _fill_up(root: Path) -> None:
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    try:
        write(LocalStore(root), 0, b"x" * 10_000)
    except StorageFull:
        os._exit(0)
    os._exit(1)


def test_room_that_was_found_ahead_is_given_back(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write(store, 0, b"x" * 5000)
    ahead = store.path(PART).stat()
    assert ahead.st_size == 5000
    published(store, 5000)
    assert store.path(KEY).stat().st_blocks * 512 < 64 * 1024


def test_no_room_is_taken_from_the_reserve(tmp_path: Path) -> None:
    free_bytes = LocalStore(tmp_path).free_bytes()
    store = LocalStore(tmp_path, reserve_bytes=free_bytes - 8 * 1024 * 1024)
    write(store, 0, b"x" * 5000)
    assert store.path(PART).stat().st_blocks * 512 < 64 * 1024


def test_a_writer_waits_for_its_turn_across_processes(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first, second = store.open_part(PART), store.open_part(PART)
    with first._turn(soon()):
        began = time.monotonic()
        with pytest.raises(TooLate):
            second.write(0, [b"hello"], until=began + 0.1)
    second.write(0, [b"hello"], until=soon())
    first.close()
    second.close()
    assert published(store, 5) == b"hello"

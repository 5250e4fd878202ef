"""Objects in a folder of this machine: keys are paths below it.

    videos/{video_id}/source.mp4
    hls/{video_id}/{plan}/{rung}/{n}.m4s
    uploads/{upload_id}.part               what has arrived of an upload
    .work/…                                private folders of those who make objects

Objects appear whole or not at all: they are made in `.work` and published by one rename on the
same file system.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from media.storage.errors import BytesMissing, StorageFull, TooLate
from media.storage.keys import checked_key
from media.storage.protocol import ObjectFacts

_libc = ctypes.CDLL(None)

#: The kernel takes so many buffers in one call.
_IOV_MAX = 1024
#: How much of a part is handed to the disk at a time, long before anybody waits for it.
_WRITE_BACK_BYTES = 1024 * 1024
#: sync_file_range(2): start writing, wait for nothing.
_SYNC_FILE_RANGE_WRITE = 2
#: How much room for a part is asked for at a time. File systems take a third less processor time
#: to fill blocks that they have found before, and a long file stays in few pieces.
_RUN_BYTES = 32 * 1024 * 1024
#: A private folder that is so old has been locked by its process, if that is alive.
_LOCKED_WITHIN_SECONDS = 5.0
#: fallocate(2): the file is as long as what was written.
_FALLOC_FL_KEEP_SIZE = 1


class LocalStore:
    """Objects below `root`. Uploads leave `reserve_bytes` of the disk free for everybody else."""

    def __init__(self, root: Path, *, reserve_bytes: int = 0) -> None:
        self.root = root
        self.reserve_bytes = reserve_bytes

    def path(self, key: str) -> Path:
        """Where the object is, or would be. Raises ValueError for keys that we do not make."""
        return self.root / checked_key(key)

    def put_file(self, key: str, made: Path) -> None:
        """Publish a finished file by moving it here; replaces what is there, never half."""
        target = self.path(key)
        try:
            made.replace(target)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.replace(target)

    def put_bytes(self, key: str, data: bytes) -> None:
        """Publish a few bytes."""
        with self.work_dir() as folder:
            made = folder / "object"
            made.write_bytes(data)
            self.put_file(key, made)

    def facts(self, key: str) -> ObjectFacts | None:
        """Size and tag of an object, or None where there is none."""
        try:
            return _facts(self.path(key).stat())
        except FileNotFoundError:
            return None

    def open(self, key: str) -> tuple[BinaryIO, ObjectFacts]:
        """An object to read from, which the caller closes. Raises FileNotFoundError."""
        file = self.path(key).open("rb", buffering=0)
        return file, _facts(os.fstat(file.fileno()))

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        self.path(key).unlink(missing_ok=True)

    def delete_folder(self, key: str) -> None:
        """Remove every object below `key`."""
        shutil.rmtree(self.path(key), ignore_errors=True)

    def folders(self, key: str) -> list[str]:
        """The names directly below `key`."""
        try:
            return sorted(entry.name for entry in os.scandir(self.path(key)) if entry.is_dir())
        except FileNotFoundError:
            return []

    @contextmanager
    def work_dir(self) -> Iterator[Path]:
        """A private folder from which `put_file` is one rename; gone afterwards."""
        parent = self.root / ".work"
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, ignore_cleanup_errors=True) as folder:
            # The kernel lets go of it with the process, so `sweep_work` knows who is alive.
            descriptor = _lock(Path(folder), fcntl.LOCK_EX)
            try:
                yield Path(folder)
            finally:
                if descriptor is not None:
                    os.close(descriptor)

    def sweep_work(self, older_than_seconds: float) -> int:
        """Remove private folders whose process is gone; returns how many.

        Where the file system cannot lock, those in which nothing was written for so long.
        """
        swept = 0
        for folder in (self.root / ".work").glob("*"):
            if _is_abandoned(folder, older_than_seconds):
                shutil.rmtree(folder, ignore_errors=True)
                swept += 1
        return swept

    def free_bytes(self) -> int:
        """What is left of the disk, without the reserve."""
        self.root.mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(self.root)
        return max(0, disk.f_bavail * disk.f_frsize - self.reserve_bytes)

    def open_part(self, key: str) -> "LocalPart":
        """The bytes of an unfinished upload, begun where there are none yet."""
        path = self.path(key)
        try:
            return LocalPart(path, reserve_bytes=self.reserve_bytes)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            return LocalPart(path, reserve_bytes=self.reserve_bytes)

    def parts(self, key: str) -> list[str]:
        """The keys of the parts directly below `key`."""
        return sorted(f"{key}/{path.name}" for path in self.path(key).glob("*.part"))

    def publish_part(self, part_key: str, key: str, *, size_bytes: int) -> None:
        """Make the first `size_bytes` of a part the object `key`: one rename, no copy."""
        part, target = self.path(part_key), self.path(key)
        try:
            descriptor = os.open(part, os.O_WRONLY)
        except FileNotFoundError:
            if self.facts(key) is None:
                raise
            return
        try:
            stored_bytes = os.fstat(descriptor).st_size
            if stored_bytes < size_bytes:
                raise BytesMissing(stored_bytes)
            # Bytes beyond are what a crash left behind of a write that was never acknowledged;
            # and there may be room beyond that was never written to.
            os.ftruncate(descriptor, size_bytes)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        try:
            self.put_file(key, part)
        except FileNotFoundError:
            # Somebody else was publishing the same part, and was faster.
            if self.facts(key) is None:
                raise
        for folder in (target.parent, target.parent.parent, part.parent):
            _sync_folder(folder)


class LocalPart:
    """A file that is written by one writer at a time, wherever the others run."""

    def __init__(self, path: Path, *, reserve_bytes: int) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        self._reserve_bytes = reserve_bytes
        self._dirty_from: int | None = None

    def write(self, offset_bytes: int, data: Sequence[bytes | memoryview], *, until: float) -> None:
        """Store all of `data` from `offset_bytes` on. Raises StorageFull, TooLate, BytesMissing."""
        size_bytes = sum(map(len, data))
        with self._turn(until):
            stored = os.fstat(self._descriptor)
            if stored.st_size < offset_bytes:
                raise BytesMissing(stored.st_size)
            self._make_room(offset_bytes, size_bytes, is_allocated_to=stored.st_blocks * 512)
            try:
                _write_all(self._descriptor, data, offset_bytes)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise StorageFull from error
                raise
        self._start_writing_back(offset_bytes, offset_bytes + size_bytes)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _start_writing_back(self, start: int, end: int) -> None:
        """Let the disk begin while bytes still come, so that little is left for the end."""
        if self._dirty_from is None:
            self._dirty_from = start
        if end - self._dirty_from >= _WRITE_BACK_BYTES:
            _sync_file_range(self._descriptor, self._dirty_from, end - self._dirty_from)
            self._dirty_from = end

    @contextmanager
    def _turn(self, until: float) -> Iterator[None]:
        """Hold the lock of the file; the kernel releases it with a process that dies."""
        while True:
            if time.monotonic() > until:
                raise TooLate
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.01)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _make_room(self, offset_bytes: int, size_bytes: int, *, is_allocated_to: int) -> None:
        """Refuse what the disk has no room for; find room for the next writes as well."""
        disk = os.fstatvfs(self._descriptor)
        free_bytes = disk.f_bavail * disk.f_frsize - self._reserve_bytes
        if free_bytes < size_bytes:
            raise StorageFull
        if is_allocated_to < offset_bytes + size_bytes and free_bytes >= _RUN_BYTES + size_bytes:
            _allocate(self._descriptor, offset_bytes, _RUN_BYTES)


def _write_all(descriptor: int, data: Sequence[bytes | memoryview], offset_bytes: int) -> None:
    """Write all buffers with as few system calls as the kernel needs."""
    left = [memoryview(piece) for piece in data if piece]
    while left:
        written = os.pwritev(descriptor, left[:_IOV_MAX], offset_bytes)
        offset_bytes += written
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]


def _sync_file_range(descriptor: int, offset: int, size: int) -> None:
    # Only Linux has it, and Python has no name for it. A hint: what it answers does not matter.
    call = getattr(_libc, "sync_file_range", None)
    if call is not None:
        call(
            ctypes.c_int(descriptor),
            ctypes.c_int64(offset),
            ctypes.c_int64(size),
            ctypes.c_uint(_SYNC_FILE_RANGE_WRITE),
        )


def _allocate(descriptor: int, offset: int, size: int) -> None:
    # As above. Where a file system cannot do it, it finds room when it is written to.
    call = getattr(_libc, "fallocate", None)
    if call is not None:
        call(
            ctypes.c_int(descriptor),
            ctypes.c_int(_FALLOC_FL_KEEP_SIZE),
            ctypes.c_int64(offset),
            ctypes.c_int64(size),
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _facts(status: os.stat_result) -> ObjectFacts:
    return ObjectFacts(size_bytes=status.st_size, tag=f"{status.st_mtime_ns:x}-{status.st_size:x}")


def _lock(folder: Path, how: int) -> int | None:
    """A descriptor that holds the lock of `folder`; None where there are no such locks.

    With LOCK_NB it raises BlockingIOError while somebody else holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_abandoned(folder: Path, older_than_seconds: float) -> bool:
    try:
        descriptor = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return False  # its process has just removed it
    if descriptor is not None:
        os.close(descriptor)
        older_than_seconds = _LOCKED_WITHIN_SECONDS
    return _last_written(folder) < time.time() - older_than_seconds


def _last_written(folder: Path) -> float:
    times = []
    for path in (folder, *folder.rglob("*")):
        try:
            times.append(path.stat().st_mtime)
        except FileNotFoundError:
            # It has just been moved to its place, so somebody is at work.
            return time.time()
    return max(times)

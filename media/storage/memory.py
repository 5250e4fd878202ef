"""Objects in the memory of one process, for tests."""

import hashlib
import io
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from media.storage.errors import BytesMissing, StorageFull, TooLate
from media.storage.keys import checked_key
from media.storage.protocol import ObjectFacts


class MemoryStore:
    """Behaves like a LocalStore on a disk of `size_bytes`."""

    def __init__(self, *, size_bytes: int = 1 << 40) -> None:
        self.size_bytes = size_bytes
        self._objects: dict[str, bytes] = {}
        self._parts: dict[str, bytearray] = {}
        self._turn = threading.Lock()

    def put_file(self, key: str, made: Path) -> None:
        """Publish a finished file by moving it here."""
        self.put_bytes(key, made.read_bytes())
        made.unlink()

    def put_bytes(self, key: str, data: bytes) -> None:
        """Publish a few bytes."""
        self._objects[checked_key(key)] = data

    def facts(self, key: str) -> ObjectFacts | None:
        """Size and tag of an object, or None where there is none."""
        data = self._objects.get(checked_key(key))
        return None if data is None else _facts(data)

    def open(self, key: str) -> tuple[BinaryIO, ObjectFacts]:
        """An object to read from. Raises FileNotFoundError."""
        data = self._objects.get(checked_key(key))
        if data is None:
            raise FileNotFoundError(key)
        return io.BytesIO(data), _facts(data)

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        self._objects.pop(checked_key(key), None)
        self._parts.pop(key, None)

    def delete_folder(self, key: str) -> None:
        """Remove every object below `key/`."""
        prefix = f"{checked_key(key)}/"
        for objects in (self._objects, self._parts):
            for found in [each for each in objects if each.startswith(prefix)]:
                del objects[found]

    def folders(self, key: str) -> list[str]:
        """The names of the folders directly below `key`."""
        prefix = f"{checked_key(key)}/"
        below = (each.removeprefix(prefix) for each in self._objects if each.startswith(prefix))
        return sorted({each.partition("/")[0] for each in below if "/" in each})

    @contextmanager
    def work_dir(self) -> Iterator[Path]:
        """A private folder; gone afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)

    def sweep_work(self, older_than_seconds: float) -> int:
        """Nothing: this store and its private folders end together."""
        return 0

    def free_bytes(self) -> int:
        """What is left."""
        stored = [*self._objects.values(), *self._parts.values()]
        return self.size_bytes - sum(map(len, stored))

    def open_part(self, key: str) -> "MemoryPart":
        """The bytes of an unfinished upload, begun where there are none yet."""
        return MemoryPart(
            self._parts.setdefault(checked_key(key), bytearray()), self._turn, self.size_bytes
        )

    def parts(self, key: str) -> list[str]:
        """The keys of the parts directly below `key`."""
        prefix = f"{checked_key(key)}/"
        return sorted(each for each in self._parts if each.startswith(prefix))

    def publish_part(self, part_key: str, key: str, *, size_bytes: int) -> None:
        """Make the first `size_bytes` of a part the object `key`."""
        part = self._parts.get(checked_key(part_key))
        if part is not None:
            if len(part) < size_bytes:
                raise BytesMissing(len(part))
            self._objects[checked_key(key)] = bytes(part[:size_bytes])
            del self._parts[part_key]
        elif checked_key(key) not in self._objects:
            raise FileNotFoundError(part_key)


class MemoryPart:
    """Bytes that are written by one writer at a time."""

    def __init__(self, data: bytearray, turn: threading.Lock, size_bytes: int) -> None:
        self._data = data
        self._turn = turn
        self._size_bytes = size_bytes

    def write(self, offset_bytes: int, data: Sequence[bytes | memoryview], *, until: float) -> None:
        """Store all of `data` from `offset_bytes` on."""
        with self._turn:
            if time.monotonic() > until:
                raise TooLate
            end = offset_bytes + sum(map(len, data))
            if end > self._size_bytes:
                raise StorageFull
            if len(self._data) < offset_bytes:
                raise BytesMissing(len(self._data))
            self._data[offset_bytes:end] = b"".join(data)

    def close(self) -> None:
        """Do nothing."""


def _facts(data: bytes) -> ObjectFacts:
    return ObjectFacts(size_bytes=len(data), tag=hashlib.sha256(data).hexdigest()[:16])

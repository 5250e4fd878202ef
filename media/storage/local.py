"""Objects in a folder of this machine: keys are paths below it.

    videos/{video_id}/source.mp4
    hls/{video_id}/{plan}/{rung}/{n}.m4s
    .work/…                                private folders of those who make objects

Objects appear whole or not at all: they are made in `.work` and published by one rename on the
same file system.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_KEY = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class ObjectFacts:
    """What is known of an object without reading it. `tag` changes when its bytes do."""

    size_bytes: int
    tag: str


class LocalStore:
    """Objects below `root`. Safe to use from many threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Where the object is, or would be. Raises ValueError for keys that we do not make."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a storage key: {key!r}")
        return self.root / key

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
            yield Path(folder)


def _facts(status: os.stat_result) -> ObjectFacts:
    return ObjectFacts(size_bytes=status.st_size, tag=f"{status.st_mtime_ns:x}-{status.st_size:x}")

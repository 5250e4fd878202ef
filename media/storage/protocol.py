"""What a store can do, whatever is behind it. Safe to use from many threads and processes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, kw_only=True)
class ObjectFacts:
    """What is known of an object without reading it. `tag` changes when its bytes do."""

    size_bytes: int
    tag: str


class Part(Protocol):
    """The bytes of an upload that is not finished; its holder closes it."""

    def write(self, offset_bytes: int, data: Sequence[bytes | memoryview], *, until: float) -> None:
        """Store all of `data` from `offset_bytes` on, over what is there.

        Only one write at a time is in progress, whoever else has the part open. `until`
        is a time of `time.monotonic()`: a write that cannot begin before it raises TooLate,
        so a writer whose lease has ended does not touch what the next one has stored. Raises
        StorageFull; how much of `data` is stored then is not known. Raises BytesMissing when
        the part ends before `offset_bytes`: no part ever has a hole.
        """

    def close(self) -> None:
        """Release what the part holds open; what was written stays."""


class Store(Protocol):
    """Objects under keys like `videos/{id}/source.mp4`. They appear whole or not at all.

    Keys that we do not make (empty, absolute, with `..`) raise ValueError.
    """

    def put_file(self, key: str, made: Path) -> None:
        """Publish a finished file by moving it here; replaces what is there, never half."""

    def put_bytes(self, key: str, data: bytes) -> None:
        """Publish a few bytes."""

    def facts(self, key: str) -> ObjectFacts | None:
        """Size and tag of an object, or None where there is none."""

    def open(self, key: str) -> tuple[BinaryIO, ObjectFacts]:
        """An object to read and to seek in, which the caller closes; or FileNotFoundError."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""

    def delete_folder(self, key: str) -> None:
        """Remove every object below `key/`, and no other."""

    def folders(self, key: str) -> list[str]:
        """The names of the folders directly below `key`."""

    def work_dir(self) -> AbstractContextManager[Path]:
        """A private folder from which `put_file` is cheap; gone afterwards."""

    def sweep_work(self, older_than_seconds: float) -> int:
        """Remove the private folders of processes that were killed; returns how many.

        Where a store cannot know, those are what nobody has written to for `older_than_seconds`,
        which is longer than anybody works without writing.
        """

    def free_bytes(self) -> int:
        """How much more can be stored now, as far as anybody knows."""

    def open_part(self, key: str) -> Part:
        """The bytes of an unfinished upload, begun where there are none yet."""

    def parts(self, key: str) -> list[str]:
        """The keys of the parts directly below `key`."""

    def publish_part(self, part_key: str, key: str, *, size_bytes: int) -> None:
        """Make the first `size_bytes` of a part the object `key`, without copying them.

        When this returns the object survives the loss of power. Doing it again is no error.
        Raises FileNotFoundError where there is neither the part nor the object, and
        BytesMissing when the part is shorter.
        """

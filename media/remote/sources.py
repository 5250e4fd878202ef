"""Sources that a remote worker has fetched: whole files, in a folder of bounded size.

ffmpeg has no network, so a source is fetched before it is read. It stays for the next piece of the
same video, until others need the room.
"""

import logging
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from media.remote.errors import NoRoom

logger = logging.getLogger(__name__)

#: Free space that the cache leaves for what is made.
SPARE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """Which bytes are meant: another tag is another source."""

    video_id: str
    tag: str
    size_bytes: int
    extension: str

    @property
    def name(self) -> str:
        """The name of the file here."""
        return f"{self.video_id}-{self.tag}.{self.extension}"


class Sources:
    """The folder. Several slots may ask for one source; one fetches it, the others wait."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._users: Counter[str] = Counter()
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob("*.part"):
            part.unlink()

    @contextmanager
    def using(self, facts: SourceFacts, fetch: Callable[[Path], None]) -> Iterator[Path]:
        """The source, fetched if it is not here; kept for the length of the block.

        Raises NoRoom, or what `fetch` raises.
        """
        with self._lock:
            self._users[facts.name] += 1
        try:
            yield self._get(facts, fetch)
        finally:
            with self._lock:
                self._users[facts.name] -= 1

    def _get(self, facts: SourceFacts, fetch: Callable[[Path], None]) -> Path:
        path = self._folder / facts.name
        with self._lock:
            fetching = self._locks[facts.name]
        with fetching:
            if path.exists():
                os.utime(path)
                return path
            part = path.with_name(f"{path.name}.part")
            self._make_room(facts.size_bytes)
            fetch(part)
            part.replace(path)
            logger.info("source fetched", extra={"video": facts.video_id})
        return path

    def _make_room(self, size_bytes: int) -> None:
        """Remove what was not used for longest until there is room. Raises NoRoom."""
        with self._lock:
            kept = sorted(self._folder.iterdir(), key=lambda each: each.stat().st_mtime)
            total = sum(each.stat().st_size for each in kept)
            for each in kept:
                if total + size_bytes <= self._max_bytes and self._is_free(size_bytes):
                    return
                if not self._users[each.name.removesuffix(".part")]:
                    total -= each.stat().st_size
                    each.unlink()
            if total + size_bytes > self._max_bytes or not self._is_free(size_bytes):
                raise NoRoom(f"no room for a source of {size_bytes} bytes")

    def _is_free(self, size_bytes: int) -> bool:
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize >= size_bytes + SPARE_BYTES

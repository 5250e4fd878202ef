"""One hostile file: what it tries, and what has to become of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.canary import Canary

#: The file may be made into a video; what it tries beside that must not work.
PLAYS = "plays"

Bytes = Callable[[Canary], bytes]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file that `content` makes; `becomes` holds the codes (or PLAYS) that are right for it."""

    name: str
    tries: str
    suffix: str
    content: Bytes
    becomes: frozenset[str]

    def write(self, folder: Path, canary: Canary) -> Path:
        """The file, under the name that the server would give it."""
        path = folder / f"source.{self.suffix}"
        path.write_bytes(self.content(canary))
        return path


def case(name: str, tries: str, content: Bytes, becomes: str | Iterable[str]) -> Case:
    """A case whose name ends in the extension that the server keeps: "what-it-is.mp4"."""
    codes = {becomes} if isinstance(becomes, str) else set(becomes)
    return Case(
        name=name,
        tries=tries,
        suffix=name.rpartition(".")[2],
        content=content,
        becomes=frozenset(codes),
    )

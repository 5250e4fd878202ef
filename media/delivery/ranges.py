"""Byte ranges and validators of HTTP (RFC 9110, 13 and 14), as far as one file needs them."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Unsatisfiable(Exception):
    """The range lies outside of the file: 416."""


@dataclass(frozen=True)
class Span:
    """The bytes from `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes it has."""
        return self.end - self.start


def parse_range(header: str, size_bytes: int) -> Span | None:
    """The bytes that are asked for; None where the whole file is the right answer.

    That is so for several ranges at once and for units that are not bytes, too: a server may
    ignore what it does not want to understand (RFC 9110, 14.2). Raises Unsatisfiable.

    >>> parse_range("bytes=0-99", 1000), parse_range("bytes=900-", 1000)
    (Span(start=0, end=100), Span(start=900, end=1000))
    >>> parse_range("bytes=-10", 1000), parse_range("bytes=0-1,5-6", 1000)
    (Span(start=990, end=1000), None)
    """
    found = _ONE_RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(size_bytes - int(last), 0), size_bytes
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable
    return Span(start, end)


def is_known(if_none_match: str, etag: str) -> bool:
    """Whether the client has these bytes already: 304.

    >>> is_known('W/"a", "b"', '"b"'), is_known("*", '"b"'), is_known('"a"', '"b"')
    (True, True, False)
    """
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags

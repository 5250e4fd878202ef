"""Elements of Matroska (RFC 8794), as far as hostile files need them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

_SEGMENT = 0x18538067
#: What says where other elements are; it would be wrong after a change.
_INDEXES = frozenset({0x114D9B74, 0x1C53BB6B, 0xEC})


def element(name: int, *content: bytes) -> bytes:
    """An element with its length in eight bytes."""
    data = b"".join(content)
    return _name(name) + (1 << 56 | len(data)).to_bytes(8, "big") + data


def number(name: int, value: int) -> bytes:
    """An element that holds an unsigned number."""
    return element(name, value.to_bytes(8, "big"))


def extended(
    data: bytes,
    *more: bytes,
    drop: Collection[int] = (),
    replace: Mapping[int, bytes] | None = None,
) -> bytes:
    """A file with other elements in its segment: some replaced, some dropped, `more` at the end."""
    replace = replace or {}
    (head, _, head_end), (_, start, end) = list(_elements(data, 0, len(data)))[:2]
    assert head == 0x1A45DFA3
    kept = []
    for name, at, inner_end in _elements(data, start, end):
        if name in replace:
            kept.append(replace[name])
        elif name not in drop and name not in _INDEXES:
            kept.append(element(name, data[at:inner_end]))
    return data[:head_end] + element(_SEGMENT, *kept, *more)


def _elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Name, start and end of each element that follows another."""
    while at < end:
        length = 9 - data[at].bit_length()
        name = int.from_bytes(data[at : at + length], "big")
        at += length
        width = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1
        at += width
        stop = end if size == (1 << 7 * width) - 1 else min(at + size, end)
        yield name, at, stop
        at = stop


def _name(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big")

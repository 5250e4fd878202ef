"""When each frame is presented: from the index where it can be trusted, else from all packets.

Runs in the child process only.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, islice, pairwise
from operator import add, itemgetter, le
from pathlib import Path
from typing import Any

from media.ffmpeg.errors import UnreadableMedia
from media.ffmpeg.sample_table import Numbers, TrackTable, read_moov, track_table

#: So many packets are read and compared before the index of a file is trusted.
PACKETS_TO_COMPARE = 48

#: At least so many entries of FFmpeg's index are compared with the tables, all over the file.
_ENTRIES_TO_COMPARE = 2000

#: And all of so many at its beginning and end, where an edit list cuts.
_EDGE_ENTRIES = 64


@dataclass(kw_only=True)
class Packets:
    """The packets of one stream in decoding order, in ticks of its time base."""

    shown_at: Numbers
    sizes: array[int]
    key_indexes: Numbers
    discarded: set[int] = field(default_factory=set)
    positions: Mapping[int, int] = field(default_factory=dict)
    last_duration: int = 0
    descriptions: int = 1

    @cached_property
    def span(self) -> tuple[int, int]:
        """When the first and the last of all are shown. Asked when all are known."""
        times = self.shown_at
        return (times[0], times[-1]) if isinstance(times, range) else (min(times), max(times))

    def presented(self) -> tuple[Numbers, array[int]]:
        """Timestamp and size of each packet that is shown, in the order of showing.

        What is shown before the first keyframe cannot be decoded and is left out.
        """
        times, sizes = self.shown_at, self.sizes
        if self.discarded:
            shown = bytearray(b"\1") * len(times)
            for index in self.discarded:
                shown[index] = 0
            times, sizes = (array("q", compress(numbers, shown)) for numbers in (times, sizes))
        if isinstance(times, array) and not all(map(le, times, islice(times, 1, None))):
            in_order = itemgetter(*sorted(range(len(times)), key=times.__getitem__))
            times, sizes = array("q", in_order(times)), array("q", in_order(sizes))
        first = self.shown_at[self.key_indexes[0]] if self.key_indexes else None
        start = 0 if first is None else bisect_left(times, first)
        return times[start:], sizes[start:]

    def keys(self) -> list[int]:
        """Timestamps of all keyframes, ascending, discarded ones included."""
        return sorted(self.shown_at[index] for index in self.key_indexes)

    def is_closed(self) -> bool:
        """Whether no packet after a keyframe is shown before it, so that GOPs stand alone."""
        keys = set(self.key_indexes)
        _, least = self.span
        for index in range(len(self.shown_at) - 1, -1, -1):
            time = self.shown_at[index]
            if index in keys and least < time:
                return False
            least = min(least, time)
        return True


@dataclass(kw_only=True)
class ReadPackets(Packets):
    """Packets that are read one after the other."""

    shown_at: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    key_indexes: array[int] = field(default_factory=lambda: array("q"))

    def add(self, packet: Any) -> None:
        """Take in a packet of PyAV that has a timestamp."""
        if packet.is_keyframe:
            self.key_indexes.append(len(self.shown_at))
        if packet.is_discard:
            self.discarded.add(len(self.shown_at))
        self.shown_at.append(packet.pts)
        self.sizes.append(packet.size)
        self.last_duration = packet.duration or self.last_duration


@dataclass(frozen=True, kw_only=True)
class IndexedTrack:
    """An MP4 track by its tables, on the clock of those; FFmpeg's index agrees."""

    table: TrackTable
    discarded: set[int]
    positions: Mapping[int, int]

    def settled(self, sample: Packets) -> Packets | None:
        """The packets on the clock of really read ones; None if they disagree.

        FFmpeg moves timestamps by what the edit list says; the first read packets tell by how much.
        """
        table, count = self.table, len(sample.shown_at)
        if not 0 < count <= len(table.decode_times):
            return None
        offset = table.offsets[0] if table.offsets else 0
        shift = sample.shown_at[0] - table.decode_times[0] - offset
        times = _moved(table.decode_times, shift)
        if table.offsets:
            times = array("q", map(add, times, table.offsets))
        keys = table.key_indexes[: bisect_left(table.key_indexes, count)]
        if not (
            list(times[:count]) == list(sample.shown_at)
            and table.sizes[:count] == sample.sizes
            and list(keys) == list(sample.key_indexes)
            and {index for index in self.discarded if index < count} == sample.discarded
        ):
            return None
        return Packets(
            shown_at=times,
            sizes=table.sizes,
            key_indexes=table.key_indexes,
            discarded=self.discarded,
            positions=self.positions,
            last_duration=table.end - table.decode_times[-1],
            descriptions=table.descriptions,
        )


def _moved(times: Numbers, shift: int) -> Numbers:
    if isinstance(times, range):
        return range(times.start + shift, times.stop + shift, times.step)
    return array("q", map(shift.__add__, times)) if shift else times


def from_index(size_bytes: int, stream: Any, moov: bytes | None) -> IndexedTrack | None:
    """A track from its tables; None where there are none, or FFmpeg's index says something else.

    Raises UnreadableMedia if the tables name bytes beyond the end of the file.
    """
    table = track_table(moov, stream.index) if moov else None
    entries = stream.index_entries
    count = len(entries)
    if table is None or not count or count != len(table.decode_times):
        return None
    times, keys = table.decode_times, _looked_up(table.key_indexes)
    shift = entries[0].timestamp - times[0]
    furthest = 0
    discarded = set()
    step = max(count // _ENTRIES_TO_COMPARE, 1) if table.edits <= 1 else 1
    edge = min(_EDGE_ENTRIES, count)
    while True:
        for index in {*range(0, count, step), *range(edge), *range(count - edge, count)}:
            entry = entries[index]
            said = (times[index] + shift, table.sizes[index], index in keys)
            if (entry.timestamp, entry.size, bool(entry.is_keyframe)) != said:
                return None
            furthest = max(furthest, entry.pos + entry.size)
            if entry.is_discard:
                discarded.add(index)
        if step == 1 or not discarded & {edge - 1, count - edge}:
            break
        step = 1  # The edit list cuts off more than an edge: find all of it.
    if furthest > size_bytes:
        raise truncated()
    return IndexedTrack(
        table=table,
        discarded=discarded,
        positions={index: entries[index].pos for index in keys} if len(keys) < count else {},
    )


def _looked_up(numbers: Numbers) -> Collection[int]:
    """The same, in which one is found at once."""
    return numbers if isinstance(numbers, range) else frozenset(numbers)


def moov_of(path: Path, container: str) -> bytes | None:
    """The tables of an MP4 file; None for any other container."""
    return read_moov(path) if container == "mp4" else None


def longest_gap(keys: Sequence[int], end: int) -> int:
    """The longest stretch between keyframes, in ticks."""
    return max((b - a for a, b in pairwise([*keys, end])), default=0)


def truncated() -> UnreadableMedia:
    """The refusal of a file whose index names more than there is."""
    return UnreadableMedia(
        "truncated-file", "The file is incomplete: its end is missing. Upload it again."
    )

"""When each frame is presented: from the index where it can be trusted, else from all packets.

Runs in the child process only.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from media.ffmpeg.errors import UnreadableMedia
from media.ffmpeg.sample_table import read_moov, track_table

#: So many packets are read and compared before the index of a file is trusted.
PACKETS_TO_COMPARE = 48


@dataclass(kw_only=True)
class Packets:
    """The packets of one stream in decoding order, in ticks of its time base."""

    shown_at: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    key_indexes: array[int] = field(default_factory=lambda: array("q"))
    discarded: set[int] = field(default_factory=set)
    positions: Sequence[int] = ()
    last_duration: int = 0
    descriptions: int = 1

    def add(self, packet: Any) -> None:
        """Take in a packet of PyAV that has a timestamp."""
        if packet.is_keyframe:
            self.key_indexes.append(len(self.shown_at))
        if packet.is_discard:
            self.discarded.add(len(self.shown_at))
        self.shown_at.append(packet.pts)
        self.sizes.append(packet.size)
        self.last_duration = packet.duration or self.last_duration

    def presented(self) -> list[tuple[int, int]]:
        """Timestamp and size of each packet that is shown, in the order of showing.

        What is shown before the first keyframe cannot be decoded and is left out.
        """
        first = self.shown_at[self.key_indexes[0]] if self.key_indexes else None
        rows: Iterable[tuple[int, int]] = zip(self.shown_at, self.sizes, strict=True)
        if self.discarded:
            rows = [row for index, row in enumerate(rows) if index not in self.discarded]
        return sorted(row for row in rows if first is None or row[0] >= first)

    def keys(self) -> list[int]:
        """Timestamps of all keyframes, ascending, discarded ones included."""
        return sorted(self.shown_at[index] for index in self.key_indexes)

    def is_closed(self) -> bool:
        """Whether no packet after a keyframe is shown before it, so that GOPs stand alone."""
        keys = set(self.key_indexes)
        least = self.shown_at[-1]
        for index in range(len(self.shown_at) - 1, -1, -1):
            time = self.shown_at[index]
            if index in keys and least < time:
                return False
            least = min(least, time)
        return True


def from_index(path: Path, size_bytes: int, stream: Any, moov: bytes | None) -> Packets | None:
    """The packets of an MP4 track from its tables; None where they do not agree with FFmpeg's.

    Raises UnreadableMedia if the tables name bytes beyond the end of the file.
    """
    table = track_table(moov, stream.index) if moov else None
    entries = stream.index_entries
    if table is None or not len(entries) or len(entries) != len(table.decode_times):
        return None
    shift = entries[0].timestamp - table.decode_times[0]
    packets = Packets(descriptions=table.descriptions)
    positions = array("q")
    for index, (entry, time, offset) in enumerate(
        zip(entries, table.decode_times, table.offsets, strict=True)
    ):
        if entry.timestamp != time + shift:
            return None
        packets.shown_at.append(time + offset)
        packets.sizes.append(entry.size)
        positions.append(entry.pos)
        if entry.is_keyframe:
            packets.key_indexes.append(index)
        if entry.is_discard:
            packets.discarded.add(index)
    if max(p + s for p, s in zip(positions, packets.sizes, strict=True)) > size_bytes:
        raise truncated()
    packets.positions = positions
    packets.last_duration = table.end - table.decode_times[-1]
    return packets


def settle(packets: Packets, sample: Packets) -> bool:
    """Shift `packets` from the index to the clock of really read ones; False if they disagree.

    FFmpeg moves timestamps by what the edit list says; the first read packets tell by how much.
    """
    if not sample.shown_at or len(sample.shown_at) > len(packets.shown_at):
        return False
    shift = sample.shown_at[0] - packets.shown_at[0]
    if shift:
        packets.shown_at = array("q", (time + shift for time in packets.shown_at))
    count = len(sample.shown_at)
    keys = [index for index in packets.key_indexes if index < count]
    return (
        packets.shown_at[:count] == sample.shown_at
        and packets.sizes[:count] == sample.sizes
        and keys == list(sample.key_indexes)
        and {index for index in packets.discarded if index < count} == sample.discarded
    )


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

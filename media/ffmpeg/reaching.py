"""How much of a file has to be there for each moment of its picture. Runs in the child only."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from media.ffmpeg.errors import UnexpectedOutput
from media.ffmpeg.inspecting import open_source

#: Pictures are decoded in another order than they are shown in, and filters look ahead.
MARGIN_SECONDS = 1


def reach(request: dict[str, Any], send: Callable[..., None]) -> None:
    """Answer with the end of the last byte that is needed up to each of `marks`.

    And with the first byte that is needed from each of them on, where decoding begins at a keyframe
    before it. Marks are presented timestamps, ascending. By the index, so none of the bytes has to
    be there; in the order of decoding, whatever the order in the file. The index of Matroska is
    what FFmpeg makes of the keyframes that it reads: where the cluster of each begins.
    """
    with open_source(request["path"]) as source:
        stream = source.streams[request["stream_index"]]
        packets = (packet for packet in source.demux(stream) if packet.dts is not None)
        first = next(packets, None)
        is_clusters = source.format.name.startswith("matroska")
        if is_clusters:
            deque(packets, maxlen=0)
        entries = stream.index_entries
        if first is None or not len(entries):
            raise UnexpectedOutput("the index is empty")
        # What an edit list shifts is shifted in packets, and not in the index.
        shift = first.dts - entries[0].timestamp
        times = [entry.timestamp + shift for entry in entries]
        positions = [entry.pos for entry in entries]
        if is_clusters:
            ends = _ends_of_clusters(positions, source.size)
        else:
            ends = list(accumulate((entry.pos + entry.size for entry in entries), max))
        keys = [index for index, entry in enumerate(entries) if entry.is_keyframe]
        margin = round(MARGIN_SECONDS / stream.time_base)
    last = len(ends) - 1
    found = [ends[min(bisect_left(times, mark + margin), last)] for mark in request["marks"]]
    firsts = list(accumulate(reversed(positions), min))[::-1]
    starts = [firsts[_key_before(times, keys, mark - margin)] for mark in request["marks"]]
    send({"reaches": found, "starts": starts})


def _ends_of_clusters(positions: Sequence[int], size_bytes: int) -> list[int]:
    """For each keyframe the end of its cluster, at the latest; then that of all there is."""
    following = [*positions, size_bytes]
    return [following[bisect_right(positions, position)] for position in following]


def _key_before(times: Sequence[int], keys: Sequence[int], mark: int) -> int:
    """The last keyframe up to `mark`, wherever exactly a seek would land; else the first packet."""
    at = bisect_right(keys, mark, key=times.__getitem__) - 1
    return keys[at] if at >= 0 else 0

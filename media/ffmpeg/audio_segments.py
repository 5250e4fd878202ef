"""Cut the sound that ffmpeg writes, while it writes it, into the planned segments."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from media.ffmpeg.boxes import read_media, split, write_audio
from media.ffmpeg.errors import UnexpectedOutput
from media.ffmpeg.plan import AUDIO, AUDIO_FRAME_SAMPLES, AudioPlan

#: A fragment of half a second of sound; a box that says it is longer is not waited for.
_MOST_BOX_BYTES = 16 << 20


class AudioSegmenter:
    """Takes in a fragmented MP4 as it comes, and writes a segment as soon as it is complete."""

    def __init__(
        self,
        audio: AudioPlan,
        *,
        first: int,
        last: int,
        work_dir: Path,
        announce: Callable[[int, Path, int], bool],
    ) -> None:
        self.next_number = first
        self.was_stopped = False
        self._audio = audio
        self._last = last
        self._work_dir = work_dir
        self._announce = announce
        self._data = bytearray()
        self._fragment = b""
        self._sizes: list[int] = []
        self._payload = bytearray()
        self._expected = audio.marks[first]

    def feed(self, data: bytes) -> bool:
        """Take in some more; False when nothing more is wanted."""
        self._data += data
        while (box := self._next_box()) is not None:
            self._take(box)
            while self._is_segment_full():
                if not self._write_segment():
                    return False
        return True

    def _next_box(self) -> bytes | None:
        if len(self._data) < 8:
            return None
        (size,) = struct.unpack_from(">I", self._data)
        if not 8 <= size <= _MOST_BOX_BYTES:
            raise UnexpectedOutput(f"a box of the sound has {size} bytes")
        if len(self._data) < size:
            return None
        box = bytes(self._data[:size])
        del self._data[:size]
        return box

    def _take(self, box: bytes) -> None:
        name = box[4:8]
        self._fragment += box
        if name == b"moov":
            init = split(self._fragment)[0]
            if self._audio.init and init != self._audio.init:
                raise UnexpectedOutput("the sound has an init of its own")
            self._fragment = b""
        elif name == b"mdat":
            samples, payload = read_media(self._fragment)
            for sample in samples:
                if sample.shown_at != self._expected:
                    raise UnexpectedOutput(f"the sound has a gap at {self._expected}")
                self._expected += AUDIO_FRAME_SAMPLES
                self._sizes.append(sample.size_bytes)
            self._payload += payload
            self._fragment = b""

    def _frames_wanted(self) -> int:
        start, end = self._audio.marks[self.next_number : self.next_number + 2]
        return (end - start) // AUDIO_FRAME_SAMPLES

    def _is_segment_full(self) -> bool:
        return self.next_number <= self._last and len(self._sizes) >= self._frames_wanted()

    def _write_segment(self) -> bool:
        frames, number = self._frames_wanted(), self.next_number
        sizes = self._sizes[:frames]
        size = sum(sizes)
        start = self._audio.marks[number]
        data = write_audio(sizes, bytes(self._payload[:size]), number=number, start=start)
        del self._sizes[:frames], self._payload[:size]
        path = self._work_dir / f"{AUDIO}-{number}.m4s"
        path.write_bytes(data)
        self.next_number += 1
        wants_more = self._announce(number, path, frames)
        self.was_stopped = not wants_more
        return wants_more

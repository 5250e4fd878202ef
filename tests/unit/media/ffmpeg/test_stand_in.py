"""Files of which only some bytes are there."""

from pathlib import Path

import pytest

from media.ffmpeg.stand_in import make_stand_in


def test_what_is_needed_stands_where_it_belongs_and_the_rest_is_a_hole(tmp_path: Path) -> None:
    whole = bytes(range(1, 251)) * 4000
    (tmp_path / "front").write_bytes(whole[:700_000])
    (tmp_path / "tail").write_bytes(whole[900_000:])
    made = make_stand_in(
        tmp_path / "stand-in",
        size_bytes=len(whole),
        front=tmp_path / "front",
        spans=[(0, 10_000), (400_000, 500_000)],
        tail=tmp_path / "tail",
        tail_at=900_000,
    )
    data = made.read_bytes()
    assert len(data) == len(whole)
    for start, end in [(0, 10_000), (400_000, 500_000), (900_000, 1_000_000)]:
        assert data[start:end] == whole[start:end]
    assert not any(data[10_000:400_000])
    assert not any(data[500_000:900_000])


def test_bytes_that_are_not_there_are_no_zeros(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"abc")
    with pytest.raises(EOFError):
        make_stand_in(
            tmp_path / "stand-in",
            size_bytes=20,
            front=tmp_path / "short",
            spans=[(0, 4)],
            tail=tmp_path / "short",
            tail_at=17,
        )

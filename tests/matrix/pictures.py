"""Pictures that say which they are: a number in white and black blocks above colour bars.

Frame n of every film says n, so that a decoded rendition tells which frames of the source it shows,
in which order, and which side is up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)

#: The bars from left to right, at three quarters of full strength.
BARS: tuple[Colour, ...] = (
    *((191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0)),
    *((191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0)),
)

#: A number has so many bits; a white block stands before them and a black one after them. In Gray's
#: code no bit turns with every frame, which would look like a comb at rest in interlaced pictures.
BITS = 10


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How many blocks stand beside and above one another, and the part of the height they take."""

    columns: int = 6
    rows: int = 2
    share: float = 0.5


PLAIN = Layout()
#: For pictures of a few pixels: blocks alone.
SMALL = Layout(columns=4, rows=3, share=1)


def draw(number: int, width: int, height: int, layout: Layout = PLAIN) -> bytes:
    """The picture of frame `number`, three bytes for each pixel: red, green, blue."""
    code = number ^ number >> 1
    bits = [WHITE, *(WHITE if code >> bit & 1 else BLACK for bit in range(BITS)), BLACK]
    edge = round(height * layout.share)
    picture = b""
    for row in range(layout.rows):
        blocks = bits[row * layout.columns : (row + 1) * layout.columns]
        lines = edge * (row + 1) // layout.rows - edge * row // layout.rows
        picture += _line(blocks, width) * lines
    return picture + _line(BARS, width) * (height - edge)


def read_number(picture: memoryview, width: int, height: int, layout: Layout = PLAIN) -> int | None:
    """The number that a picture says; None if a block is neither white nor black."""
    tall = height * layout.share / layout.rows
    blocks = [
        sum(_colour_at(picture, width, x, y, across=width / layout.columns, tall=tall))
        for y in (tall * (row + 0.5) for row in range(layout.rows))
        for x in (width * (column + 0.5) / layout.columns for column in range(layout.columns))
    ]
    white, black = blocks[0], blocks[-1]
    if white - black < 3 * 100:
        return None
    levels = [(block - black) / (white - black) for block in blocks[1:-1]]
    if any(0.3 < level < 0.7 for level in levels):
        return None
    number = 0
    for level in reversed(levels):
        number = number << 1 | (number & 1 ^ (level > 0.5))
    return number


def read_bars(picture: memoryview, width: int, height: int) -> tuple[Colour, ...]:
    """The colours of the bars of a picture, from left to right."""
    across = width / len(BARS)
    return tuple(
        _colour_at(
            picture, width, across * (n + 0.5), height * 0.75, across=across, tall=height / 2
        )
        for n in range(len(BARS))
    )


def distance(seen: Sequence[Colour], should: Sequence[Colour] = BARS) -> int:
    """The largest difference in any channel of any bar."""
    return max(
        abs(a - b) for s, t in zip(seen, should, strict=True) for a, b in zip(s, t, strict=True)
    )


def _colour_at(
    picture: memoryview, width: int, x: float, y: float, *, across: float, tall: float
) -> Colour:
    """The mean of nine points around the middle of a block of some width and height."""
    points = [
        3 * (int(y + down * tall / 8) * width + int(x + right * across / 8))
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    ]
    red, green, blue = (round(sum(picture[at + c] for at in points) / 9) for c in range(3))
    return red, green, blue


def _line(colours: Sequence[Colour], width: int) -> bytes:
    edges = [width * n // len(colours) for n in range(len(colours) + 1)]
    return b"".join(bytes(colour) * (edges[n + 1] - edges[n]) for n, colour in enumerate(colours))

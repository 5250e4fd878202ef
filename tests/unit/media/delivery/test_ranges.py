"""Ranges and validators as RFC 9110 has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.delivery.ranges import Span, Unsatisfiable, is_known, parse_range


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-99", Span(0, 100)),
        ("bytes=900-", Span(900, 1000)),
        ("bytes=990-5000", Span(990, 1000)),
        ("bytes=-10", Span(990, 1000)),
        ("bytes=-5000", Span(0, 1000)),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-1", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
    ],
)
def test_a_range_of_a_thousand_bytes(header: str, span: Span | None) -> None:
    assert parse_range(header, 1000) == span


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-2000", "bytes=-0"])
def test_a_range_outside_is_unsatisfiable(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, 1000)


@given(header=st.text(), size=st.integers(0, 1 << 40))
def test_whatever_is_asked_for_lies_in_the_file(header: str, size: int) -> None:
    try:
        span = parse_range(f"bytes={header}", size)
    except Unsatisfiable:
        return
    assert span is None or 0 <= span.start < span.end <= size


@pytest.mark.parametrize(
    ("given", "known"),
    [('"b"', True), ('W/"a", "b"', True), ("*", True), ('"a"', False), ("", False)],
)
def test_a_tag_the_client_has_is_known(given: str, known: bool) -> None:
    assert is_known(given, '"b"') is known

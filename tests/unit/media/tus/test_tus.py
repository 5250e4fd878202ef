"""The tus protocol, without a server."""

import base64
import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.tus.checksum import ALGORITHMS, parse_checksum
from media.tus.errors import BadHeader, ChecksumMismatch, UnsupportedVersion, WrongContentType
from media.tus.metadata import MAX_CHARACTERS, format_metadata, parse_metadata
from media.tus.protocol import (
    EXTENSIONS,
    MAX_BYTES,
    capabilities,
    check_chunk_type,
    check_version,
    effective_method,
    read_late_length,
    read_length,
    read_offset,
)

keys = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=","), min_size=1
)
pairs = st.dictionaries(
    keys, st.text(st.characters(exclude_categories=["Cs"]), max_size=50), max_size=8
)


@given(pairs)
def test_metadata_comes_back_as_it_was_written(metadata: dict[str, str]) -> None:
    assert parse_metadata(format_metadata(metadata)) == metadata


@given(st.text(max_size=200))
def test_metadata_is_read_or_refused_but_never_breaks(header: str) -> None:
    with contextlib.suppress(BadHeader):
        assert all(parse_metadata(header))


@pytest.mark.parametrize("header", [None, ""])
def test_no_metadata_is_empty_metadata(header: str | None) -> None:
    assert parse_metadata(header) == {}


def test_spaces_after_commas_are_forgiven() -> None:
    assert parse_metadata("a YQ==, b Yg==") == {"a": "a", "b": "b"}


def test_a_value_that_is_not_text_keeps_what_can_be_read() -> None:
    value = base64.b64encode(b"caf\xe9.mp4").decode()
    assert parse_metadata(f"filename {value}") == {"filename": "caf\ufffd.mp4"}


@pytest.mark.parametrize(
    "header",
    ["a YQ==,a YQ==", "a YQ==,", ",", " ", "a !!!!", "a YQ", "ä YQ==", "a" * (MAX_CHARACTERS + 1)],
)
def test_metadata_that_breaks_the_rules_is_refused(header: str) -> None:
    with pytest.raises(BadHeader):
        parse_metadata(header)


@given(st.binary(max_size=300), st.integers(1, 299), st.sampled_from(ALGORITHMS))
def test_the_right_bytes_pass_in_whatever_parts_they_come(
    data: bytes, size: int, algorithm: str
) -> None:
    digest = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
    checksum = parse_checksum(f"{algorithm} {digest}")
    assert checksum is not None
    checksum.update(data[start : start + size] for start in range(0, len(data), size))
    checksum.verify()


@given(st.binary(max_size=50), st.binary(max_size=50), st.sampled_from(ALGORITHMS))
def test_other_bytes_do_not_pass(data: bytes, other: bytes, algorithm: str) -> None:
    digest = base64.b64encode(hashlib.new(algorithm, data + b"!").digest()).decode()
    checksum = parse_checksum(f"{algorithm} {digest}")
    assert checksum is not None
    checksum.update([other if other != data + b"!" else b""])
    with pytest.raises(ChecksumMismatch):
        checksum.verify()


@pytest.mark.parametrize(
    "header", ["", "sha1", "sha1 ", "sha1 !!", "sha1 YQ==", "crc32 AAAAAA==", "SHA1 x", "sha1\tx"]
)
def test_a_checksum_that_cannot_be_checked_is_refused(header: str) -> None:
    with pytest.raises(BadHeader):
        parse_checksum(header)


def test_a_chunk_without_a_checksum_has_none() -> None:
    assert parse_checksum(None) is None


@given(st.integers(0, MAX_BYTES))
def test_offsets_and_lengths_are_whole_numbers(number: int) -> None:
    assert read_offset({"upload-offset": str(number)}) == number
    assert read_length({"upload-length": str(number)}) == number
    assert read_late_length({"upload-length": str(number)}) == number


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", "1e3", " 1", "0x10", "١", str(MAX_BYTES + 1), "1" * 5000]
)
def test_everything_else_is_no_number(text: str) -> None:
    with pytest.raises(BadHeader):
        read_offset({"upload-offset": text})


def test_a_missing_offset_is_named() -> None:
    with pytest.raises(BadHeader, match="Upload-Offset is missing"):
        read_offset({})


def test_a_length_may_be_told_later() -> None:
    assert read_length({"upload-defer-length": "1"}) is None
    assert read_late_length({}) is None


@pytest.mark.parametrize(
    "headers",
    [{}, {"upload-length": "1", "upload-defer-length": "1"}, {"upload-defer-length": "0"}],
)
def test_a_length_is_told_once_and_clearly(headers: dict[str, str]) -> None:
    with pytest.raises(BadHeader):
        read_length(headers)


@pytest.mark.parametrize("version", [None, "", "0.2.2", "1.0", "1.0.0 "])
def test_other_versions_are_refused(version: str | None) -> None:
    with pytest.raises(UnsupportedVersion):
        check_version({} if version is None else {"tus-resumable": version})


def test_our_version_is_accepted() -> None:
    check_version({"tus-resumable": "1.0.0"})


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "video/mp4"])
def test_other_types_of_body_are_refused(content_type: str | None) -> None:
    with pytest.raises(WrongContentType):
        check_chunk_type({} if content_type is None else {"content-type": content_type})


def test_the_type_of_a_chunk_may_have_parameters() -> None:
    check_chunk_type({"content-type": "Application/Offset+Octet-Stream; charset=binary"})


def test_a_client_that_can_only_post_says_what_it_means() -> None:
    assert effective_method("POST", {"x-http-method-override": "patch"}) == "PATCH"
    assert effective_method("HEAD", {}) == "HEAD"


def test_a_get_never_means_anything_else() -> None:
    assert effective_method("GET", {"x-http-method-override": "DELETE"}) == "GET"


def test_the_server_says_what_it_can_do() -> None:
    told = capabilities(max_bytes=17)
    assert told["Tus-Max-Size"] == "17"
    assert told["Tus-Extension"].split(",") == list(EXTENSIONS)
    assert told["Tus-Checksum-Algorithm"] == "sha256,sha1,md5"

"""Constants of the protocol, and its headers read strictly."""

import re
from collections.abc import Mapping

from media.tus.checksum import ALGORITHMS
from media.tus.errors import BadHeader, UnsupportedVersion, WrongContentType

VERSION = "1.0.0"
EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "termination",
    "expiration",
    "checksum",
)
CHUNK_TYPE = "application/offset+octet-stream"
METHODS = ("OPTIONS", "POST", "HEAD", "PATCH", "DELETE", "GET")

#: What a signed 64-bit column holds.
MAX_BYTES = 2**63 - 1

_NUMBER = re.compile(r"[0-9]{1,19}")

#: Names in lower case, as ASGI has them.
Headers = Mapping[str, str]


def capabilities(*, max_bytes: int) -> dict[str, str]:
    """The headers that tell a client what this server can do."""
    return {
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(max_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def effective_method(method: str, headers: Headers) -> str:
    """The method that is meant: clients that can only POST name it in a header.

    Only there, or a GET that no CSRF check looks at could change something.
    """
    named = headers.get("x-http-method-override", method) if method == "POST" else method
    return named.strip().upper()


def check_version(headers: Headers) -> None:
    """Raise UnsupportedVersion unless the client speaks ours."""
    if headers.get("tus-resumable") != VERSION:
        raise UnsupportedVersion


def check_chunk_type(headers: Headers) -> None:
    """Raise WrongContentType unless the body is declared as bytes of an upload."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != CHUNK_TYPE:
        raise WrongContentType


def read_offset(headers: Headers) -> int:
    """Where the chunk begins. Raises BadHeader."""
    return _number(headers, "upload-offset")


def read_length(headers: Headers) -> int | None:
    """How long the file will be; None where the client says that it will tell later.

    For the request that creates an upload: exactly one of the two headers has to be there.
    """
    deferred = headers.get("upload-defer-length")
    if (deferred is None) == ("upload-length" not in headers):
        raise BadHeader("Send either Upload-Length or Upload-Defer-Length: 1.")
    if deferred is None:
        return _number(headers, "upload-length")
    if deferred != "1":
        raise BadHeader("Upload-Defer-Length can only be 1.")
    return None


def read_late_length(headers: Headers) -> int | None:
    """The length in the header of a chunk, where it was deferred at first; else None."""
    return _number(headers, "upload-length") if "upload-length" in headers else None


def _number(headers: Headers, name: str) -> int:
    text = headers.get(name)
    if text is None:
        raise BadHeader(f"{name.title()} is missing.")
    if not _NUMBER.fullmatch(text) or int(text) > MAX_BYTES:
        raise BadHeader(f"{name.title()} has to be a whole number of bytes.")
    return int(text)

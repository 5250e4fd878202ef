"""The checksum extension: `Upload-Checksum: sha1 <base64>`."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from media.tus.errors import BadHeader, ChecksumMismatch

if TYPE_CHECKING:
    from hashlib import _Hash

#: In the order of preference. The old ones are for finding transmission errors, not for secrets.
ALGORITHMS = ("sha256", "sha1", "md5")


@dataclass
class Checksum:
    """What the bytes of one chunk have to add up to; fed while they come."""

    algorithm: str
    expected: bytes
    _hash: "_Hash" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._hash = hashlib.new(self.algorithm, usedforsecurity=False)

    def update(self, data: Iterable[bytes | memoryview]) -> None:
        """Count the next bytes, in as many pieces as they come."""
        for piece in data:
            self._hash.update(piece)

    def verify(self) -> None:
        """Raise ChecksumMismatch unless the bytes were the right ones."""
        if not hmac.compare_digest(self._hash.digest(), self.expected):
            raise ChecksumMismatch


def parse_checksum(header: str | None) -> Checksum | None:
    """Read the header of a chunk; None where there is none. Raises BadHeader.

    >>> parse_checksum("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").algorithm
    'sha1'
    """
    if header is None:
        return None
    algorithm, _, text = header.partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadHeader(f"The checksum has to be one of {', '.join(ALGORITHMS)}.")
    try:
        expected = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadHeader("The checksum is not valid Base64.") from None
    checksum = Checksum(algorithm, expected)
    if len(expected) != checksum._hash.digest_size:
        raise BadHeader(f"The checksum has not the length of {algorithm}.")
    return checksum

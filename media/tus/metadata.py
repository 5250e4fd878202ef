"""The `Upload-Metadata` header: `filename d29ybGQubXA0,is_confidential`."""

import base64
import binascii
import re

from media.tus.errors import BadHeader

#: No client of ours needs more; a header block as a whole is bounded by the server.
MAX_CHARACTERS = 4096

_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")


def parse_metadata(header: str | None) -> dict[str, str]:
    """Read the pairs. Values that are not UTF-8 keep what can be read. Raises BadHeader.

    >>> parse_metadata("filename d29ybGQubXA0,is_confidential")
    {'filename': 'world.mp4', 'is_confidential': ''}
    """
    if not header:
        return {}
    if len(header) > MAX_CHARACTERS:
        raise BadHeader(f"Upload-Metadata is longer than {MAX_CHARACTERS} characters.")
    pairs: dict[str, str] = {}
    for pair in header.split(","):
        key, _, value = pair.strip(" ").partition(" ")
        if not _KEY.fullmatch(key):
            raise BadHeader("Upload-Metadata has a key that is empty or not ASCII.")
        if key in pairs:
            raise BadHeader(f"Upload-Metadata names {key} twice.")
        pairs[key] = _text(value.strip(" "))
    return pairs


def format_metadata(pairs: dict[str, str]) -> str:
    """Write the header that `parse_metadata` reads."""
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}".rstrip()
        for key, value in pairs.items()
    )


def _text(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise BadHeader("Upload-Metadata has a value that is not valid Base64.") from None

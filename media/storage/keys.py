"""The keys that a store takes: ours, which a client cannot bend."""

import re

_KEY = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")


def checked_key(key: str) -> str:
    """Return `key`. Raises ValueError for the empty one, absolute ones and those with `..`.

    >>> checked_key("videos/3f/source.mp4")
    'videos/3f/source.mp4'
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a storage key: {key!r}")
    return key

"""The name under which a browser saves what it is sent (RFC 6266, RFC 8187)."""

import re
import unicodedata
from urllib.parse import quote

#: What a file name cannot hold on one of the systems that people have, and what is not to be seen.
_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f"*/:<>?\\|\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]')
_MAX_CHARS = 120
#: attr-char of RFC 8187, beside letters and digits.
_SAFE = "!#$&+-.^_`|~"


def file_name(title: str, extra: str, extension: str) -> str:
    """A name that any system can keep, made of a title that anybody may have typed.

    >>> file_name("My: film?", "720p", "mp4"), file_name("../..", "", "mp4")
    ('My_ film_ (720p).mp4', 'video.mp4')
    """
    text = " ".join(_UNFIT.sub("_", title).split())[:_MAX_CHARS].strip(" ._")
    return f"{text or 'video'}{f' ({extra})' if extra else ''}.{extension}"


def attachment(name: str) -> str:
    """The value of Content-Disposition: the name twice, for old readers without its accents.

    >>> attachment("Été.mp4")
    'attachment; filename="Ete.mp4"; filename*=UTF-8\'\'%C3%89t%C3%A9.mp4'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = _UNFIT.sub("_", plain).replace("%", "_").strip() or "video"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_SAFE)}"

"""Web origins (RFC 6454): scheme, host and port, always compared whole."""

from urllib.parse import urlsplit

Origin = tuple[str, str, int]

DEFAULT_PORTS = {"http": 80, "https": 443}


def parse_origin(text: str) -> Origin | None:
    """Scheme, host and port; None for everything that is no web origin, such as `null` or `*`.

    >>> parse_origin("https://App.example") == parse_origin("https://app.example:443")
    True
    >>> parse_origin("https://app.example/page")
    """
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    if parts.path not in ("", "/") or parts.query or parts.fragment or "*" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme]

"""Which addresses of workers are asked: those that an admin can mean, and no others."""

import ipaddress
from urllib.parse import urlsplit

MAX_CHARACTERS = 300


class BadAddress(ValueError):
    """Nobody is to be asked there; the text says why."""


def parse_url(url: str) -> str:
    """The address, without a trailing slash; empty stays empty. Raises BadAddress.

    >>> parse_url("https://worker.example:8443/")
    'https://worker.example:8443'
    """
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadAddress(str(error)) from error
    if len(url) > MAX_CHARACTERS or not url.isascii() or any(c.isspace() or c < " " for c in url):
        raise BadAddress("it is too long, or has characters that no address has")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAddress("write https:// and a host")
    if parts.username is not None or parts.query or parts.fragment or port == 0:
        raise BadAddress("only scheme, host, port and path are taken")
    try:
        address = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return url.rstrip("/")
    if not may_be_asked(address):
        raise BadAddress("nothing of ours is at such an address")
    return url.rstrip("/")


def may_be_asked(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether a worker can live there: in private networks too, but not where clouds keep secrets.

    >>> may_be_asked(ipaddress.ip_address("10.0.0.7"))
    True
    >>> may_be_asked(ipaddress.ip_address("::ffff:169.254.169.254"))
    False
    """
    inner = _inner(address)
    return not (
        inner.is_link_local
        or inner.is_multicast
        or inner.is_unspecified
        or inner == ipaddress.ip_address("fd00:ec2::254")
        or (inner.version == 4 and inner.is_reserved)
    )


def _inner(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that one of IPv6 stands for, if it does (mapped, 6to4, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in ipaddress.ip_network("64:ff9b::/96") or address in ipaddress.ip_network("::/96"):
        low = int(address) & 0xFFFF_FFFF
        return ipaddress.IPv4Address(low) if low > 1 else address
    return address

"""Requests to the addresses of workers: checked addresses only, brief, bounded, not redirected."""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from media.remote.addresses import BadAddress, may_be_asked
from media.remote.errors import Unreachable

ANSWER_MAX_BYTES = 16 * 1024


def ask(
    url: str,
    path: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = 3.0,
) -> tuple[int, bytes]:
    """Status and the beginning of the body. Raises Unreachable or BadAddress.

    The address that was checked is the one that is connected to, whatever the name means a moment
    later.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        plain = socket.create_connection((_checked(host, port), port), timeout=timeout_seconds)
        connection.sock = (
            ssl.create_default_context().wrap_socket(plain, server_hostname=host)
            if is_tls
            else plain
        )
        connection.request(method, parts.path.rstrip("/") + path, body or None, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_MAX_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(repr(error)) from error
    finally:
        connection.close()


def _checked(host: str, port: int) -> str:
    """An address of `host` that may be asked; all that the name has must be such."""
    found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    for address in found:
        if not may_be_asked(ipaddress.ip_address(str(address).partition("%")[0])):
            raise BadAddress(f"{host} is at {address}")
    if not found:
        raise Unreachable(f"{host} has no address")
    return str(min(found, key=str))

"""How server and remote worker know each other's requests: an HMAC by the worker's key.

X-Worker-Server      the id of the server row
X-Worker-Timestamp   seconds since 1970, as the sender's clock says
X-Worker-Nonce       32 hexadecimal digits that no other request has
X-Worker-Signature   hex(HMAC-SHA256(secret, text)), where text is, line by line:

    reelay-worker-1
    POST
    /worker/callback
    1700000000
    4f1c…
    sha256 of the body, in hex
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

#: What both sides speak. Raised when one of them would not understand the other any more.
PROTOCOL = 1
#: How far two clocks may differ.
SKEW_SECONDS = 60

SERVER = "X-Worker-Server"
TIMESTAMP = "X-Worker-Timestamp"
NONCE = "X-Worker-Nonce"
SIGNATURE = "X-Worker-Signature"

_NONCE = re.compile(r"[0-9a-f]{32}")
_TIME = re.compile(r"[1-9][0-9]{0,11}")


#: The server of those who have no row of their own: the key in WORKER_API_KEY is theirs.
SHARED_ID = uuid.UUID("7f0c2f5e-52b5-5c0e-9f0e-3f1c7d6a9b01")
#: A shared key is written by a person, who may think of something short.
SHARED_CHARACTERS_MIN = 32


class NotAKey(ValueError):
    """The text is no key of a server."""


@dataclass(frozen=True)
class Key:
    """What a worker is given, once: whom it works as, and the secret that it signs with."""

    server_id: uuid.UUID
    secret: bytes

    def __str__(self) -> str:
        secret = base64.urlsafe_b64encode(self.secret).decode().rstrip("=")
        return f"{self.server_id.hex}.{secret}"

    def __repr__(self) -> str:
        return f"<key of {self.server_id}>"

    @classmethod
    def parse(cls, text: str) -> "Key":
        """The key that `str` gave, or the shared one, which has no dot. Raises NotAKey."""
        if "." not in text:
            return cls.shared(text)
        name, _, secret = text.strip().partition(".")
        try:
            decoded = base64.b64decode(secret + "=" * (-len(secret) % 4), b"-_", validate=True)
            key = cls(uuid.UUID(hex=name), decoded)
        except (ValueError, binascii.Error) as error:
            raise NotAKey("this is not the key of a server") from error
        if len(decoded) != 32:
            raise NotAKey("this is not a whole key")
        return key

    @classmethod
    def shared(cls, text: str) -> "Key":
        """The key of whoever knows the WORKER_API_KEY of the instance. Raises NotAKey."""
        text = text.strip()
        if len(text) < SHARED_CHARACTERS_MIN:
            raise NotAKey(f"a shared key has at least {SHARED_CHARACTERS_MIN} characters")
        secret = hashlib.sha256(b"reelay.worker.shared-key:" + text.encode()).digest()
        return cls(SHARED_ID, secret)


@dataclass(frozen=True, kw_only=True)
class Signed:
    """What the headers of a request claim; nothing about it is checked yet."""

    server_id: uuid.UUID
    timestamp: int
    nonce: str
    signature: str


def sign(key: Key, *, method: str, path: str, body: bytes, now: float) -> dict[str, str]:
    """The headers of a request."""
    timestamp, nonce = str(int(now)), secrets.token_hex(16)
    return {
        SERVER: str(key.server_id),
        TIMESTAMP: timestamp,
        NONCE: nonce,
        SIGNATURE: _mac(key.secret, method, path, timestamp, nonce, body),
    }


def read(headers: Mapping[str, str]) -> Signed | None:
    """What the headers (names in lower case) claim, or None where that cannot be true."""
    nonce, timestamp = headers.get(NONCE.lower(), ""), headers.get(TIMESTAMP.lower(), "")
    if not (_NONCE.fullmatch(nonce) and _TIME.fullmatch(timestamp)):
        return None
    try:
        server_id = uuid.UUID(headers.get(SERVER.lower(), ""))
    except ValueError:
        return None
    return Signed(
        server_id=server_id,
        timestamp=int(timestamp),
        nonce=nonce,
        signature=headers.get(SIGNATURE.lower(), ""),
    )


def is_genuine(signed: Signed, secret: bytes, *, method: str, path: str, body: bytes) -> bool:
    """Whether whoever has `secret` signed exactly this request."""
    mac = _mac(secret, method, path, str(signed.timestamp), signed.nonce, body)
    return hmac.compare_digest(mac.encode(), signed.signature.encode())


def is_timely(signed: Signed, now: float) -> bool:
    """Whether the request was signed just now, as far as clocks agree."""
    return abs(now - signed.timestamp) <= SKEW_SECONDS


def _mac(secret: bytes, method: str, path: str, timestamp: str, nonce: str, body: bytes) -> str:
    digest = hashlib.sha256(body).hexdigest()
    lines = (f"reelay-worker-{PROTOCOL}", method, path, timestamp, nonce, digest)
    return hmac.digest(secret, "\n".join(lines).encode(), "sha256").hex()

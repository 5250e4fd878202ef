"""The keys of remote workers: derived, never stored."""

import hashlib
import hmac
import uuid

from django.conf import settings

from media.models import Server
from media.remote.signing import Key, Signed, is_genuine

SALT_BYTES = 16


def key_of(server: Server) -> Key:
    """The key that the worker of this row is given."""
    return Key(server.pk, _secret(settings.SECRET_KEY, server.pk, bytes(server.key_salt)))


def has_signed(server: Server, signed: Signed, *, method: str, path: str, body: bytes) -> bool:
    """Whether the worker of this row signed this request, under any SECRET_KEY that counts."""
    keys: list[str] = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
    salt = bytes(server.key_salt)
    found = [
        is_genuine(signed, _secret(key, server.pk, salt), method=method, path=path, body=body)
        for key in keys
    ]
    return any(found)


def _secret(secret_key: str, server_id: uuid.UUID, salt: bytes) -> bytes:
    key = hashlib.sha256(b"reelay.media.servers:" + secret_key.encode()).digest()
    return hmac.digest(key, server_id.bytes + salt, "sha256")

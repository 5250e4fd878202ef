"""The keys of remote workers: derived, never stored."""

import hashlib
import hmac
import uuid

from django.conf import settings

from media.models import Server
from media.remote.signing import SHARED_ID, Key, Signed, is_genuine

SALT_BYTES = 16


def key_of(server: Server) -> Key:
    """The key that the worker of this row is given."""
    return Key(server.pk, _secrets(server)[0])


def has_signed(server: Server, signed: Signed, *, method: str, path: str, body: bytes) -> bool:
    """Whether the worker of this row signed this request, under any SECRET_KEY that counts."""
    found = [
        is_genuine(signed, secret, method=method, path=path, body=body)
        for secret in _secrets(server)
    ]
    return any(found)


def _secrets(server: Server) -> list[bytes]:
    """The secret of a server, and those that it had under earlier values of SECRET_KEY."""
    if server.pk == SHARED_ID:
        shared: str = settings.WORKER_API_KEY
        return [Key.shared(shared).secret] if shared else []
    keys: list[str] = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
    return [_secret(key, server.pk, bytes(server.key_salt)) for key in keys]


def _secret(secret_key: str, server_id: uuid.UUID, salt: bytes) -> bytes:
    key = hashlib.sha256(b"reelay.media.servers:" + secret_key.encode()).digest()
    return hmac.digest(key, server_id.bytes + salt, "sha256")

"""Whether a request comes from a remote worker, just now, and for the first time."""

import time
import uuid
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.errors import Conflict, Forbidden, Unauthenticated
from media.models import Server, ServerNonce
from media.remote import signing
from media.services.server_keys import has_signed
from media.services.servers import SHARED_NAME

#: How often one of the workers forgets nonces that no request can bring again.
FORGET_SECONDS = 60.0


class WorkerUnauthenticated(Unauthenticated):
    """No server of ours signed this."""

    code, title = "worker-unauthenticated", "The request is not signed by a registered worker."


class WorkerClockWrong(Unauthenticated):
    """The signature is good, the time is not; `server_time` says what it is here."""

    code, title = "worker-clock-wrong", "The clock of the worker is too far off."


class RequestReplayed(Conflict):
    """This very request was taken before."""

    code, title = "worker-request-replayed", "This request has been taken before."


class ServerDisabled(Forbidden):
    """An admin has disabled the server."""

    code, title = "server-disabled", "This server has been disabled."


def authenticate(headers: Mapping[str, str], *, method: str, path: str, body: bytes) -> Server:
    """The server whose worker signed the request; names of headers are in lower case.

    Raises WorkerUnauthenticated, WorkerClockWrong, RequestReplayed or ServerDisabled. Who cannot
    sign learns nothing, not even which servers there are.
    """
    signed = signing.read(headers)
    server = _server_of(signed.server_id) if signed else None
    if signed is None or server is None:
        raise WorkerUnauthenticated
    if not has_signed(server, signed, method=method, path=path, body=body):
        raise WorkerUnauthenticated
    if server.pk == signing.SHARED_ID:
        server = keep_shared()
    now = time.time()
    if not signing.is_timely(signed, now):
        raise WorkerClockWrong(server_time=int(now))
    try:
        with transaction.atomic():
            ServerNonce.objects.create(server=server, nonce=signed.nonce, seen_at=timezone.now())
    except IntegrityError as error:
        raise RequestReplayed from error
    if server.state == "disabled":
        raise ServerDisabled
    return server


def _server_of(server_id: uuid.UUID) -> Server | None:
    """The row; of the shared server, one that may not be written yet."""
    found = Server.objects.filter(pk=server_id).first()
    if found is None and server_id == signing.SHARED_ID and settings.WORKER_API_KEY:
        return Server(pk=server_id, name=SHARED_NAME)
    return found


def keep_shared() -> Server:
    """The row of the server that WORKER_API_KEY and WORKER_SERVICE_URL describe, written now."""
    url: str = settings.WORKER_SERVICE_URL
    server, _ = Server.objects.get_or_create(
        pk=signing.SHARED_ID, defaults={"name": SHARED_NAME, "url": url, "key_salt": b""}
    )
    if server.url != url:
        server.url = url
        Server.objects.filter(pk=server.pk).update(url=url, checked_at=None, is_reachable=None)
    return server


def forget_nonces() -> int:
    """Forget those whose requests would be refused for their time by now."""
    before = timezone.now() - timedelta(seconds=3 * signing.SKEW_SECONDS)
    return ServerNonce.objects.filter(seen_at__lt=before).delete()[0]

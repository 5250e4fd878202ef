"""Remote workers as admins see them: register, watch, drain, disable, give a new key, remove."""

import logging
import secrets
import uuid
from typing import Any

from django.db import IntegrityError, transaction

from core.errors import Conflict, Invalid, NotFound
from media.jobs.clock import in_seconds
from media.jobs.queue import requeue
from media.models import Job, Server, WorkerBeat
from media.remote.addresses import BadAddress, parse_url
from media.remote.signing import SHARED_ID, Key
from media.services.queue import check_may_run
from media.services.server_keys import SALT_BYTES, key_of
from media.states import SERVER
from users.models import User

logger = logging.getLogger(__name__)

#: A server that was not heard of for so long is not there.
ALIVE_SECONDS = 15.0
#: Of the server whose key is WORKER_API_KEY.
SHARED_NAME = "shared-key"


class ServerNotFound(NotFound):
    """No such server."""

    code, title = "server-not-found", "There is no such server."


class ServerExists(Conflict):
    """Names are what jobs remember of a server, so each is given once."""

    code, title = "server-exists", "There is a server of this name."


class KeyFromEnvironment(Conflict):
    """The key of this server, and its address, are settings: WORKER_API_KEY, WORKER_SERVICE_URL."""

    code, title = "server-from-environment", "This server is set in the environment."


def list_servers(*, viewer: User) -> list[Server]:
    """All servers, by name. Raises AdministratorsOnly."""
    check_may_run(viewer)
    return list(Server.objects.all())


def add_server(*, actor: User, name: str, url: str = "") -> tuple[Server, Key]:
    """Register a remote worker; its key is to be shown now and never again.

    Raises AdministratorsOnly, ServerExists, or Invalid for an address that is not to be asked.
    """
    check_may_run(actor)
    if name == SHARED_NAME:
        raise ServerExists(f"{SHARED_NAME!r} is the server whose key is WORKER_API_KEY.")
    try:
        with transaction.atomic():
            server = Server.objects.create(
                name=name, url=_address(url), key_salt=secrets.token_bytes(SALT_BYTES)
            )
    except IntegrityError as error:
        raise ServerExists(f"There is a server {name!r} already.") from error
    _note(actor, server, "server added")
    return server, key_of(server)


def change_server(
    *, actor: User, server_id: uuid.UUID, url: str | None = None, state: str | None = None
) -> Server:
    """Move a server or change its address.

    Raises AdministratorsOnly, ServerNotFound, KeyFromEnvironment or Invalid.

    Asking for the state that it has changes nothing. One that is disabled loses its jobs at once;
    they are neither failures nor losses.
    """
    check_may_run(actor)
    with transaction.atomic():
        server = _lock(server_id)
        if url is not None and url != server.url:
            _check_is_ours(server)
            server.url, server.checked_at, server.is_reachable = _address(url), None, None
            server.save(update_fields=["url", "checked_at", "is_reachable"])
        if state is not None and state != server.state:
            SERVER.move(server, state)
            if state == "disabled":
                take_away(server)
            _note(actor, server, f"server {state}")
    return server


def rotate_key(*, actor: User, server_id: uuid.UUID) -> Key:
    """A new key; the old one opens nothing from now on, and its jobs go to others."""
    check_may_run(actor)
    with transaction.atomic():
        server = _lock(server_id)
        _check_is_ours(server)
        server.key_salt = secrets.token_bytes(SALT_BYTES)
        server.save(update_fields=["key_salt"])
        take_away(server)
        _note(actor, server, "server key rotated")
    return key_of(server)


def remove_server(*, actor: User, server_id: uuid.UUID) -> None:
    """Forget a server; its jobs go to others. Raises AdministratorsOnly or ServerNotFound."""
    check_may_run(actor)
    with transaction.atomic():
        server = _lock(server_id)
        take_away(server)
        _note(actor, server, "server removed")
        server.delete()


def take_away(server: Server) -> int:
    """Put all jobs of a server back into the queue; returns how many. In a transaction."""
    WorkerBeat.objects.filter(worker=server.worker).delete()
    held = Job.objects.filter(state="running", worker=server.worker)
    return sum(requeue(job, token=job.token) for job in held)


def alive_ids() -> set[uuid.UUID]:
    """The servers that were heard of in the last seconds."""
    alive = Server.objects.filter(last_seen__gt=in_seconds(-ALIVE_SECONDS))
    return set(alive.values_list("pk", flat=True))


def _address(url: str) -> str:
    try:
        return parse_url(url)
    except BadAddress as error:
        wrong = [{"pointer": "#/url", "detail": f"This address cannot be used: {error}."}]
        raise Invalid("The address of the server cannot be used.", errors=wrong) from error


def _check_is_ours(server: Server) -> None:
    if server.pk == SHARED_ID:
        raise KeyFromEnvironment


def _lock(server_id: uuid.UUID) -> Server:
    server = Server.objects.select_for_update().filter(pk=server_id).first()
    if server is None:
        raise ServerNotFound
    return server


def _note(actor: User, server: Server, act: str) -> None:
    about: dict[str, Any] = {"audit": True, "actor": str(actor.pk), "server": server.name}
    transaction.on_commit(lambda: logger.info(act, extra=about))

"""Whether servers are well: heard of lately, and, where they have an address, reachable there."""

import logging
from concurrent.futures import ThreadPoolExecutor

from django.utils import timezone

from media.models import Server
from media.remote.addresses import BadAddress
from media.remote.errors import Unreachable
from media.remote.outbound import ask
from media.services.queue import check_may_run
from media.services.servers import list_servers
from users.models import User

logger = logging.getLogger(__name__)

#: Servers that are asked at the same time.
AT_A_TIME = 8
TIMEOUT_SECONDS = 3.0


def check_servers(*, actor: User) -> list[Server]:
    """Ask every server that has an address; all servers as they are then, by name.

    Each has three seconds to connect and as long to answer. Raises AdministratorsOnly.
    """
    check_may_run(actor)
    check(list(Server.objects.exclude(url="").exclude(state="disabled")))
    return list_servers(viewer=actor)


def check(servers: list[Server]) -> None:
    """Ask these servers and write down how it went. In no transaction."""
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="server-health") as threads:
        found = list(threads.map(_answers, [server.url for server in servers]))
    for server, is_reachable in zip(servers, found, strict=True):
        Server.objects.filter(pk=server.pk, url=server.url).update(
            checked_at=timezone.now(), is_reachable=is_reachable
        )


def _answers(url: str) -> bool:
    try:
        status, _ = ask(url, "/health", timeout_seconds=TIMEOUT_SECONDS)
    except (Unreachable, BadAddress, ValueError) as error:
        logger.warning("server unreachable", extra={"url": url, "reason": str(error)})
        return False
    return status == 200

"""Links that open the source, the plan or the outputs of one claim, for a while.

    /worker/source/{job}/{token}/{expiry}.{mac}
    /worker/plan/{job}/{token}/{expiry}.{mac}
    /worker/objects/{job}/{token}/{expiry}.{mac}/{rung}/{n}.m4s
                                                /poster.jpg

They need no signature of the worker, so any HTTP client can follow them; what they open is open
only as long as the claim holds.
"""

import base64
import hashlib
import hmac
import re
import time
import uuid
from dataclasses import dataclass

from django.conf import settings

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NUMBER = "0|[1-9][0-9]{0,17}"
_PATH = re.compile(
    rf"/worker/(?P<what>source|plan|objects)/(?P<job>{_UUID})/(?P<token>{_NUMBER})"
    rf"/(?P<expiry>{_NUMBER})\.(?P<mac>[A-Za-z0-9_-]{{22}})"
    r"(?:/(?:(?P<poster>poster\.jpg)"
    r"|(?P<rung>[1-9][0-9]{0,4}p|audio)/(?P<number>0|[1-9][0-9]{0,6})\.m4s))?"
)


@dataclass(frozen=True, kw_only=True)
class WorkerLink:
    """One link, taken apart; nothing about it is checked yet."""

    what: str
    job_id: uuid.UUID
    token: int
    expires_at: int
    mac: str
    #: Of an object: the poster, or a segment.
    is_poster: bool = False
    rung: str = ""
    number: int = 0


def parse(path: str) -> WorkerLink | None:
    """The parts of a path, or None if it is not written exactly as we write it."""
    found = _PATH.fullmatch(path)
    if found is None or (found["what"] == "objects") != bool(found["poster"] or found["rung"]):
        return None
    return WorkerLink(
        what=found["what"],
        job_id=uuid.UUID(found["job"]),
        token=int(found["token"]),
        expires_at=int(found["expiry"]),
        mac=found["mac"],
        is_poster=bool(found["poster"]),
        rung=found["rung"] or "",
        number=int(found["number"] or 0),
    )


def links_of(job_id: uuid.UUID, token: int) -> dict[str, str]:
    """The links of a claim, good for WORKER_LINK_SECONDS; a heartbeat brings new ones."""
    expires_at = int(time.time()) + settings.WORKER_LINK_SECONDS
    return {
        what: f"/worker/{what}/{job_id}/{token}/{expires_at}."
        f"{_mac(settings.SECRET_KEY, what, job_id, token, expires_at)}"
        for what in ("source", "plan", "objects")
    }


def is_genuine(link: WorkerLink) -> bool:
    """Whether we made the link. Its expiry is for the caller to compare."""
    keys: list[str] = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
    macs = [_mac(key, link.what, link.job_id, link.token, link.expires_at) for key in keys]
    return sum(hmac.compare_digest(mac, link.mac) for mac in macs) > 0


def _mac(secret: str, what: str, job_id: uuid.UUID, token: int, expires_at: int) -> str:
    key = hashlib.sha256(b"reelay.media.worker-links:" + secret.encode()).digest()
    text = f"{what}.{job_id}.{token}.{expires_at}".encode()
    digest = hmac.digest(key, text, "sha256")[:16]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")

"""The ASGI application of everything that carries the bytes of uploads: tus at `/api/uploads/`.

It stands beside Django, because Django reads a whole body before a view runs. Under a server
that hands bodies over as they come (ours, uvicorn, hypercorn) a connection that breaks at 99 %
leaves 99 % in the store. docs/uploads.md describes the protocol as it is spoken here.
"""

import asyncio
import contextlib
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any, TypeVar

from django.conf import settings

from core.errors import AppError, Invalid, NotFound, Unauthenticated
from core.logging import Receive, Scope, Send
from core.problems import CONTENT_TYPE, InternalError, MethodNotAllowed, problem_bytes
from core.server.pump import EXTENSION, BodyPump
from media.appending import ClientGone, append_body
from media.errors import BeyondLength, UploadLocked
from media.models import Upload
from media.services import uploads
from media.services.tails import expect_tail
from media.services.uploads import UploadClaim
from media.tail_ahead import take_tail
from media.threads import in_database, in_database_unsynced
from media.tus import protocol
from media.tus.checksum import parse_checksum
from media.tus.errors import TusError, UnsupportedVersion
from media.tus.metadata import parse_metadata
from users.authentication import authenticate_scope
from users.models import User

logger = logging.getLogger(__name__)

T = TypeVar("T")

ROOT = "/api/uploads"
TAIL = "/tail"

#: A token that was ended may append to uploads so much longer; a chunk in flight goes on anyway.
SEEN_SECONDS = 2.0
SEEN_MOST = 1000

#: How long a request waits for one that is just ending; its client has often hung up already.
LOCK_TRIES = 10
LOCK_PAUSE_SECONDS = 0.1

_COMMON = {
    "Tus-Resumable": protocol.VERSION,
    "Cache-Control": "no-store",
    "Vary": "Authorization, Cookie",
    "X-Content-Type-Options": "nosniff",
}


class ConcatenationUnsupported(Invalid):
    """Parallel parts of one file would become one video each."""

    code, title = "upload-concat-unsupported", "This server does not join parallel uploads."


@dataclass(frozen=True)
class Answer:
    """Status, headers and body."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Request:
    """One request: where it goes, what its head says, and how its body is read."""

    scope: Scope
    receive: Receive
    method: str
    headers: dict[str, str]
    #: None for the collection itself.
    upload_id: uuid.UUID | None

    @property
    def size_bytes(self) -> int | None:
        """How long the body is; None where it is chunked."""
        length = self.headers.get("content-length", "")
        return int(length) if length.isdigit() else None

    @property
    def pump(self) -> BodyPump | None:
        """What takes the body from the socket in a thread; None where the server has none."""
        extension: dict[str, BodyPump] = self.scope.get("extensions", {}).get(EXTENSION, {})
        return extension.get("pump")

    @property
    def has_body(self) -> bool:
        """Whether bytes follow the head."""
        return bool(self.size_bytes) or "transfer-encoding" in self.headers

    async def as_user(self, service: Callable[..., T], **arguments: object) -> T:
        """Call a service in the name of whoever asks. Raises Unauthenticated."""
        return await in_database(self._call, service, arguments)

    async def claim(self, **arguments: Any) -> UploadClaim:
        """Take the lease of this upload. A lease that the power failure ends is no loss."""

        def take() -> UploadClaim:
            actor = _recently_seen(self.headers) or self._user()
            return uploads.claim_upload(actor=actor, size_bytes=self.size_bytes, **arguments)

        return await in_database_unsynced(take)

    def _call(self, service: Callable[..., T], arguments: dict[str, object]) -> T:
        return service(actor=self._user(), **arguments)

    def _user(self) -> User:
        user = authenticate_scope(self.scope)
        if user is None:
            raise Unauthenticated
        bearer = self.headers.get("authorization")
        if bearer is not None:
            if len(_seen) >= SEEN_MOST:
                _seen.clear()
            _seen[bearer] = (user, time.monotonic() + SEEN_SECONDS)
        return user


#: Whose token it was when it was last checked, for the next chunk of the same program. Without
#: this, half of what a chunk costs is finding out the same once more.
_seen: dict[str, tuple[User, float]] = {}


def _recently_seen(headers: dict[str, str]) -> User | None:
    user, until = _seen.get(headers.get("authorization", ""), (None, 0.0))
    return user if time.monotonic() < until else None


def takes_bytes(path: str) -> bool:
    """Whether a path is of this application: its bodies are bounded here, not by the server."""
    return path == ROOT or path.startswith(f"{ROOT}/")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    try:
        answer = await _answer(scope, receive)
    except ClientGone:
        return
    except TusError as error:
        answer = _tus_problem(error, scope)
    except AppError as error:
        answer = _problem(error, scope)
    except Exception as error:
        # The last line of an edge: a client gets a problem document, the log gets the rest.
        logger.exception("upload request failed", exc_info=error)
        answer = _problem(InternalError(), scope)
    headers = {**_COMMON, **answer.headers}
    if answer.status != 204:
        headers["Content-Length"] = str(len(answer.body))
    lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


async def _answer(scope: Scope, receive: Receive) -> Answer:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    method = protocol.effective_method(scope["method"], headers)
    path = scope["path"].removesuffix("/").removesuffix(TAIL)
    request = Request(scope, receive, method, headers, _upload_id(path))
    verb = _verbs(scope["path"]).get(method)
    if verb is None:
        raise MethodNotAllowed
    if method not in ("OPTIONS", "GET"):
        protocol.check_version(headers)
    return await verb(request)


def _verbs(path: str) -> dict[str, "Verb"]:
    path = path.removesuffix("/")
    if path == ROOT:
        return _OF_COLLECTION
    return _OF_TAIL if path.endswith(TAIL) and path != ROOT + TAIL else _OF_UPLOAD


def _upload_id(path: str) -> uuid.UUID | None:
    name = path.removeprefix(ROOT).removeprefix("/").removesuffix("/")
    if not name:
        return None
    try:
        upload_id = uuid.UUID(name)
    except ValueError:
        raise NotFound from None
    if str(upload_id) != name:
        raise NotFound
    return upload_id


# --- The verbs ------------------------------------------------------------------------------


async def _options(request: Request) -> Answer:
    return Answer(204, protocol.capabilities(max_bytes=settings.UPLOAD_MAX_BYTES))


async def _create(request: Request) -> Answer:
    """Open a session; the body, if there is one, is its first chunk."""
    if "upload-concat" in request.headers:
        raise ConcatenationUnsupported
    length = protocol.read_length(request.headers)
    header = request.headers.get("upload-metadata", "")
    metadata = parse_metadata(header)
    with_bytes = _is_chunk(request)
    checksum = parse_checksum(request.headers.get("upload-checksum")) if with_bytes else None
    if length is not None and (request.size_bytes or 0) > length:
        raise BeyondLength(length_bytes=length)
    upload = await request.as_user(
        uploads.create_upload, length_bytes=length, metadata=metadata, header=header
    )
    headers = {"Location": f"{ROOT}/{upload.pk}", "Upload-Expires": _http_date(upload)}
    if with_bytes or length == 0:
        claim = await request.claim(upload_id=upload.pk, offset_bytes=0)
        claim = await append_body(claim, request.receive, pump=request.pump, checksum=checksum)
        await _finish_if_full(claim)
        headers["Upload-Offset"] = str(claim.offset_bytes)
    return Answer(201, headers)


def _is_chunk(request: Request) -> bool:
    """Whether the creation carries bytes, declared as they have to be."""
    if request.has_body:
        protocol.check_chunk_type(request.headers)
    return request.has_body


async def _look(request: Request) -> Answer:
    upload = await request.as_user(uploads.get_upload, upload_id=request.upload_id)
    headers = {"Upload-Offset": str(upload.offset_bytes), "Upload-Expires": _http_date(upload)}
    if upload.length_bytes is None:
        headers["Upload-Defer-Length"] = "1"
    else:
        headers["Upload-Length"] = str(upload.length_bytes)
    if upload.metadata:
        headers["Upload-Metadata"] = upload.metadata
    return Answer(200, headers)


async def _show(request: Request) -> Answer:
    """Our own addition to tus: the same as JSON, with what has become of it."""
    upload = await request.as_user(uploads.get_upload, upload_id=request.upload_id)
    shape = {
        "upload_id": str(upload.pk),
        "offset": upload.offset_bytes,
        "length": upload.length_bytes,
        "status": upload.media_file.state if upload.media_file else None,
        "video_id": str(upload.media_file_id),
    }
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(shape).encode())


async def _append(request: Request) -> Answer:
    protocol.check_chunk_type(request.headers)
    offset = protocol.read_offset(request.headers)
    length = protocol.read_late_length(request.headers)
    checksum = parse_checksum(request.headers.get("upload-checksum"))
    claim = await _claim(request, offset_bytes=offset, length_bytes=length)
    if not claim.is_full:
        claim = await append_body(claim, request.receive, pump=request.pump, checksum=checksum)
    await _finish_if_full(claim)
    expires = format_datetime(uploads.expiry(), usegmt=True)
    return Answer(204, {"Upload-Offset": str(claim.offset_bytes), "Upload-Expires": expires})


async def _claim(request: Request, **arguments: Any) -> UploadClaim:
    """Take the lease; a request that is just ending has a moment to release it."""

    for _ in range(LOCK_TRIES):
        with contextlib.suppress(UploadLocked):
            return await request.claim(upload_id=request.upload_id, **arguments)
        await asyncio.sleep(LOCK_PAUSE_SECONDS)
    return await request.claim(upload_id=request.upload_id, **arguments)


async def _finish_if_full(claim: UploadClaim) -> None:
    if claim.is_full:
        await in_database(uploads.finish_upload, upload_id=claim.upload_id)


async def _delete(request: Request) -> Answer:
    await request.as_user(uploads.terminate_upload, upload_id=request.upload_id)
    return Answer(204, {})


async def _tail(request: Request) -> Answer:
    """Our own addition: the end of the file, before the rest of it."""
    protocol.check_chunk_type(request.headers)
    tail = await request.as_user(
        expect_tail,
        upload_id=request.upload_id,
        offset_bytes=protocol.read_offset(request.headers),
        size_bytes=request.size_bytes,
    )
    if tail is not None:
        await take_tail(tail, request.receive)
    return Answer(204, {})


Verb = Callable[[Request], Awaitable[Answer]]

_OF_COLLECTION: dict[str, Verb] = {"OPTIONS": _options, "POST": _create}
_OF_UPLOAD: dict[str, Verb] = {
    "OPTIONS": _options,
    "HEAD": _look,
    "GET": _show,
    "PATCH": _append,
    "DELETE": _delete,
}


_OF_TAIL: dict[str, Verb] = {"OPTIONS": _options, "PUT": _tail}


# --- Headers and problems -------------------------------------------------------------------


def _http_date(upload: Upload) -> str:
    return format_datetime(upload.expires_at, usegmt=True)


def _problem(error: AppError, scope: Scope) -> Answer:
    status, headers, body = problem_bytes(error, instance=scope["path"])
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(_verbs(scope["path"]))
    return Answer(status, headers, body)


def _tus_problem(error: TusError, scope: Scope) -> Answer:
    problem = {
        "type": f"/problems/{error.code}",
        "code": error.code,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": scope["path"],
    }
    headers = {"Content-Type": CONTENT_TYPE}
    if isinstance(error, UnsupportedVersion):
        headers["Tus-Version"] = protocol.VERSION
    return Answer(error.status, headers, json.dumps(problem).encode())

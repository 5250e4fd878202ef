"""The only definition of the wire: commands from the browser, frames and messages to it.

    → subscribe, unsubscribe, authenticate, ping
    ← snapshot, messages, versions, ok, refused

docs/realtime.md explains each of them; realtime/asyncapi.yaml says the same for programs, and a
test holds both against this module.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cached_property
from typing import Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder

from core.errors import AppError, NotFound, Unauthenticated, Unavailable
from realtime.errors import (
    AlreadySignedIn,
    CommandNotUnderstood,
    TooManyCommands,
    TooManySockets,
    TooManyTopics,
)
from users.errors import InvalidToken

#: What our clients offer as subprotocol, beside a ticket.
SUBPROTOCOL = "reelay.v1"
#: The longest reference of a command; a longer one is not understood.
REF_MAX_LENGTH = 64
#: The longest access token that is looked at.
TOKEN_MAX_LENGTH = 8192


class CloseCode(IntEnum):
    """Why a connection ends. Refusals are for commands, these are for connections."""

    SIGN_IN = 4401
    NOT_ALLOWED = 4403
    TOO_SLOW = 4408
    TOO_MANY = 4429
    GOING_AWAY = 4503


# --- Commands -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a client asks for. `ref` comes back in the answer."""

    type: ClassVar[str]
    ref: str = ""


@dataclass(frozen=True, kw_only=True)
class Subscribe(Command):
    """Follow `topic`; `since` is the version that the client has of it, None for nothing yet."""

    type = "subscribe"
    topic: str
    since: int | None = None


@dataclass(frozen=True, kw_only=True)
class Unsubscribe(Command):
    """Follow `topic` no longer. Asked twice is asked once."""

    type = "unsubscribe"
    topic: str


@dataclass(frozen=True, kw_only=True)
class Authenticate(Command):
    """Be the account of an access token from now on."""

    type = "authenticate"
    token: str


@dataclass(frozen=True, kw_only=True)
class Ping(Command):
    """Ask whether the server is there."""

    type = "ping"


COMMANDS: tuple[type[Command], ...] = (Subscribe, Unsubscribe, Authenticate, Ping)


class BadCommand(Exception):
    """What came is no command; carries the reference, where there was one, and the reason."""

    def __init__(self, detail: str, ref: str = "") -> None:
        self.ref = ref
        self.error = CommandNotUnderstood(detail)
        super().__init__(detail)


def decode(text: str | None, *, max_bytes: int) -> Command:
    """Read a command. Raises BadCommand for everything else, whatever it is.

    `text` is None for a binary frame.
    """
    if text is None:
        raise BadCommand("Commands are text frames.")
    if len(text) > max_bytes:
        raise BadCommand(f"A command has at most {max_bytes} bytes.")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise BadCommand("Commands are JSON.") from None
    if not isinstance(content, dict):
        raise BadCommand("A command is a JSON object.")
    return _command(content)


def _command(content: dict[str, Any]) -> Command:
    ref = content.get("ref", "")
    if not isinstance(ref, str) or len(ref) > REF_MAX_LENGTH:
        raise BadCommand(f"ref is a string of at most {REF_MAX_LENGTH} characters.")
    match content:
        case {"type": "subscribe", "topic": str(topic)}:
            since = content.get("since")
            # bool is a kind of int in Python, but `true` is no version.
            if since is not None and (type(since) is not int or since < 0):
                raise BadCommand("since is a version: a whole number, not negative.", ref)
            return Subscribe(topic=topic, since=since, ref=ref)
        case {"type": "unsubscribe", "topic": str(topic)}:
            return Unsubscribe(topic=topic, ref=ref)
        case {"type": "authenticate", "token": str(token)} if len(token) <= TOKEN_MAX_LENGTH:
            return Authenticate(token=token, ref=ref)
        case {"type": "ping"}:
            return Ping(ref=ref)
    known = ", ".join(command.type for command in COMMANDS)
    raise BadCommand(f"A command has a type ({known}) and what belongs to it.", ref)


# --- Messages: what happened to a topic ---------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Message:
    """One fact about a topic, absolute, so that a later one of its kind makes up for it."""

    type: ClassVar[str]
    #: Of several in one frame only the last one counts, for each value of this member.
    about: ClassVar[str] = ""

    def to_wire(self) -> dict[str, Any]:
        """`{"type": …, "data": …}`, of plain JSON types."""
        data = {item.name: getattr(self, item.name) for item in fields(self)}
        return {"type": self.type, "data": plain(data)}


@dataclass(frozen=True, kw_only=True)
class PostLikes(Message):
    """How many likes the post has now."""

    type = "post.likes"
    likes: int


@dataclass(frozen=True, kw_only=True)
class PostComments(Message):
    """How many comments the post has now."""

    type = "post.comments"
    comments: int


@dataclass(frozen=True, kw_only=True)
class CommentCreated(Message):
    """A new comment, whole."""

    type, about = "comment.created", "id"
    id: str
    post: str
    author: Mapping[str, Any]
    text: str
    created_at: str


@dataclass(frozen=True, kw_only=True)
class CommentDeleted(Message):
    """A comment is gone."""

    type, about = "comment.deleted", "id"
    id: str


@dataclass(frozen=True, kw_only=True)
class PostUpdated(Message):
    """What everybody sees of the post, whole; `liked` is not in it."""

    type = "post.updated"
    state: Mapping[str, Any]

    def to_wire(self) -> dict[str, Any]:
        """The state is the data."""
        return {"type": self.type, "data": plain(self.state)}


@dataclass(frozen=True, kw_only=True)
class PostDeleted(Message):
    """The post is gone, or no longer for this viewer. The topic ends."""

    type = "post.deleted"


@dataclass(frozen=True, kw_only=True)
class PostCreated(Message):
    """A post stands in the feed that did not before."""

    type, about = "post.created", "id"
    id: str
    author: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class PostRemoved(Message):
    """A post stands in nobody's feed any more, unless it is left to its author's."""

    type, about = "post.removed", "id"
    id: str
    author: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class MediaProgress(Message):
    """How far a media file has come: all of its state that changes."""

    type, about = "media.progress", "video_id"
    state: Mapping[str, Any]

    def to_wire(self) -> dict[str, Any]:
        """The state is the data."""
        return {"type": self.type, "data": plain(self.state)}


@dataclass(frozen=True, kw_only=True)
class MediaDeleted(Message):
    """The media file is gone, or no longer for this viewer. The topic ends."""

    type, about = "media.deleted", "video_id"
    video_id: str


@dataclass(frozen=True, kw_only=True)
class UserUpdated(Message):
    """The account has another name or profile; ask the API for it."""

    type = "user.updated"
    id: str


@dataclass(frozen=True, kw_only=True)
class QueueUpdated(Message):
    """The whole queue at a glance, for administrators."""

    type = "queue.updated"
    state: Mapping[str, Any]

    def to_wire(self) -> dict[str, Any]:
        """The state is the data."""
        return {"type": self.type, "data": plain(self.state)}


@dataclass(frozen=True, kw_only=True)
class QueueClosed(Message):
    """The viewer is no administrator any more. The topic ends."""

    type = "queue.closed"


MESSAGES: tuple[type[Message], ...] = (
    PostLikes,
    PostComments,
    CommentCreated,
    CommentDeleted,
    PostUpdated,
    PostDeleted,
    PostCreated,
    PostRemoved,
    MediaProgress,
    MediaDeleted,
    UserUpdated,
    QueueUpdated,
    QueueClosed,
)
MESSAGE_BY_TYPE = {message.type: message for message in MESSAGES}
#: After one of these the topic has no followers any more.
ENDINGS = frozenset({PostDeleted.type, MediaDeleted.type, QueueClosed.type})


# --- Frames: what the server sends --------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What one WebSocket text frame says. Encoded once, however many sockets it goes to."""

    type: ClassVar[str]

    @cached_property
    def text(self) -> str:
        """The frame as JSON."""
        body = {item.name: getattr(self, item.name) for item in fields(self)}
        return encode({"type": self.type, **body})

    @cached_property
    def wire(self) -> bytes:
        """The frame as RFC 6455 puts it on a connection: one unmasked, unfragmented text frame."""
        payload = self.text.encode()
        length = len(payload)
        if length < 126:
            head = bytes((0x81, length))
        elif length < 1 << 16:
            head = b"\x81\x7e" + length.to_bytes(2, "big")
        else:
            head = b"\x81\x7f" + length.to_bytes(8, "big")
        return head + payload


@dataclass(frozen=True, kw_only=True)
class Snapshot(Frame):
    """The whole state of a topic now, in answer to a subscription."""

    type = "snapshot"
    topic: str
    version: int
    data: Mapping[str, Any]
    ref: str


@dataclass(frozen=True, kw_only=True)
class Messages(Frame):
    """What happened to a topic: it builds on `prev` and leads to `version`."""

    type = "messages"
    topic: str
    prev: int
    version: int
    messages: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Versions(Frame):
    """Which version each followed topic has, every LIVE_HEARTBEAT_SECONDS."""

    type = "versions"
    data: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Ok(Frame):
    """Done; after a subscription: there is nothing new since."""

    type = "ok"
    ref: str


@dataclass(frozen=True, kw_only=True)
class Refused(Frame):
    """Not done, and why. The socket stays."""

    type = "refused"
    ref: str
    code: str
    detail: str

    @classmethod
    def of(cls, error: AppError, ref: str) -> "Refused":
        """The refusal that an error makes: its own code, or the one of its kind."""
        same_kind = (it.code for it in REFUSALS if it.kind == error.kind)
        code = error.code if error.code in _REFUSAL_CODES else next(same_kind, Unavailable.code)
        return cls(ref=ref, code=code, detail=error.detail)


#: Why a command may be refused.
REFUSALS: tuple[type[AppError], ...] = (
    CommandNotUnderstood,
    NotFound,
    Unauthenticated,
    InvalidToken,
    AlreadySignedIn,
    TooManyCommands,
    TooManyTopics,
    TooManySockets,
    Unavailable,
)
_REFUSAL_CODES = frozenset(error.code for error in REFUSALS)
FRAMES: tuple[type[Frame], ...] = (Snapshot, Messages, Versions, Ok, Refused)


def plain(value: Any) -> Any:
    """`value` in JSON's own types: dates and UUIDs become strings."""
    return json.loads(json.dumps(value, cls=DjangoJSONEncoder))


def encode(value: Any) -> str:
    """`value` as JSON, as short as it gets."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, cls=DjangoJSONEncoder)

"""The kinds of error that callers can tell apart.

    AppError
    ├── Invalid            the request cannot be understood or breaks a rule
    ├── Unauthenticated    nobody is signed in, or the token is not valid
    ├── Forbidden          signed in, seen, but not allowed
    ├── NotFound           is not there, or must not be known to be there
    ├── Conflict           the resource has changed, or is in the wrong state
    ├── Gone               was there once
    ├── TooLarge           beyond a limit of size
    ├── Locked             somebody else is at it right now
    ├── TooMany            beyond a limit of rate or number
    ├── Unavailable        a part that is needed does not answer; try again later
    └── OutOfSpace         the disk or the bucket is full

Each error knows its kind and a stable `code`; edges translate kinds into their own statuses.
"""

from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """What went wrong, as far as an edge has to know."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_LARGE = "too-large"
    LOCKED = "locked"
    TOO_MANY = "too-many"
    UNAVAILABLE = "unavailable"
    OUT_OF_SPACE = "out-of-space"


class AppError(Exception):
    """An error with a kind, a stable code for programs and a sentence for people.

    `extra` holds members for programs, such as `expected_bytes`; they are as stable as `code`.
    """

    kind: ClassVar[Kind]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str = "", **extra: object) -> None:
        self.detail = detail or self.title
        self.extra = extra
        super().__init__(self.detail)


class Invalid(AppError):
    """The request breaks a rule; `errors=[{"pointer": …, "detail": …}]` names the fields."""

    kind, code, title = Kind.INVALID, "invalid", "The request is not valid."


class Unauthenticated(AppError):
    """Sign in first."""

    kind, code, title = Kind.UNAUTHENTICATED, "unauthenticated", "Please sign in."


class Forbidden(AppError):
    """Known, but not allowed. What must not be known is NotFound instead."""

    kind, code, title = Kind.FORBIDDEN, "forbidden", "You may not do this."


class CsrfFailed(Forbidden):
    """A change was asked for with a cookie but without the token that proves the page."""

    code, title = "csrf-failed", "The CSRF token is missing or wrong; reload the page."


class NotFound(AppError):
    """Not there, or not for this viewer."""

    kind, code, title = Kind.NOT_FOUND, "not-found", "There is nothing here."


class Conflict(AppError):
    """The state of the resource does not allow this now."""

    kind, code, title = Kind.CONFLICT, "conflict", "The resource has changed."


class Gone(AppError):
    """It was here, and will not come back."""

    kind, code, title = Kind.GONE, "gone", "This is gone."


class TooLarge(AppError):
    """Beyond a limit of size."""

    kind, code, title = Kind.TOO_LARGE, "too-large", "This is too large."


class Locked(AppError):
    """Somebody else holds the resource for a moment; try again."""

    kind, code, title = Kind.LOCKED, "locked", "Somebody else is working on this right now."


class TooMany(AppError):
    """Too often, or too many; `retry_after_seconds` says when to try again."""

    kind, code, title = Kind.TOO_MANY, "too-many", "Too many requests."


class Unavailable(AppError):
    """A part that is needed does not answer; `retry_after_seconds` says when to try again."""

    kind, code, title = Kind.UNAVAILABLE, "unavailable", "This is not available right now."


class OutOfSpace(AppError):
    """There is no room for more bytes."""

    kind, code, title = Kind.OUT_OF_SPACE, "out-of-space", "The server has no space left."

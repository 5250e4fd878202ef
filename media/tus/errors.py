"""What only the protocol itself can find wrong, with the statuses that it demands."""

from typing import ClassVar


class TusError(Exception):
    """A request that the protocol does not allow: `status`, `code` and `title` for the answer.

    Three statuses are the protocol's own (412, 415, 460), so these errors carry numbers where
    the errors of the application carry kinds.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.title
        super().__init__(self.detail)


class BadHeader(TusError):
    """A header that is missing, or that cannot be read."""

    status, code, title = 400, "upload-header-invalid", "A header of the upload is not valid."


class UnsupportedVersion(TusError):
    """The client speaks another version; the answer names ours in `Tus-Version`."""

    status, code, title = 412, "upload-version-unsupported", "This server speaks tus 1.0.0."


class WrongContentType(TusError):
    """A body that is not declared as bytes of an upload."""

    status, code, title = (
        415,
        "upload-content-type",
        "The Content-Type of a chunk is application/offset+octet-stream.",
    )


class ChecksumMismatch(TusError):
    """The bytes are not those that the client meant to send; none of them counts."""

    status, code, title = (
        460,
        "upload-checksum-mismatch",
        "The checksum of the chunk is another one; nothing of it was kept.",
    )

"""What can be wrong with an upload. docs/errors.md explains each code to its readers."""

from core.errors import Conflict, Gone, Invalid, Locked, NotFound, OutOfSpace, TooLarge, TooMany


class UploadNotFound(NotFound):
    """No such upload, or somebody else's."""

    code, title = "upload-not-found", "There is no such upload."


class UploadGone(Gone):
    """It was ended by its owner, has expired, or its video was deleted."""

    code, title = "upload-gone", "This upload is over; start a new one."


class UploadFinished(Conflict):
    """All bytes are there and the video is being made; delete the video instead."""

    code, title = "upload-finished", "This upload is finished."


class OffsetMismatch(Conflict):
    """The client and the server disagree about how much has arrived; `expected_bytes` says."""

    code, title = "upload-offset-mismatch", "The chunk does not start where the upload ends."


class UploadLocked(Locked):
    """Another request is writing to this upload; `retry_after_seconds` says when to try again."""

    code, title = "upload-locked", "Another request is writing to this upload."


class UploadTooLarge(TooLarge):
    """The file is longer than `max_bytes`."""

    code, title = "upload-too-large", "The file is larger than this server takes."


class QuotaExceeded(TooLarge):
    """The account has no room for it; `free_bytes` says how much there is."""

    code, title = "upload-quota-exceeded", "Your account has no room for this file."


class BeyondLength(TooLarge):
    """More bytes came than `length_bytes` had announced."""

    code, title = "upload-beyond-length", "There are more bytes than the upload has announced."


class LengthFixed(Invalid):
    """A length can be told once."""

    code, title = "upload-length-fixed", "The length of this upload has been told before."


class MetadataInvalid(Invalid):
    """A value of the metadata that we read is not one of those that there are."""

    code, title = "upload-metadata-invalid", "The metadata of the upload cannot be used."


class TailInvalid(Invalid):
    """What was sent ahead is not the end of the file, or too much of it."""

    code, title = "upload-tail-invalid", "This is not the end of the file, or too much of it."


class TailUnwanted(Conflict):
    """This instance begins to encode when all of a file is there."""

    code, title = "upload-tail-unwanted", "This server does not take the end of a file ahead."


class TooManyUploads(TooMany):
    """The account has `max_uploads` unfinished uploads; finish or delete some."""

    code, title = "upload-too-many", "You have too many unfinished uploads."


class DiskFull(OutOfSpace):
    """The upload keeps what is stored and can go on when there is room again."""

    code, title = "upload-disk-full", "The server has no space left for this upload."

"""What can go wrong with a media file or with the tools that read it.

FFmpegError                 may be tried again
├── UnreadableMedia         permanent: the file itself is the reason (code, detail)
├── DamagedPiece            these seconds do not decode to what the plan says
├── ToolFailed              a process ended badly, for reasons of its own
│   ├── ToolTimedOut        … it took longer than it may
│   ├── ToolExceeded        … it used more than it may: memory, processor time, room on disk
│   └── ToolStalled         … it made no progress for too long
└── UnexpectedOutput        what was made does not fit what was made before
"""

from __future__ import annotations


class FFmpegError(Exception):
    """Anything that goes wrong in this package; trying again may help."""


class UnreadableMedia(FFmpegError):
    """The file cannot be used, and trying again will not change that.

    `code` is stable and for programs; `detail` is a sentence for the person who sent the file.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class DamagedPiece(FFmpegError):
    """A piece gives fewer frames than the plan counted: its seconds are damaged.

    Worth one more try; after that, make the piece with `tolerate_damage=True` and remember
    its seconds as damaged.
    """

    def __init__(self, piece: int, *, expected_frames: int, frames: int) -> None:
        super().__init__(f"piece {piece} gave {frames} of {expected_frames} frames")
        self.piece = piece
        self.expected_frames = expected_frames
        self.frames = frames


class ToolFailed(FFmpegError):
    """A media process ended with an error; `log` is the beginning and end of what it said."""

    def __init__(self, message: str, *, exit_code: int | None = None, log: str = "") -> None:
        said = _printable(log)[:500]
        super().__init__(f"{message}: {said}" if said else message)
        self.exit_code = exit_code
        self.log = log


class ToolTimedOut(ToolFailed):
    """A media process took longer than it may, and was killed."""


class ToolExceeded(ToolFailed):
    """A media process wanted more than its limits; `limit` says of what, in words."""

    def __init__(
        self, limit: str, message: str, *, exit_code: int | None = None, log: str = ""
    ) -> None:
        super().__init__(f"{message} (limit: {limit})", exit_code=exit_code, log=log)
        self.limit = limit


class ToolStalled(ToolFailed):
    """A media process made no progress for too long, and was killed."""


class UnexpectedOutput(FFmpegError):
    """A segment was made that does not join the others: its init or its timing differ."""


def _printable(text: str) -> str:
    """Without control characters: a file can make FFmpeg say whatever it likes.

    >>> _printable("title\\x1b[2J\\nERROR all is lost")
    'title\ufffd[2J | ERROR all is lost'
    """
    lines = (line.strip() for line in text.splitlines())
    joined = " | ".join(line for line in lines if line)
    return "".join(each if each.isprintable() else "\ufffd" for each in joined)


def too_long(most_seconds: float) -> UnreadableMedia:
    """The refusal of what lasts longer than a source may."""
    return UnreadableMedia("too-long", f"The file is longer than {most_seconds / 3600:g} hours.")

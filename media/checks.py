"""What `manage.py check` says about the machine that media is worked on."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info

from media.ffmpeg import sandbox

#: The checks that workers ask as well. All others ask about the server, and import the whole of it.
TAG = "media"

_HINT = "Install bubblewrap; docs/hostile-files.md says what else it needs."


def sandbox_is_required(**_: Any) -> list[CheckMessage]:
    """An error where a sandbox is required and cannot be had: no command starts then."""
    if settings.FFMPEG_SANDBOX != "require" or not (reason := sandbox.why_not()):
        return []
    message = f"FFMPEG_SANDBOX=require, but {reason}."
    return [Error(message, hint=_HINT, id="media.E001")]


def sandbox_is_used(**_: Any) -> list[CheckMessage]:
    """A word for operators where FFmpeg runs without a sandbox."""
    if settings.FFMPEG_SANDBOX != "auto" or not (reason := sandbox.why_not()):
        return []
    return [Info(f"FFmpeg runs without a sandbox: {reason}.", hint=_HINT, id="media.I001")]

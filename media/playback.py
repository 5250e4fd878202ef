"""Playback links: the right to read one video's segments, in the path itself.

    /hls/{video_id}/{expiry}.{epoch}.{mac}/master.m3u8
                                           manifest.mpd
                                           poster.jpg
                                           waveform.json
                                           storyboard.vtt
                                           storyboard-{n}.jpg
                                           {plan}/{rung}/index.m3u8
                                                         iframes.m3u8
                                                         init.mp4
                                                         {n}.m4s
                                           {plan}/subtitles{n}/index.m3u8
                                                               0.vtt
                                           {plan}/downloads/{rung}.mp4      a link of its own
                                           source                           the same

Whoever asks the API for a video they may see gets such a link; relative addresses inside the
playlists carry it on to every segment, where it is checked without a query. The expiry stands on
a grid, so all viewers of a video share one address and caches work. Raising the epoch of a media
file ends every link given out before.

What is taken away as a file has a link that opens this file alone, since not everybody who may
watch a video may take it along.
"""

import base64
import hashlib
import hmac
import re
import time
import uuid
from dataclasses import dataclass

from django.conf import settings

_MAC_BYTES = 16

_NUMBER = "0|[1-9][0-9]{0,11}"
_PATH = re.compile(
    r"/hls/(?P<media>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    rf"/(?P<expiry>{_NUMBER})\.(?P<epoch>{_NUMBER})\.(?P<mac>[A-Za-z0-9_-]{{22}})"
    r"/(?:(?P<top>master\.m3u8|manifest\.mpd|poster\.jpg|source"
    r"|waveform\.json|storyboard(?:\.vtt|-(?:0|[1-9][0-9]?)\.jpg))"
    r"|(?P<plan>[1-9][0-9]{0,8})/(?:downloads/(?P<download>[1-9][0-9]{0,4}p|audio)\.mp4"
    r"|(?P<rung>[1-9][0-9]{0,4}p|audio)"
    r"/(?:(?P<file>index\.m3u8|iframes\.m3u8|init\.mp4)|(?P<number>0|[1-9][0-9]{0,6})\.m4s)"
    r"|(?P<track>subtitles(?:0|[1-9][0-9]?))/(?P<text>index\.m3u8|0\.vtt)))"
)


@dataclass(frozen=True, kw_only=True)
class Link:
    """One address below `/hls/`, taken apart; nothing about it is checked yet.

    `name` is the file: `master.m3u8`, `manifest.mpd`, `poster.jpg`, `waveform.json`,
    `storyboard.vtt`, `storyboard-{n}.jpg`, `index.m3u8`, `iframes.m3u8`, `init.mp4`, `0.vtt`,
    `segment`, `download` or `source`. `rung` is the rendition, or the track of subtitles.
    """

    media_id: uuid.UUID
    expires_at: int
    epoch: int
    mac: str
    name: str
    plan: int = 0
    rung: str = ""
    number: int = 0

    @property
    def only(self) -> str:
        """What a link opens that opens nothing else; empty for one that opens the video."""
        if self.name == "download":
            return download_name(self.plan, self.rung)
        return SOURCE if self.name == SOURCE else ""


#: What the link of a source opens.
SOURCE = "source"


def download_name(plan: int, rung: str) -> str:
    """What the link of a download opens."""
    return f"{plan}/downloads/{rung}.mp4"


def parse(path: str) -> Link | None:
    """The parts of a path, or None if it is not written exactly as we write it."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    return Link(
        media_id=uuid.UUID(found["media"]),
        expires_at=int(found["expiry"]),
        epoch=int(found["epoch"]),
        mac=found["mac"],
        name=found["top"]
        or found["file"]
        or found["text"]
        or ("download" if found["download"] else "segment"),
        plan=int(found["plan"] or 0),
        rung=found["rung"] or found["track"] or found["download"] or "",
        number=int(found["number"] or 0),
    )


def signed_path(*, media_id: uuid.UUID, epoch: int, now: float | None = None) -> str:
    """The folder that opens `media_id`, valid for one to two PLAYBACK_LINK_SECONDS."""
    grid: int = settings.PLAYBACK_LINK_SECONDS
    expires_at = (int(time.time() if now is None else now) // grid + 2) * grid
    mac = _mac(settings.SECRET_KEY, media_id, expires_at, epoch)
    return f"/hls/{media_id}/{expires_at}.{epoch}.{mac}"


def signed_file(*, media_id: uuid.UUID, epoch: int, only: str, now: float | None = None) -> str:
    """The link of one file to take away, valid for one to two DOWNLOAD_LINK_SECONDS."""
    grid: int = settings.DOWNLOAD_LINK_SECONDS
    expires_at = (int(time.time() if now is None else now) // grid + 2) * grid
    mac = _mac(settings.SECRET_KEY, media_id, expires_at, epoch, only)
    return f"/hls/{media_id}/{expires_at}.{epoch}.{mac}/{only}"


def is_genuine(link: Link) -> bool:
    """Whether we signed `link`. Its expiry and its epoch are for the caller to compare."""
    keys: list[str] = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
    signed = [
        hmac.compare_digest(
            _mac(key, link.media_id, link.expires_at, link.epoch, link.only), link.mac
        )
        for key in keys
    ]
    return any(signed)


def _mac(secret: str, media_id: uuid.UUID, expires_at: int, epoch: int, only: str = "") -> str:
    key = hashlib.sha256(b"reelay.media.playback:" + secret.encode()).digest()
    text = f"{media_id}.{expires_at}.{epoch}{only and '/'}{only}".encode()
    digest = hmac.digest(key, text, "sha256")[:_MAC_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")

"""How soon a client holds the first segments of a video, through the running product.

Starts `manage.py serve` with a folder of its own, uploads a minute and twenty minutes by tus, and
asks like the page of a video: the socket tells of a playlist, then come the playlists, then picture
and sound side by side. The clips are turned upside down by their metadata, as a phone may do, so
that they have to be encoded.

Both are sent as fast as loopback goes, and as a link of a gigabit carries them: on that, twenty
minutes take long enough for their first piece to be made before the last byte comes.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import subprocess
import tempfile
import threading
import time
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from pathlib import Path
from statistics import median
from urllib.parse import urljoin, urlsplit

from websockets.sync.client import connect

from bench.clip import bench_clip
from media.ffmpeg.binary import ffmpeg_binary
from tests.product import Product, running

_CHUNK_BYTES = 8 * 1024 * 1024
_POLL_SECONDS = 0.05
_ASK_LATER_SECONDS = 10.0
#: A worker starts what it keeps warm two seconds after the last request: that is over by then.
_REST_SECONDS = 5.0
_LONG_REPEATS = 20
_GIGABIT = 1e9 / 8
#: Of so many passes the middle one counts.
_PASSES = 3
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Variant:
    """A media playlist: where its init and segments are, and when each segment begins."""

    init: str
    segments: tuple[str, ...]
    starts: tuple[float, ...]

    def at(self, seconds: float) -> str:
        """The segment that is played at this second."""
        return self.segments[bisect_right(self.starts, seconds) - 1]


class Viewer:
    """Asks a running product for what a player asks for."""

    def __init__(self, product: Product, token: str) -> None:
        self.product, self.token = product, token
        self.local = threading.local()

    def watch(self, video_id: str) -> tuple[Variant, Variant]:
        """Picture and sound, as soon as the socket tells of a playlist."""
        address = f"ws://127.0.0.1:{self.product.port}/ws/"
        with connect(address, additional_headers={"Authorization": f"Bearer {self.token}"}) as line:
            line.send(json.dumps({"type": "subscribe", "topic": f"media:{video_id}", "ref": "1"}))
            while True:
                frame = json.loads(line.recv(timeout=_PATIENCE_SECONDS))
                told = [frame] if frame["type"] == "snapshot" else frame.get("messages", [])
                for video in (message["data"] for message in told):
                    if video.get("error"):
                        raise SystemExit(f"no playlist: {video}\n{self.product.log()[-3000:]}")
                    if video.get("playlist_url"):
                        return self.variants(video["playlist_url"])

    def variants(self, url: str) -> tuple[Variant, Variant]:
        """The first picture that the multivariant playlist names, and its sound."""
        text = self.get(url).decode()
        picture = next(line for line in text.splitlines() if line and not line.startswith("#"))
        sound = re.search(r'TYPE=AUDIO.*URI="([^"]+)"', text)
        if not sound:
            raise SystemExit(f"no sound in the playlist:\n{text}")
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(self.variant, (urljoin(url, u) for u in (picture, sound[1])))
        return first, second

    def variant(self, url: str) -> Variant:
        """One media playlist."""
        text = self.get(url).decode()
        lengths = [float(length) for length in re.findall(r"#EXTINF:([\d.]+)", text)]
        init = re.search(r'#EXT-X-MAP:URI="([^"]+)"', text)
        names = [line for line in text.splitlines() if line and not line.startswith("#")]
        return Variant(
            init=urljoin(url, init[1] if init else ""),
            segments=tuple(urljoin(url, name) for name in names),
            starts=tuple(accumulate(lengths, initial=0.0))[:-1],
        )

    def fetch(self, *urls: str) -> None:
        """All of these, side by side; each is asked for again while the server says 503."""
        with ThreadPoolExecutor(len(urls)) as pool:
            for data in pool.map(self.get, urls):
                if not data:
                    raise SystemExit("an empty segment")

    def get(self, path: str) -> bytes:
        """The body of an answer."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            status, body = self.request("GET", path, {"Authorization": f"Bearer {self.token}"})
            if status == 200:
                return body
            if status != 503 or time.monotonic() > until:
                raise SystemExit(f"{path}: {status} {body[:300]!r}")
            time.sleep(_POLL_SECONDS)

    def upload(self, path: Path, bytes_per_second: float = inf) -> tuple[str, float]:
        """Upload a file by tus: the id of the video, and when the last byte was answered."""
        tus = {"Authorization": f"Bearer {self.token}", "Tus-Resumable": "1.0.0"}
        name = base64.b64encode(path.name.encode()).decode()
        size = path.stat().st_size
        creation = {"Upload-Length": str(size), "Upload-Metadata": f"filename {name}"}
        self.request("POST", "/api/uploads/", tus | creation)
        location = urlsplit(self.local.location).path
        patch = tus | {"Content-Type": "application/offset+octet-stream"}
        with path.open("rb") as source:
            for offset in range(0, size, _CHUNK_BYTES):
                chunk = source.read(_CHUNK_BYTES)
                time.sleep(len(chunk) / bytes_per_second)
                status, body = self.request(
                    "PATCH", location, patch | {"Upload-Offset": str(offset)}, chunk
                )
                if status != 204:
                    raise SystemExit(f"upload: {status} {body[:300]!r}")
        answered_at = time.monotonic()
        return str(json.loads(self.get(location))["video_id"]), answered_at

    def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        """One request on this thread's own connection."""
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(
                "127.0.0.1", self.product.port, timeout=_PATIENCE_SECONDS
            )
        connection = self.local.connection
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        self.local.location = answer.getheader("Location", "")
        return answer.status, answer.read()


def measure(folder: Path, *, seconds: int) -> dict[str, float]:
    """`first_segment_s`, the same for twenty minutes and over a gigabit, and `seek_s`."""
    short, long = clips(folder, seconds)
    with (
        tempfile.TemporaryDirectory(prefix="reelay-bench-") as var,
        running(Path(var)) as product,
    ):
        viewer = Viewer(product, product.sign_up("bench"))
        passing(viewer, short)  # It finds workers that are only just starting.
        found = {
            f"first_segment{name}_s": median(passing(viewer, clip, rate) for _ in range(_PASSES))
            for name, clip, rate in (
                ("", short, inf),
                ("_long", long, inf),
                ("_gigabit", short, _GIGABIT),
                ("_long_gigabit", long, _GIGABIT),
            )
        }
        _, _, variants = first_segment(viewer, long)
        time.sleep(_ASK_LATER_SECONDS)
        middle = variants[0].starts[-1] / 2
        began = time.monotonic()
        viewer.fetch(*(variant.at(middle) for variant in variants))
        found["seek_s"] = time.monotonic() - began
    return {name: round(value, 3) for name, value in found.items()}


def passing(viewer: Viewer, clip: Path, bytes_per_second: float = inf) -> float:
    """`first_segment` of a video that is deleted then, so that nothing is left to encode."""
    first, video_id, _ = first_segment(viewer, clip, bytes_per_second)
    viewer.product.call("DELETE", f"/api/videos/{video_id}/", token=viewer.token)
    time.sleep(_REST_SECONDS)
    return first


def first_segment(
    viewer: Viewer, clip: Path, bytes_per_second: float = inf
) -> tuple[float, str, tuple[Variant, Variant]]:
    """Seconds from the last byte's answer until picture and sound can be decoded."""
    video_id, answered_at = viewer.upload(clip, bytes_per_second)
    picture, sound = viewer.watch(video_id)
    viewer.fetch(picture.init, picture.segments[0], sound.init, sound.segments[0])
    return time.monotonic() - answered_at, video_id, (picture, sound)


def clips(folder: Path, seconds: int) -> tuple[Path, Path]:
    """A minute that has to be encoded, and twenty of them.

    The sound is encoded anew, without the gaps that repeating leaves: a recording has none.
    """
    clip, _ = bench_clip(folder, seconds=seconds)
    short, long = folder / f"turned-{clip.stem}.mp4", folder / f"long-{clip.stem}.mp4"
    repeats = max(round(_LONG_REPEATS * 60 / seconds), 1)
    for target, times in ((short, 1), (long, repeats)):
        if not target.exists():
            command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-y", "-stream_loop"]
            command += [str(times - 1), "-display_rotation", "180", "-i", str(clip)]
            command += ["-c:v", "copy", "-c:a", "aac", "-b:a", "128k", "-af", "aresample=async=1"]
            command += ["-movflags", "+faststart", str(target)]
            subprocess.run(command, check=True)
    return short, long


if __name__ == "__main__":
    home = Path("var/bench/encode")
    home.mkdir(parents=True, exist_ok=True)
    print(json.dumps(measure(home, seconds=60)))

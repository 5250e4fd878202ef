"""A client behind a slow link: sends a file by tus at a steady pace, as a phone at home does."""

import base64
import http.client
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.product import Product

#: One request at a time, as our own client does.
_CHUNK_BYTES = 8 * 1024 * 1024
_PIECES_PER_SECOND = 20


@dataclass
class SlowUpload:
    """An upload that takes `seconds` in all; it can be broken off and taken up again."""

    product: Product
    path: Path
    token: str
    seconds: float
    location: str = field(init=False)
    video_id: str = field(init=False)
    #: What the server has acknowledged, as far as we know.
    offset: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Open the session."""
        self.size = self.path.stat().st_size
        name = base64.b64encode(self.path.name.encode()).decode()
        headers = {"Upload-Length": str(self.size), "Upload-Metadata": f"filename {name}"}
        answer = self._connect("POST", "/api/uploads/", headers)
        self.location = urlsplit(answer.getheader("Location", "")).path
        self.video_id = self.product.call("GET", self.location, token=self.token)["video_id"]

    def send(self, *, until: float = 1.0) -> float:
        """Send up to this part of the file, at the pace of the link; when the end was answered."""
        end = int(self.size * until)
        while self.offset < end:
            self._patch(min(self.offset + _CHUNK_BYTES, end))
        return time.monotonic()

    def ask(self) -> int:
        """How much the server has, after a break."""
        answer = self._connect("HEAD", self.location, {})
        self.offset = int(answer.getheader("Upload-Offset", "0"))
        return self.offset

    def send_tail(self, start: int, *, said: int | None = None) -> None:
        """Send what begins at `start` ahead, as our own client does; `said` is another offset."""
        headers = {
            "Upload-Offset": str(start if said is None else said),
            "Content-Type": "application/offset+octet-stream",
        }
        with self.path.open("rb") as source:
            source.seek(start)
            self._connect("PUT", f"{self.location}/tail", headers, source.read())

    def give_up(self) -> None:
        """Have the server forget it."""
        self._connect("DELETE", self.location, {})

    def _patch(self, end: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.product.port, timeout=60)
        connection.putrequest("PATCH", self.location)
        about = {
            **self._headers(),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(end - self.offset),
            "Upload-Offset": str(self.offset),
        }
        for name, value in about.items():
            connection.putheader(name, value)
        connection.endheaders()
        pace = self.size / self.seconds
        began, start = time.monotonic(), self.offset
        with self.path.open("rb") as source:
            source.seek(start)
            at = start
            while at < end:
                piece = source.read(min(max(int(pace / _PIECES_PER_SECOND), 1), end - at))
                connection.send(piece)
                at += len(piece)
                time.sleep(max(0.0, (at - start) / pace - (time.monotonic() - began)))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 204:
            raise RuntimeError(f"upload: {answer.status}")
        self.offset = end

    def _connect(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.product.port, timeout=60)
        connection.request(method, path, body=body, headers=self._headers() | headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {body[:300]!r}")
        return answer

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Tus-Resumable": "1.0.0"}


def index_at(path: Path) -> int:
    """Where the index of a file begins whose index comes last."""
    return path.read_bytes().rindex(b"moov") - 4


def early_progress(product: Product, video_id: str, token: str) -> int:
    """Percent of a video that was made while it still arrives; 0 before encoding has begun."""
    video = product.call("GET", f"/api/videos/{video_id}/", token=token)
    return int(video["progress_percent"]) if video["early"] == "begun" else 0

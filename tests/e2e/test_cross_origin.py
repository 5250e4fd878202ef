"""A web client on another origin, over real sockets: what a browser is told before it lets a page
read an answer, from each of the three applications that answer HTTP."""

import http.client
from collections.abc import Iterator
from typing import Any

import pytest

from tests.product import Product, running

APP = "https://app.example"
FOREIGN = "https://evil.example"
UPLOADS = "/api/uploads/"
SEGMENT = "/hls/0c9e8f0a-5b1d-4c7e-9a3f-6d2b8e4f1a7c/1.0.x/1/72p/0.m4s"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A server that lists one other origin."""
    folder = tmp_path_factory.mktemp("origins")
    with running(folder, WORKER_PROCESSES="0", ALLOWED_ORIGINS=f"{APP}/") as started:
        yield started


@pytest.fixture(scope="module")
def ada(product: Product) -> str:
    return product.sign_up()


def ask(
    product: Product, method: str, path: str, origin: str = APP, **headers: str
) -> tuple[int, dict[str, str]]:
    """Status and headers (names in lower case) of the answer to a page of `origin`."""
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers={"Origin": origin, **named})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}


def listed(headers: dict[str, str], name: str) -> set[str]:
    return {item.strip().lower() for item in headers[f"access-control-{name}"].split(",")}


@pytest.mark.parametrize("path", ["/api/me/", UPLOADS, SEGMENT])
def test_a_preflight_needs_no_account(product: Product, path: str) -> None:
    wish = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "range"}
    status, headers = ask(product, "OPTIONS", path, **wish)
    assert (status, headers["access-control-allow-origin"]) == (204, APP)
    assert {"authorization", "tus-resumable", "range"} <= listed(headers, "allow-headers")
    _, foreign = ask(product, "OPTIONS", path, origin=FOREIGN, **wish)
    assert not [name for name in foreign if name.startswith("access-control")]


@pytest.mark.parametrize(("path", "status"), [("/api/me/", 401), (UPLOADS, 401), (SEGMENT, 404)])
def test_errors_can_be_read_too(product: Product, path: str, status: int) -> None:
    method = "POST" if path == UPLOADS else "GET"
    length = {"Tus_Resumable": "1.0.0", "Upload_Length": "5"}
    answered, headers = ask(product, method, path, **length)
    assert (answered, headers["access-control-allow-origin"]) == (status, APP)
    assert "origin" in headers["vary"].lower()
    assert headers["x-request-id"]
    assert "x-request-id" in listed(headers, "expose-headers")
    _, foreign = ask(product, method, path, origin=FOREIGN, **length)
    assert not [name for name in foreign if name.startswith("access-control")]


def test_a_program_of_another_origin_signs_in_with_its_token(product: Product, ada: str) -> None:
    status, headers = ask(product, "GET", "/api/me/", Authorization=f"Bearer {ada}")
    assert (status, headers["access-control-allow-origin"]) == (200, APP)


def test_every_header_that_tus_needs_is_shown(product: Product, ada: str) -> None:
    tus = {"Authorization": f"Bearer {ada}", "Tus_Resumable": "1.0.0"}
    status, created = ask(product, "POST", UPLOADS, Upload_Length="5", **tus)
    assert status == 201
    _, looked = ask(product, "HEAD", created["location"], **tus)
    _, capable = ask(product, "OPTIONS", UPLOADS)
    for headers in (created, looked, capable):
        spoken = {name for name in headers if name.startswith(("upload-", "tus-", "location"))}
        assert spoken
        assert spoken <= listed(headers, "expose-headers")


def test_a_page_of_this_instance_needs_none_of_it(product: Product, ada: str) -> None:
    own: dict[str, Any] = {"origin": product.url, "Authorization": f"Bearer {ada}"}
    status, headers = ask(product, "GET", "/api/me/", **own)
    assert (status, [name for name in headers if name.startswith("access-control")]) == (200, [])

"""What pages of other origins may do: those that are listed everything, others nothing more."""

from typing import Any

import pytest
from pytest_django import Settings

from core.cors import CrossOrigin
from core.origins import parse_origin
from tests.asgi import Answer, ask

APP = "https://app.example"


async def inner(scope: Any, receive: Any, send: Any) -> None:
    """An application that knows nothing of origins."""
    headers = [(b"vary", b"Cookie"), (b"allow", b"GET")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": scope["method"].encode()})


@pytest.fixture(autouse=True)
def allowed(settings: Settings) -> None:
    settings.ALLOWED_ORIGINS = [APP, "http://localhost:5173"]


async def say(origin: str | None, path: str = "/api/me/", **rest: Any) -> Answer:
    headers = {"Origin": origin} if origin else {}
    return await ask(CrossOrigin(inner), path, headers=headers | rest.pop("headers", {}), **rest)


async def preflight(origin: str, path: str = "/api/uploads/") -> Answer:
    return await say(
        origin, path, method="OPTIONS", headers={"Access-Control-Request-Method": "PATCH"}
    )


def allowances(answer: Answer) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


@pytest.mark.parametrize("path", ["/api/me/", "/api/uploads/0c9e", "/hls/x/master.m3u8"])
async def test_a_listed_origin_may_read_the_answer(path: str) -> None:
    answer = await say(APP, path)
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"] == "Cookie, Origin"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"Location", "Upload-Offset", "Retry-After", "X-Request-Id", "ETag"} <= set(exposed)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil.example",
        "https://sub.app.example",
        "https://evil@app.example",
        "null",
        "*",
    ],
)
async def test_an_origin_that_is_not_listed_whole_is_told_nothing(origin: str) -> None:
    assert allowances(await say(origin)) == set()
    assert allowances(await preflight(origin)) == set()


async def test_answers_to_everybody_vary_since_caches_keep_them() -> None:
    for origin in (None, "https://evil.example"):
        answer = await say(origin, "/hls/x/1/72p/0.m4s")
        assert (answer.headers["vary"], allowances(answer)) == ("Cookie, Origin", set())


async def test_a_preflight_is_answered_before_anybody_asks_who_it_is() -> None:
    answer = await preflight(APP)
    assert (answer.status, answer.body) == (204, b"")
    assert "PATCH" in answer.headers["access-control-allow-methods"].split(", ")
    wanted = {"Authorization", "Content-Type", "Tus-Resumable", "Upload-Offset", "Range"}
    assert wanted <= set(answer.headers["access-control-allow-headers"].split(", "))


async def test_a_preflight_of_others_is_an_ordinary_question() -> None:
    assert (await preflight("https://evil.example")).body == b"OPTIONS"


async def test_a_tus_client_may_ask_for_options_itself() -> None:
    answer = await say(APP, "/api/uploads/", method="OPTIONS")
    assert (answer.body, answer.headers["access-control-allow-origin"]) == (b"OPTIONS", APP)


@pytest.mark.parametrize("path", ["/", "/django-admin/", "/health", "/static/app.js", "/apix"])
async def test_pages_are_for_visitors_and_not_for_other_pages(path: str) -> None:
    answer = await say(APP, path)
    assert (answer.headers["vary"], allowances(answer)) == ("Cookie", set())


async def test_where_no_origin_is_listed_nothing_is_added(settings: Settings) -> None:
    settings.ALLOWED_ORIGINS = []
    answer = await say(APP)
    assert (answer.headers["vary"], allowances(answer)) == ("Cookie", set())


async def test_a_default_port_and_upper_case_are_the_same_origin() -> None:
    answer = await say("https://APP.example:443")
    assert answer.headers["access-control-allow-origin"] == "https://APP.example:443"


@pytest.mark.parametrize("text", ["*", "null", "app.example", "ftp://a.b", "https://*.a.b", ""])
def test_what_is_no_origin_is_not_taken_for_one(text: str) -> None:
    assert parse_origin(text) is None

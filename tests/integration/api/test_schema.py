import json
import re
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from pytest_django import Settings

from core.openapi import document
from tests.factories.posts import make_comment, make_media, make_post
from tests.factories.users import PASSWORD, client_of, make_user
from tests.routes import django_routes
from users import tokens

JSON = "application/json"


@pytest.fixture(scope="module")
def served() -> dict[str, Any]:
    answer = Client().get("/api/schema/")
    assert answer["Content-Type"] == JSON
    parsed: dict[str, Any] = json.loads(answer.content)
    return parsed


def test_the_document_is_valid_openapi_3_1(served: dict[str, Any]) -> None:
    assert served["openapi"].startswith("3.1.")
    validate(served)


def test_every_route_of_ours_is_in_the_document(served: dict[str, Any]) -> None:
    described = {re.sub(r"{\w+}", "{}", path).rstrip("/") for path in served["paths"]}
    missing = [route for route in django_routes() if route not in described]
    assert missing == []
    assert len(described) == len(served["paths"]), "one spelling of each route is enough"


def test_every_operation_has_its_own_name_and_tells_of_errors(served: dict[str, Any]) -> None:
    operations = [one for path in served["paths"].values() for one in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all("default" in operation["responses"] for operation in operations)


def test_a_client_that_has_the_document_gets_304() -> None:
    tag = Client().get("/api/schema")["ETag"]
    assert Client().get("/api/schema/", headers={"If-None-Match": tag}).status_code == 304


def conforms(answer: Any, method: str, path: str) -> None:
    """Fail unless `answer` is what the document says about this operation."""
    doc = document()
    operation = doc["paths"][path][method]
    status = str(answer.status_code)
    response = operation["responses"].get(status, doc["components"]["responses"]["Problem"])
    content = response.get("content")
    if not content:
        assert answer.content == b""
        return
    assert answer["Content-Type"] in content
    schema = content[answer["Content-Type"]]["schema"] | {"components": doc["components"]}
    Draft202012Validator(schema).validate(json.loads(answer.content))


@pytest.mark.django_db
def test_what_is_answered_is_what_the_document_says() -> None:
    ada = make_user("ada")
    post = make_post(ada, media=[make_media(ada).pk])
    comment = make_comment(ada, post)
    client, stranger = client_of(ada), client_of(None)
    new = {"username": "eve", "email": "eve@example.org", "password": PASSWORD}
    signed_in = stranger.post("/api/login/", {"login": "ada", "password": PASSWORD})
    one, likes, said = (f"/api/posts/{{post_id}}/{end}" for end in ("", "like/", "comments/"))
    here, again = f"/api/posts/{post.pk}/", "/api/token/refresh/"
    pair = tokens.issue(ada)
    for answer, method, path in (
        (stranger.post("/api/register/", new), "post", "/api/register/"),
        (stranger.post("/api/register/", new), "post", "/api/register/"),
        (stranger.post("/api/register/", {}), "post", "/api/register/"),
        (signed_in, "post", "/api/login/"),
        (stranger.post(again, {"refresh": pair.refresh}), "post", again),
        (client.get("/api/me/"), "get", "/api/me/"),
        (stranger.get("/api/me/"), "get", "/api/me/"),
        (client.get("/api/config/"), "get", "/api/config/"),
        (client.get("/api/posts/"), "get", "/api/posts/"),
        (client.post("/api/posts/", {"text": "Hi"}), "post", "/api/posts/"),
        (client.get(here), "get", one),
        (client.patch(here, {"text": "New"}), "patch", one),
        (client.post(f"{here}like/"), "post", likes),
        (client.delete(f"{here}like/"), "delete", likes),
        (client.post(f"{here}comments/", {"text": "Hi"}), "post", said),
        (client.get(f"{here}comments/"), "get", said),
        (client.delete(f"/api/comments/{comment.pk}/"), "delete", "/api/comments/{comment_id}/"),
        (client.get("/api/local-videos/"), "get", "/api/local-videos/"),
        (client.get("/api/jobs/"), "get", "/api/jobs/"),
        (client.delete(here), "delete", one),
        (client.get(here), "get", one),
        (client.post("/api/logout/"), "post", "/api/logout/"),
    ):  # fmt: skip
        conforms(answer, method, path)


# --- Browsing it ---------------------------------------------------------------------------------


def test_the_page_runs_no_script_of_its_own_and_none_from_elsewhere() -> None:
    answer = Client().get("/api/docs/")
    page = answer.content.decode()
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.S)
    assert scripts
    assert all(body == "" for _, body in scripts)
    assert not re.search(r"\son\w+=", page)
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert all(address.startswith("/") and not address.startswith("//") for address in addresses)


def test_everything_the_page_needs_is_served_by_us(settings: Settings) -> None:
    settings.SERVESTATIC_USE_FINDERS = True
    page = Client().get("/api/docs").content.decode()
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        answer = Client().get(address)
        assert answer.status_code == 200, address
        list(answer)  # read to its end, so that the file is closed


# --- What an error means -------------------------------------------------------------------------


def test_an_error_leads_to_a_page_that_explains_it() -> None:
    problem = Client().get("/api/me/").json()
    answer = Client().get(problem["type"])
    assert answer.status_code == 200
    assert "<h1><code>unauthenticated</code></h1>" in answer.content.decode()
    assert "<code>POST /api/login/</code>" in answer.content.decode()


@pytest.mark.parametrize("code", ["no-such-code", "..%2Fsettings", "a" * 300])
def test_a_code_that_does_not_exist_has_no_page(code: str) -> None:
    assert Client().get(f"/problems/{code}").status_code == 404

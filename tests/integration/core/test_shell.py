import json
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from media.models import MediaFile
from posts.models import Post
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def built_client(tmp_path: Path, settings: Settings) -> Path:
    settings.WEB_DIST_DIR = tmp_path
    entry = {"file": "assets/main-abcdefgh.js", "css": ["assets/main-abcdefgh.css"]}
    (tmp_path / "manifest.json").write_text(json.dumps({"src/main.tsx": entry}), "utf-8")
    return tmp_path


def make_user(name: str = "ada") -> User:
    return User.objects.create_user(name, f"{name}@example.org", "a long password")


def test_every_route_of_the_client_is_one_document_with_the_built_files(client: Client) -> None:
    for route in ("/", "/login", "/register", "/upload", "/videos", "/queue"):
        page = client.get(route)
        assert page.status_code == 200
        assert b'src="/static/assets/main-abcdefgh.js"' in page.content
        assert "csrftoken" in page.cookies
        assert "no-cache" in page["Cache-Control"]


def test_the_document_says_who_is_signed_in(client: Client) -> None:
    client.force_login(make_user())
    assert b'"username": "ada"' in client.get("/").content


def test_no_script_stands_inside_the_document(client: Client) -> None:
    page = client.get("/")
    assert b"<script>" not in page.content
    assert "script-src 'self'" in page["Content-Security-Policy"]


def test_a_post_names_itself_to_those_who_do_not_run_scripts(client: Client) -> None:
    post = Post.objects.create(author=make_user(), text="<b>Waves</b> at dawn")
    page = client.get(f"/p/{post.pk}").content.decode()
    assert 'property="og:title" content="&lt;b&gt;Waves&lt;/b&gt; at dawn' in page
    assert "By ada" in page


def test_a_private_post_says_nothing_to_others(client: Client) -> None:
    post = Post.objects.create(author=make_user(), text="My secret", visibility="private")
    page = client.get(f"/p/{post.pk}")
    assert page.status_code == 404
    assert b"secret" not in page.content


def test_people_get_a_page_where_programs_get_a_problem(client: Client) -> None:
    page = client.get("/nowhere", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert b'id="app"' in page.content
    assert client.get("/nowhere")["Content-Type"] == "application/problem+json"
    api = client.get("/api/nowhere", headers={"Accept": "text/html"})
    assert api["Content-Type"] == "application/problem+json"


def test_a_missing_build_says_what_to_do(client: Client, built_client: Path) -> None:
    (built_client / "manifest.json").unlink()
    page = client.get("/")
    assert page.status_code == 503
    assert b"manage.py build_web" in page.content


def test_a_preview_of_a_link_shows_the_poster(client: Client) -> None:
    owner = make_user()
    media = MediaFile.objects.create(
        owner=owner, title="Waves", filename="w.mp4", visibility="public", has_poster=True
    )
    page = client.get(f"/v/{media.pk}").content.decode()
    assert 'property="og:title" content="Waves' in page
    assert f'property="og:image" content="http://testserver/hls/{media.pk}/' in page


def test_a_private_video_says_nothing_to_others(client: Client) -> None:
    media = MediaFile.objects.create(owner=make_user(), title="Secret", filename="w.mp4")
    page = client.get(f"/v/{media.pk}")
    assert page.status_code == 404
    assert b"Secret" not in page.content

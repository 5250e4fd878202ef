"""Remote workers as admins see them, over the API and on the pages of the admin."""

import http.server
import ipaddress
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from rest_framework.test import APIClient

from media.jobs.clock import in_seconds
from media.jobs.queue import Kind
from media.models import Job, Server, ServerClaim
from media.remote.addresses import may_be_asked
from media.remote.signing import Key
from media.services import server_keys
from tests.factories.jobs import client, make_job
from tests.factories.users import make_user

pytestmark = pytest.mark.django_db

SERVERS = "/admin/servers"


@pytest.fixture
def admin() -> APIClient:
    return client("root", "admin")


def add(admin: APIClient, name: str = "attic", **fields: Any) -> dict[str, Any]:
    answer = admin.post(SERVERS, {"name": name, **fields})
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def listed(admin: APIClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.get(SERVERS).json()["results"]
    return found


def test_a_key_is_shown_once_and_stored_nowhere(admin: APIClient) -> None:
    answer = admin.post(SERVERS, {"name": "attic"})
    assert answer.headers["Cache-Control"] == "private, no-store"
    key = Key.parse(answer.json()["key"])
    row = Server.objects.get()
    assert key == server_keys.key_of(row)
    assert key.secret not in [bytes(row.key_salt), *map(str, vars(row).values())]
    assert "key" not in listed(admin)[0]
    assert str(key) not in admin.get(SERVERS).content.decode()


@pytest.mark.parametrize("role", ["user", ""])
def test_servers_are_the_business_of_admins(admin: APIClient, role: str) -> None:
    server = add(admin)
    other = client("somebody", role) if role else APIClient()
    one = f"{SERVERS}/{server['id']}"
    answers = [
        other.get(SERVERS),
        other.post(SERVERS, {"name": "mine"}),
        other.put(one, {"state": "disabled"}),
        other.delete(one),
        other.post(f"{one}/key"),
        other.post(f"{SERVERS}/health-check"),
    ]
    assert {answer.status_code for answer in answers} == {403 if role else 401}
    assert [row["state"] for row in listed(admin)] == ["active"]


def test_a_name_is_given_once(admin: APIClient) -> None:
    add(admin)
    answer = admin.post(SERVERS, {"name": "attic"})
    assert (answer.status_code, answer.json()["code"]) == (409, "server-exists")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://worker.example",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@worker.example",
        "https://worker.example/?next=x",
        "https://worker.example:99999",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]",
        "http://[fe80::1]",
        "http://224.0.0.1",
        "http://0.0.0.0:8000",
        "https://worker.example/\r\nHost: evil",
        "https://worker.example/" + "a" * 300,
    ],
)
def test_an_address_that_is_not_to_be_asked_is_refused(admin: APIClient, url: str) -> None:
    answer = admin.post(SERVERS, {"name": "attic", "url": url})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not Server.objects.exists()


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("10.1.2.3", True),
        ("127.0.0.1", True),
        ("2001:db8::1", True),
        ("169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:a9fe:a9fe::1", False),
        ("fd00:ec2::254", False),
        ("255.255.255.255", False),
    ],
)
def test_addresses_behind_addresses_count(address: str, may: bool) -> None:
    assert may_be_asked(ipaddress.ip_address(address)) is may


def test_a_server_is_drained_disabled_and_enabled(admin: APIClient) -> None:
    one = f"{SERVERS}/{add(admin)['id']}"
    for state in ("draining", "draining", "disabled", "active"):
        answer = admin.put(one, {"state": state})
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert admin.put(one, {"state": "gone"}).status_code == 400
    assert admin.put(f"{SERVERS}/{admin.get(SERVERS)}", {}).status_code == 404


@pytest.mark.parametrize("act", ["disable", "remove", "rotate"])
def test_what_it_did_goes_to_others_and_counts_as_nothing(admin: APIClient, act: str) -> None:
    server, job = Server.objects.get(pk=add(admin)["id"]), make_job(kind=Kind.LADDER)
    Job.objects.update(
        state="running", token=1, worker=server.worker, lease_expires_at=in_seconds(60)
    )
    ServerClaim.objects.create(job=job, server=server, token=1, plan_number=1)
    one = f"{SERVERS}/{server.pk}"
    match act:
        case "disable":
            admin.put(one, {"state": "disabled"})
        case "remove":
            admin.delete(one)
        case _:
            admin.post(f"{one}/key")
    job.refresh_from_db()
    assert (job.state, job.failures, job.losses, job.worker) == ("queued", 0, 0, "")


def test_a_new_key_is_another_key(admin: APIClient) -> None:
    server = add(admin)
    new = admin.post(f"{SERVERS}/{server['id']}/key").json()["key"]
    assert Key.parse(new) == server_keys.key_of(Server.objects.get())
    assert new != server["key"]


def test_health_is_one_word(admin: APIClient) -> None:
    add(admin)
    assert listed(admin)[0]["health"] == "never-seen"
    Server.objects.update(last_seen=Now(), load=2, capacity=3)
    assert (listed(admin)[0]["health"], listed(admin)[0]["load"]) == ("ok", 2)
    Server.objects.update(last_seen=in_seconds(-60))
    assert (listed(admin)[0]["health"], listed(admin)[0]["load"]) == ("silent", 0)
    Server.objects.update(state="disabled")
    assert listed(admin)[0]["health"] == "disabled"


# --- The check -----------------------------------------------------------------------------------


class _Door(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved/health":
            self.send_response(302)
            self.send_header("Location", "/health")
        else:
            self.send_response(200 if self.path == "/health" else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def door() -> Iterator[str]:
    _Door.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.django_db(transaction=True)
def test_the_check_asks_every_address_once_and_follows_no_redirect(
    admin: APIClient, door: str
) -> None:
    add(admin, "good", url=door)
    add(admin, "bad", url=f"{door}/ill")
    add(admin, "moved", url=f"{door}/moved")
    add(admin, "away", url="http://127.0.0.1:1")
    add(admin, "silent")
    Server.objects.update(last_seen=Now())
    answer = admin.post(f"{SERVERS}/health-check")
    health = {row["name"]: row["health"] for row in answer.json()["results"]}
    assert health == {
        "good": "ok",
        "bad": "unreachable",
        "moved": "unreachable",
        "away": "unreachable",
        "silent": "ok",
    }
    assert sorted(_Door.asked) == ["/health", "/ill/health", "/moved/health"]


# --- The pages -----------------------------------------------------------------------------------


def page() -> Client:
    signed_in = Client()
    signed_in.force_login(make_user("mod", role="admin"))
    return signed_in


def test_an_admin_adds_a_server_on_a_page_and_sees_its_key(admin: APIClient) -> None:
    pages, root = page(), "/django-admin/media/server/"
    shown = pages.post(f"{root}add/", {"name": "attic", "url": ""}, follow=True)
    key = str(server_keys.key_of(Server.objects.get()))
    assert key in shown.content.decode()
    assert key not in pages.get(root).content.decode()
    assert "never-seen" in pages.get(root).content.decode()
    bad = pages.post(f"{root}add/", {"name": "two", "url": "ftp://x"})
    assert "cannot be used" in bad.content.decode()
    assert Server.objects.count() == 1


@pytest.mark.parametrize(
    ("action", "state"), [("drain", "draining"), ("disable", "disabled"), ("enable", "active")]
)
def test_an_admin_moves_a_server_on_a_page(admin: APIClient, action: str, state: str) -> None:
    server = Server.objects.get(pk=add(admin)["id"])
    if action == "enable":
        Server.objects.update(state="draining")
    chosen = {"action": action, "_selected_action": [str(server.pk)]}
    page().post("/django-admin/media/server/", chosen)
    server.refresh_from_db()
    assert server.state == state


def test_an_admin_removes_a_server_on_a_page(admin: APIClient) -> None:
    server = add(admin)
    root = f"/django-admin/media/server/{server['id']}"
    assert page().get(f"{root}/change/").status_code == 200
    client = Client()
    client.force_login(make_user("mod2", role="admin"))
    client.post(f"{root}/delete/", {"post": "yes"})
    assert not Server.objects.exists()

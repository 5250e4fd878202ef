from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from posts.models import Comment, Post
from tests.factories.posts import make_post
from tests.factories.users import client_of, make_user
from tests.racing import at_once
from users.models import IdempotencyKey

pytestmark = pytest.mark.django_db


def publish(client: APIClient, text: str = "Hello", key: str = "k1") -> Any:
    return client.post("/api/posts/", {"text": text}, headers={"Idempotency-Key": key})


def test_a_post_that_is_sent_again_is_published_once() -> None:
    client = client_of(make_user())
    first, second = publish(client), publish(client)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first["Location"] == second["Location"]
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert Post.objects.count() == 1


def test_another_key_is_another_post() -> None:
    client = client_of(make_user())
    assert publish(client).json()["id"] != publish(client, key="k2").json()["id"]


def test_a_key_belongs_to_one_account() -> None:
    publish(client_of(make_user("ada")))
    assert publish(client_of(make_user("eve")), "Hi").json()["author"]["username"] == "eve"


def test_a_key_names_one_request() -> None:
    client = client_of(make_user())
    publish(client)
    answer = publish(client, "Something else")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency-key-reused")


def test_a_key_of_one_route_is_not_one_of_another() -> None:
    ada = make_user()
    client, headers = client_of(ada), {"Idempotency-Key": "k1"}
    posts = [make_post(ada), make_post(ada)]
    urls = [f"/api/posts/{post.pk}/comments/" for post in posts]
    statuses = [client.post(url, {"text": "Hi"}, headers=headers).status_code for url in urls]
    assert statuses == [201, 409]
    assert Comment.objects.count() == 1


def test_a_request_that_failed_leaves_its_key_free() -> None:
    client = client_of(make_user())
    assert publish(client, "").status_code == 400
    assert publish(client, "Now with a text").status_code == 201


def test_after_a_day_a_key_is_forgotten() -> None:
    client = client_of(make_user())
    publish(client)
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert "Idempotency-Replayed" not in publish(client)


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 201])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    assert publish(client_of(make_user()), key=key).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_parallel_requests_with_one_key_act_once_and_answer_alike() -> None:
    ada = make_user()

    def send() -> tuple[int, bytes]:
        answer = publish(client_of(ada))
        return answer.status_code, answer.content

    answers = at_once([send] * 8, threads=8)
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    assert Post.objects.count() == 1

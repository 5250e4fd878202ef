"""The queue as administrators follow it: told when it changes, counted while somebody looks."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.errors import NotFound
from media.events import QueueChanged
from media.jobs import overview
from media.models import QueueState
from media.services import queue
from media.services.queue import Teller, note_watcher
from realtime import relay, topics
from realtime.change import Change
from realtime.topics import Topic
from tests.factories.jobs import claim, make_job, make_owner
from users.models import Role, User

pytestmark = pytest.mark.django_db
TOPIC = Topic("admin", "queue")


class Carrier:
    """A courier that keeps what it is given, and runs errands at once."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Change]] = []

    def send(self, group: str, message: dict[str, Any]) -> None:
        self.sent.append((group, Change.from_layer(message)))

    def run(self, errand: Any, after_seconds: float = 0.0) -> None:
        errand()


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    made = Carrier()
    monkeypatch.setattr(relay, "courier", made)
    return made


def admin() -> User:
    owner = make_owner("root")
    owner.role = Role.ADMIN
    owner.save()
    return owner


def test_administrators_follow_the_queue_and_nobody_else() -> None:
    state = topics.read(topics.parse("admin:queue"), user_id=admin().pk)
    assert state.data is not None
    assert set(state.data) == set(overview.queue_now())
    for user_id in (make_owner("ada").pk, None):
        with pytest.raises(NotFound):
            topics.read(TOPIC, user_id=user_id)


def test_who_is_no_administrator_any_more_may_not_follow() -> None:
    root = admin()
    assert topics.not_allowed(TOPIC, {root.pk}) == set()
    User.objects.update(role=Role.USER)
    assert topics.not_allowed(TOPIC, {root.pk}) == {root.pk}


def test_a_change_is_told_whole(carrier: Carrier) -> None:
    make_job()
    note_watcher()
    relay.HANDLERS[QueueChanged](QueueChanged())
    ((group, change),) = carrier.sent
    assert (group, change.topic) == ("live.admin.queue", "admin:queue")
    assert (change.prev, change.version) == (0, QueueState.objects.get().version)
    (message,) = change.messages
    assert message["type"] == "queue.updated"
    assert message["data"]["counts"]["queued"] == 1


def test_a_pause_is_told_at_once(carrier: Carrier, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        queue.pause(actor=admin())
    assert carrier.sent[0][1].messages[0]["data"]["paused_at"] is not None


def test_while_somebody_follows_what_is_new_is_told_once(
    carrier: Carrier, django_capture_on_commit_callbacks: Any
) -> None:
    teller = Teller()
    note_watcher()
    make_job()
    with django_capture_on_commit_callbacks(execute=True):
        assert [teller.tell(), teller.tell()] == [True, False]
    claim()
    with django_capture_on_commit_callbacks(execute=True):
        assert teller.tell()
    versions = [change.version for _, change in carrier.sent]
    assert len(set(versions)) == len(versions) == 2


def test_while_nobody_follows_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "queue_now", lambda: pytest.fail("counted for nobody"))
    assert not Teller().tell()
    note_watcher()
    QueueState.objects.update(watched_at=timezone.now() - timedelta(hours=1))
    assert not Teller().tell()


def test_who_comes_back_after_a_while_does_not_take_the_old_state_for_the_new() -> None:
    root = admin()
    before = topics.read(TOPIC, user_id=root.pk).version
    assert topics.read(TOPIC, user_id=root.pk, since=before).data is None
    QueueState.objects.update(watched_at=timezone.now() - timedelta(hours=1))
    assert topics.read(TOPIC, user_id=root.pk, since=before).data is not None

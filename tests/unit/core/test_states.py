from datetime import timedelta

import pytest
from django.utils import timezone

from core.states import IllegalTransition
from media.models import MediaFile, Upload
from media.states import JOB, MEDIA, UPLOAD
from users.models import User


@pytest.fixture
def upload(db: None) -> Upload:
    owner = User.objects.create_user("ana", "ana@example.com", "a long password")
    media_file = MediaFile.objects.create(owner=owner, filename="a.mp4")
    expires = timezone.now() + timedelta(days=1)
    return Upload.objects.create(owner=owner, media_file=media_file, expires_at=expires)


def test_a_move_along_the_graph_changes_row_and_object(upload: Upload) -> None:
    UPLOAD.move(upload, "finished", offset_bytes=0)
    assert upload.state == Upload.objects.get().state == "finished"


def test_a_move_beside_the_graph_is_refused(upload: Upload) -> None:
    UPLOAD.move(upload, "finished")
    with pytest.raises(IllegalTransition):
        UPLOAD.move(upload, "receiving")


def test_of_two_who_race_one_wins(upload: Upload) -> None:
    other = Upload.objects.get(pk=upload.pk)
    UPLOAD.move(upload, "finished")
    with pytest.raises(IllegalTransition):
        UPLOAD.move(other, "terminated")


def test_a_move_with_an_old_token_is_refused(upload: Upload) -> None:
    old = Upload.objects.get(pk=upload.pk)
    Upload.objects.update(lease_token=2)
    with pytest.raises(IllegalTransition):
        UPLOAD.move(old, "finished", unchanged=["lease_token"])


@pytest.mark.parametrize("machine", [UPLOAD, JOB, MEDIA])
def test_every_state_that_can_be_reached_is_declared(machine: object) -> None:
    edges = machine.edges  # type: ignore[attr-defined]  # parametrized over one class
    assert {to for targets in edges.values() for to in targets} <= set(edges)


def test_where_a_state_can_come_from_is_told() -> None:
    assert set(JOB.sources_of("queued")) == {"running", "failed", "cancelled"}

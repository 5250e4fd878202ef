from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories.users import make_user
from users import services, sessions
from users.models import IdempotencyKey, Session

pytestmark = pytest.mark.django_db


def test_sessions_that_are_over_are_forgotten_and_others_stay() -> None:
    user = make_user()
    over, open_still = sessions.open_token_family(user), sessions.open_token_family(user)
    expired = Session.objects.filter(session_key=over.session_key)
    expired.update(expire_date=timezone.now() - timedelta(seconds=1))
    services.forget_expired()
    assert [row.session_key for row in Session.objects.all()] == [open_still.session_key]


def test_idempotency_keys_are_forgotten_after_a_day() -> None:
    user = make_user()
    for key in ("old", "new"):
        IdempotencyKey.objects.create(user=user, key=key, fingerprint="x")
    yesterday = timezone.now() - timedelta(hours=25)
    IdempotencyKey.objects.filter(key="old").update(created_at=yesterday)
    services.forget_expired()
    assert [row.key for row in IdempotencyKey.objects.all()] == ["new"]

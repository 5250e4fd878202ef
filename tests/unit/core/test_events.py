from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.db import transaction

from core.events import Event, publish, subscribe, unsubscribe


@dataclass(frozen=True)
class Happened(Event):
    number: int


@pytest.fixture
def heard() -> Iterator[list[int]]:
    numbers: list[int] = []

    def listen(event: Happened) -> None:
        numbers.append(event.number)

    subscribe(Happened, listen)
    yield numbers
    unsubscribe(Happened, listen)


@pytest.mark.django_db(transaction=True)
def test_an_event_is_told_after_the_commit(heard: list[int]) -> None:
    with transaction.atomic():
        publish(Happened(1))
        assert heard == []
    assert heard == [1]


@pytest.mark.django_db(transaction=True)
def test_an_event_of_a_rolled_back_transaction_is_never_told(heard: list[int]) -> None:
    with transaction.atomic():
        publish(Happened(1))
        transaction.set_rollback(True)
    assert heard == []


@pytest.mark.django_db(transaction=True)
def test_a_failing_subscriber_fails_neither_the_speaker_nor_the_others(
    heard: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: Happened) -> None:
        raise RuntimeError("deaf")

    listener: Callable[[Happened], None] = fail
    subscribe(Happened, listener)
    try:
        publish(Happened(2))
    finally:
        unsubscribe(Happened, listener)
    assert heard == [2]
    assert "subscriber failed" in caplog.text

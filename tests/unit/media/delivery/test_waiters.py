"""The table of held requests, and what a process knows for a while."""

import asyncio
from collections.abc import Set

import pytest

from media.delivery.known import Known
from media.delivery.waiters import Key, NoRoom, Waiters


class Database:
    """Segments that are made, and how often somebody asked."""

    def __init__(self) -> None:
        self.made: set[Key] = set()
        self.questions = 0
        self.is_away = False

    async def find(self, keys: Set[Key]) -> Set[Key]:
        self.questions += 1
        if self.is_away:
            raise OSError("away")
        return self.made & keys


def never() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def test_one_question_serves_all_who_wait() -> None:
    database = Database()
    waiters = Waiters(database.find, most=100, most_per_address=100)
    waiting = [
        asyncio.create_task(waiters.wait((1, n % 5), gone=never(), seconds=2)) for n in range(50)
    ]
    await asyncio.sleep(0.05)
    database.made = {(1, n) for n in range(5)}
    assert await asyncio.gather(*waiting) == [True] * 50
    assert database.questions <= 3


async def test_a_database_that_is_away_for_a_moment_costs_nobody_the_wait() -> None:
    database = Database()
    database.is_away, database.made = True, {(1, 1)}
    waiters = Waiters(database.find, most=1, most_per_address=1)
    waiting = asyncio.create_task(waiters.wait((1, 1), gone=never(), seconds=2))
    await asyncio.sleep(0.05)
    database.is_away = False
    assert await waiting


async def test_nobody_asks_when_nobody_waits() -> None:
    database = Database()
    waiters = Waiters(database.find, most=1, most_per_address=1)
    assert not await waiters.wait((1, 1), gone=never(), seconds=0.05)
    await asyncio.sleep(0.15)
    before = database.questions
    await asyncio.sleep(0.25)
    assert database.questions == before


def test_places_are_counted_and_given_back() -> None:
    waiters = Waiters(Database().find, most=2, most_per_address=1)
    waiters.take_place("a")
    with pytest.raises(NoRoom):
        waiters.take_place("a")
    waiters.take_place("b")
    with pytest.raises(NoRoom):
        waiters.take_place("c")
    waiters.leave_place("a")
    waiters.take_place("c")
    assert len(waiters) == 2


async def test_a_value_is_looked_up_once_for_all_who_ask() -> None:
    asked = []

    async def look_up(key: str) -> str:
        asked.append(key)
        await asyncio.sleep(0.01)
        return key.upper()

    known: Known[str, str] = Known(look_up, seconds=10, most=2)
    assert await asyncio.gather(*(known.get("a") for _ in range(5))) == ["A"] * 5
    for key in ("b", "c", "a"):
        await known.get(key)
    assert asked == ["a", "b", "c", "a"]


async def test_a_look_up_that_fails_is_tried_again() -> None:
    answers: list[OSError | str] = [OSError("away"), "A"]

    async def look_up(key: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    known: Known[str, str] = Known(look_up, seconds=10, most=2)
    with pytest.raises(OSError, match="away"):
        await known.get("a")
    assert await known.get("a") == "A"


async def test_who_leaves_does_not_end_the_look_up_of_others() -> None:
    release = asyncio.Event()

    async def look_up(key: str) -> str:
        await release.wait()
        return key

    known: Known[str, str] = Known(look_up, seconds=10, most=2)
    leaving, staying = (asyncio.create_task(known.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    release.set()
    assert await staying == "a"

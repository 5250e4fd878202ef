"""When messages go out, and to whom: a room with a clock in the test's hand."""

import asyncio
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from core.errors import Unavailable
from realtime import hub, rooms
from realtime.change import Change
from realtime.hub import Hub, Settings
from realtime.protocol import CloseCode, Frame, Messages, PostLikes, PostUpdated, Versions
from realtime.rooms import Room
from realtime.topics import Topic, ending

TOPIC = Topic("post", "0c9e1b9c-8d0f-4c39-9d8e-0a9f5d1c2b3a")


class Timer:
    def __init__(self, at: float, run: Callable[[], None]) -> None:
        self.at, self.run, self.is_cancelled = at, run, False

    def cancel(self) -> None:
        self.is_cancelled = True


class Clock:
    """The two things that a room asks of an event loop."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, run: Any, *args: Any) -> Timer:
        self.timers.append(Timer(self.now + seconds, lambda: run(*args)))
        return self.timers[-1]

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.timers if timer.at <= self.now and not timer.is_cancelled]
        self.timers = [timer for timer in self.timers if timer.at > self.now]
        for timer in sorted(due, key=lambda it: it.at):
            timer.run()


class Listener:
    def __init__(self) -> None:
        self.user_id: uuid.UUID | None = None
        self.frames: list[Frame] = []
        self.dropped: list[Topic] = []
        self.closed: CloseCode | None = None

    @property
    def topics(self) -> Iterable[Topic]:
        return (TOPIC,)

    @property
    def versions(self) -> list[int]:
        return [frame.version for frame in self.frames if isinstance(frame, Messages)]

    def send(self, frame: Frame) -> None:
        self.frames.append(frame)

    def dropped_from(self, topic: Topic) -> None:
        self.dropped.append(topic)

    def close(self, code: CloseCode) -> None:
        self.closed = code


class Stage:
    """A room whose hub only notes what it is asked to do."""

    def __init__(self) -> None:
        self.hub = Hub(layer=object(), limits=Settings(gather_seconds=0.25, heartbeat_seconds=20))
        self.room = Room(TOPIC, self.hub)
        self.clock = Clock()
        self.room._loop = self.clock  # type: ignore[assignment]
        self.healed: list[Room] = []
        self.hub.heal = self._heal  # type: ignore[method-assign]

    async def _heal(self, room: Room) -> None:
        self.healed.append(room)

    def listener(self, version: int = 4) -> Listener:
        listener = Listener()
        self.room.hold(listener)
        self.room.begin(version, "public")
        self.room.release(listener, version)
        return listener


@pytest.fixture
async def stage() -> Stage:
    return Stage()


def step(version: int) -> Change:
    message = PostLikes(likes=version).to_wire()
    return Change(topic=str(TOPIC), prev=version - 1, version=version, messages=[message])


async def test_the_first_goes_out_at_once_and_what_follows_together(stage: Stage) -> None:
    listener = stage.listener()
    stage.room.add(step(5))
    assert listener.versions == [5]
    for version in (6, 7, 8):
        stage.clock.advance(0.05)
        stage.room.add(step(version))
    assert listener.versions == [5]
    stage.clock.advance(0.11)
    assert listener.versions == [5, 8]
    last = listener.frames[-1]
    assert isinstance(last, Messages)
    assert (last.prev, len(last.messages)) == (5, 1)


async def test_after_a_quiet_while_the_next_goes_out_at_once(stage: Stage) -> None:
    listener = stage.listener()
    stage.room.add(step(5))
    stage.clock.advance(0.3)
    stage.room.add(step(6))
    assert listener.versions == [5, 6]


async def test_frames_of_a_busy_topic_are_a_quarter_of_a_second_apart(stage: Stage) -> None:
    listener = stage.listener()
    for version in range(5, 105):
        stage.room.add(step(version))
        stage.clock.advance(0.01)
    assert len(listener.versions) <= 5
    stage.clock.advance(0.3)
    assert listener.versions[-1] == 104


async def test_frames_are_encoded_once_for_all(stage: Stage) -> None:
    one, two = stage.listener(), stage.listener()
    stage.room.add(step(5))
    assert one.frames[0].wire is two.frames[0].wire


async def test_what_comes_before_the_snapshot_is_held_and_then_let_through(stage: Stage) -> None:
    stage.listener()
    late = Listener()
    stage.room.hold(late)
    stage.room.add(step(5))
    stage.clock.advance(0.3)
    stage.room.add(step(6))
    assert late.frames == []
    stage.room.release(late, 5)
    assert late.versions == [6]


async def test_a_hole_is_healed_after_a_second_and_not_before(stage: Stage) -> None:
    listener = stage.listener()
    stage.room.add(step(6))
    stage.clock.advance(0.9)
    assert stage.healed == []
    stage.clock.advance(0.2)
    await asyncio.sleep(0)
    assert stage.healed == [stage.room]
    state = PostUpdated(state={"likes": 6}).to_wire()
    stage.room.add(Change(topic=str(TOPIC), prev=0, version=6, messages=[state]))
    assert listener.versions == [6]


async def test_a_hole_that_fills_is_not_healed(stage: Stage) -> None:
    listener = stage.listener()
    stage.room.add(step(6))
    stage.room.add(step(5))
    stage.clock.advance(2)
    await asyncio.sleep(0)
    assert stage.healed == []
    assert listener.versions == [6]


async def test_the_end_of_a_topic_comes_after_all_before_it_and_lets_go(stage: Stage) -> None:
    listener = stage.listener()
    stage.room.add(step(5))
    stage.room.add(step(6))
    stage.room.add(ending(TOPIC))
    frames = [frame for frame in listener.frames if isinstance(frame, Messages)]
    assert [[it["type"] for it in frame.messages] for frame in frames] == [
        ["post.likes"],
        ["post.likes"],
        ["post.deleted"],
    ]
    assert listener.versions == [5, 6, 7]
    assert listener.dropped == [TOPIC]
    assert not stage.room.members


async def test_what_is_new_has_version_0_and_is_not_at_its_end(stage: Stage) -> None:
    # What is told of a row that has just been made arrives when it is already followed.
    listener = stage.listener(version=0)
    state = PostUpdated(state={}).to_wire()
    stage.room.add(Change(topic=str(TOPIC), prev=0, version=0, messages=[state], audience="public"))
    assert (listener.frames, listener.dropped) == ([], [])
    stage.room.add(step(1))
    assert listener.versions == [1]


async def test_another_audience_is_checked_before_it_hears(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    listener = stage.listener()

    async def recheck(room: Room) -> None:
        order.append("checked")
        assert listener.frames == []

    monkeypatch.setattr(stage.hub, "recheck", recheck)
    state = PostUpdated(state={}).to_wire()
    change = Change(topic=str(TOPIC), prev=0, version=5, messages=[state], audience="private")
    stage.room.add(change)
    for _ in range(3):
        await asyncio.sleep(0)
    assert order == ["checked"]
    assert listener.versions == [5]


def narrowed(version: int) -> Change:
    state = PostUpdated(state={}).to_wire()
    return Change(topic=str(TOPIC), prev=0, version=version, messages=[state], audience="private")


async def test_nobody_stays_because_the_database_could_not_be_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, answers = stage.listener(), [Unavailable(), OSError(), {None}]

    async def read(*_: object) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(stage.hub, "read", read)
    monkeypatch.setattr(hub, "HOLE_SECONDS", 0)
    stage.room.add(narrowed(5))
    for _ in range(12):
        await asyncio.sleep(0)
    assert answers == []
    (frame,) = listener.frames
    assert isinstance(frame, Messages)
    assert [message["type"] for message in frame.messages] == ["post.deleted"]
    assert not stage.room.members


async def test_what_comes_while_the_audience_is_checked_waits_for_its_own_check(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, checks = stage.listener(), 0

    async def recheck(room: Room) -> None:
        nonlocal checks
        checks += 1
        await asyncio.Event().wait()

    monkeypatch.setattr(stage.hub, "recheck", recheck)
    for version in (5, 6):
        stage.room.add(narrowed(version))
        await asyncio.sleep(0)
    assert (checks, listener.frames) == (2, [])


async def test_catching_up_tells_the_version(stage: Stage) -> None:
    listener = stage.listener()
    stage.room.catch_up(9)
    assert listener.frames == [Versions(data={str(TOPIC): 9})]


async def test_many_members_are_written_to_in_slices_and_in_order(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "SLICE", 2)
    listeners = [stage.listener() for _ in range(5)]
    stage.room.add(step(5))
    stage.clock.advance(0.3)
    stage.room.add(step(6))
    for _ in range(12):
        await asyncio.sleep(0)
    assert [listener.versions for listener in listeners] == [[5, 6]] * 5

"""The order, the gaps and the doubles of changes."""

from typing import Any

from realtime.change import Change
from realtime.gather import Gathering, merge
from realtime.protocol import (
    CommentCreated,
    CommentDeleted,
    PostCreated,
    PostLikes,
    PostRemoved,
    PostUpdated,
)

TOPIC = "post:0c9e1b9c-8d0f-4c39-9d8e-0a9f5d1c2b3a"


def likes(count: int) -> dict[str, Any]:
    return PostLikes(likes=count).to_wire()


def comment(name: str) -> dict[str, Any]:
    return CommentCreated(
        id=name, post="p", author={"id": "a", "username": "ann"}, text="hi", created_at="now"
    ).to_wire()


def step(version: int, *messages: dict[str, Any]) -> Change:
    return Change(topic=TOPIC, prev=version - 1, version=version, messages=list(messages))


def whole(version: int) -> Change:
    state = PostUpdated(state={"likes": version}).to_wire()
    return Change(topic=TOPIC, prev=0, version=version, messages=[state])


def gathering(version: int) -> Gathering:
    made = Gathering(TOPIC)
    made.start(version)
    return made


def test_what_comes_together_goes_out_as_one_frame() -> None:
    made = gathering(4)
    made.add(step(5, likes(1)))
    made.add(step(6, comment("x")))
    made.add(step(7, likes(2)))
    frame = made.take()
    assert frame is not None
    assert (frame.prev, frame.version) == (4, 7)
    assert frame.messages == [comment("x"), likes(2)]
    assert made.take() is None


def test_changes_that_overtake_each_other_are_put_in_order() -> None:
    made = gathering(4)
    made.add(step(6, comment("second")))
    assert made.take() is None
    assert made.is_stuck
    made.add(step(5, comment("first")))
    frame = made.take()
    assert frame is not None
    assert frame.messages == [comment("first"), comment("second")]
    assert not made.is_stuck


def test_a_hole_is_never_papered_over() -> None:
    made = gathering(4)
    made.add(step(5, likes(1)))
    made.add(step(7, comment("x")))
    frame = made.take()
    assert frame is not None
    assert frame.version == 5
    assert made.take() is None
    assert (made.settled, made.newest) == (5, 7)


def test_a_whole_state_fills_every_hole() -> None:
    made = gathering(4)
    made.add(step(7, comment("x")))
    made.add(whole(7))
    made.add(step(8, likes(3)))
    frame = made.take()
    assert frame is not None
    assert (frame.prev, frame.version) == (0, 8)
    assert frame.messages == [whole(7).messages[0], likes(3)]


def test_what_is_known_already_does_not_go_out_again() -> None:
    made = gathering(4)
    made.add(step(4, likes(1)))
    made.add(whole(3))
    assert made.take() is None
    assert not made.is_stuck


def test_nothing_goes_out_before_the_first_state_is_known() -> None:
    made = Gathering(TOPIC)
    made.add(step(5, likes(1)))
    made.add(step(6, likes(2)))
    assert made.take() is None
    made.start(5)
    frame = made.take()
    assert frame is not None
    assert (frame.prev, frame.version, frame.messages) == (5, 6, [likes(2)])


def test_the_same_change_twice_is_told_once() -> None:
    made = gathering(4)
    made.add(step(5, comment("x")))
    made.add(step(5, comment("x")))
    frame = made.take()
    assert frame is not None
    assert frame.messages == [comment("x")]


def test_after_a_jump_older_changes_are_forgotten() -> None:
    made = gathering(4)
    made.add(step(9, likes(1)))
    made.jump(9)
    assert made.take() is None
    assert made.version == 9


def test_of_absolute_values_the_last_one_counts() -> None:
    assert merge([likes(1), comment("x"), likes(2)]) == [comment("x"), likes(2)]


def test_every_comment_stays() -> None:
    assert merge([comment("x"), comment("y")]) == [comment("x"), comment("y")]


def test_a_comment_that_is_deleted_again_is_not_told() -> None:
    deleted = CommentDeleted(id="x").to_wire()
    assert merge([comment("x"), comment("y"), deleted]) == [comment("y"), deleted]


def test_of_a_post_that_enters_and_leaves_the_feed_the_last_word_counts() -> None:
    created = PostCreated(id="x", author={"id": "a", "username": "ann"}).to_wire()
    removed = PostRemoved(id="x", author={"id": "a"}).to_wire()
    other = PostRemoved(id="y", author={"id": "a"}).to_wire()
    assert merge([created, other, removed]) == [other, removed]
    assert merge([created, removed, created]) == [created]

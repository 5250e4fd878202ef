"""Commands that are read and frames that are written."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AppError, OutOfSpace
from media.selectors import VideoNotFound
from realtime.change import Change
from realtime.gather import Gathering
from realtime.limits import TokenBucket
from realtime.protocol import (
    COMMANDS,
    REFUSALS,
    BadCommand,
    Command,
    CommentCreated,
    Messages,
    Ok,
    Refused,
    Subscribe,
    decode,
)


def read(text: str | None) -> Command:
    return decode(text, max_bytes=16384)


def test_a_command_is_read_with_its_reference() -> None:
    command = read('{"type": "subscribe", "topic": "feed", "since": 3, "ref": "7"}')
    assert command == Subscribe(topic="feed", since=3, ref="7")


def test_what_a_newer_client_adds_is_ignored() -> None:
    assert read('{"type": "ping", "ref": "1", "mood": "good"}').ref == "1"


def test_a_bad_command_is_refused_with_its_reference() -> None:
    with pytest.raises(BadCommand) as bad:
        read('{"type": "explode", "ref": "7"}')
    assert bad.value.ref == "7"


@pytest.mark.parametrize("since", ["true", "-1", "1.0", '"1"', "[]"])
def test_a_version_is_a_whole_number(since: str) -> None:
    with pytest.raises(BadCommand):
        read(f'{{"type": "subscribe", "topic": "feed", "since": {since}}}')


def test_what_is_nested_beyond_sense_is_refused() -> None:
    with pytest.raises(BadCommand):
        decode("[" * 100_000, max_bytes=200_000)


def test_the_bound_of_a_command_is_kept() -> None:
    text = '{"type": "ping"}'
    assert decode(text, max_bytes=len(text)).type == "ping"
    with pytest.raises(BadCommand):
        decode(text, max_bytes=len(text) - 1)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_almost = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from([command.type for command in COMMANDS]) | _json,
        "topic": st.text(string.ascii_letters) | _json,
        "since": st.integers() | _json,
        "token": st.text() | _json,
        "ref": st.text(max_size=70) | _json,
    },
)


@given(st.none() | st.text() | st.binary().map(repr) | _almost.map(json.dumps))
def test_whatever_comes_is_a_command_or_refused(text: str | None) -> None:
    try:
        read(text)
    except BadCommand as bad:
        refused: Refused | None = Refused.of(bad.error, bad.ref)
    else:
        refused = None
    assert refused is None or refused.code == "command-not-understood"


@pytest.mark.parametrize("size", [0, 100, 125, 126, 70_000])
def test_a_frame_is_one_text_frame_of_rfc_6455(size: int) -> None:
    from websockets.frames import Frame, Opcode
    from websockets.streams import StreamReader

    frame = Ok(ref="x" * size)
    stream = StreamReader()
    stream.feed_data(frame.wire)
    parser = Frame.parse(stream.read_exact, mask=False)
    with pytest.raises(StopIteration) as parsed:
        next(parser)
    assert parsed.value.value.opcode is Opcode.TEXT
    assert parsed.value.value.fin
    assert json.loads(parsed.value.value.data) == {"type": "ok", "ref": "x" * size}


def test_a_frame_is_encoded_once() -> None:
    frame = Messages(topic="feed", prev=1, version=2, messages=[])
    assert frame.wire is frame.wire


def test_a_change_survives_the_layer() -> None:
    change = Change(topic="feed", prev=1, version=2, messages=[{"type": "x"}], audience="public")
    assert Change.from_layer(json.loads(json.dumps(change.to_layer()))) == change


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: error.code)
def test_a_refusal_keeps_the_code_that_the_docs_have(error: type[AppError]) -> None:
    assert Refused.of(error(), "1").code == error.code


def test_other_errors_are_refused_with_the_code_of_their_kind() -> None:
    assert Refused.of(VideoNotFound(), "1").code == "not-found"
    assert Refused.of(OutOfSpace(), "1").code == "unavailable"


def test_a_bucket_lets_a_burst_through_and_then_so_many_per_second() -> None:
    now = 50.0
    bucket = TokenBucket(10, clock=lambda: now)
    assert [bucket.take() for _ in range(21)] == [True] * 20 + [False]
    now += 0.5
    assert [bucket.take() for _ in range(6)] == [True] * 5 + [False]
    now += 3600
    assert sum(bucket.take() for _ in range(100)) == 20


# --- Whatever the order in which changes come, who follows sees each comment once ----------------


def comment(number: int) -> dict[str, Any]:
    author = {"id": "a", "username": "ann"}
    return CommentCreated(
        id=str(number), post="p", author=author, text="", created_at="now"
    ).to_wire()


@given(st.data())
def test_order_doubles_and_pauses_change_nothing(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    changes = [
        Change(topic="t", prev=version - 1, version=version, messages=[comment(version)])
        for version in range(1, count + 1)
    ]
    doubled = changes + data.draw(st.lists(st.sampled_from(changes), max_size=5))
    gathering, known, seen = Gathering("t"), 0, []
    gathering.start(0)
    for change in data.draw(st.permutations(doubled)):
        gathering.add(change)
        frame = gathering.take() if data.draw(st.booleans()) else None
        if frame is not None:
            assert frame.prev <= known < frame.version
            known = frame.version
            seen += [message["data"]["id"] for message in frame.messages]
    frame = gathering.take()
    if frame is not None:
        seen += [message["data"]["id"] for message in frame.messages]
    assert seen == [str(version) for version in range(1, count + 1)]

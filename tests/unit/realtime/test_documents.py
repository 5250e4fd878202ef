"""What the protocol can say, its two documents explain, and nothing else."""

import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from django.conf import settings

from realtime import protocol
from realtime.protocol import COMMANDS, FRAMES, MESSAGES, REFUSALS, CloseCode

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "realtime.md").read_text("utf-8")
ASYNCAPI: dict[str, Any] = yaml.safe_load((ROOT / "realtime" / "asyncapi.yaml").read_text("utf-8"))
SCHEMAS: dict[str, Any] = ASYNCAPI["components"]["schemas"]


def rows(heading: str) -> dict[str, list[str]]:
    """The table under a heading of the page, by its first column."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {cells[0].strip().strip("`"): [cell.strip() for cell in cells] for cells in lines[2:]}


def words(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_.]+)`", text))


def names(of: Any) -> set[str]:
    return {item.name for item in fields(of)}


def test_the_page_has_every_command_frame_message_and_no_other() -> None:
    assert set(rows("Commands")) == {command.type for command in COMMANDS}
    assert set(rows("Frames")) == {frame.type for frame in FRAMES}
    assert set(rows("Messages")) == {message.type for message in MESSAGES}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda it: it.type)
def test_the_page_has_every_member_of_a_command(command: Any) -> None:
    assert words(rows("Commands")[command.type][1]) == names(command) - {"ref"}


@pytest.mark.parametrize("frame", FRAMES, ids=lambda it: it.type)
def test_the_page_has_every_member_of_a_frame(frame: Any) -> None:
    assert words(rows("Frames")[frame.type][1]) == names(frame)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda it: it.type)
def test_the_page_has_the_data_of_a_message(message: Any) -> None:
    if "state" not in names(message):
        assert words(rows("Messages")[message.type][2]) == names(message)


def test_the_page_has_every_refusal_and_close_code_and_no_other() -> None:
    assert set(rows("Refusals")) == {error.code for error in REFUSALS}
    assert {int(code) for code in rows("Close codes")} == set(CloseCode)


def test_the_page_has_every_bound_and_no_other() -> None:
    assert set(rows("Bounds")) == {name for name in dir(settings) if name.startswith("LIVE_")}


def test_the_asyncapi_document_has_the_same_commands_and_frames() -> None:
    def told(operation: str) -> set[str]:
        refs = [it["$ref"] for it in ASYNCAPI["operations"][operation]["messages"]]
        return {ref.rsplit("/", 1)[1] for ref in refs}

    assert told("hear") == {command.type for command in COMMANDS}
    assert told("tell") == {frame.type for frame in FRAMES}
    known = {it.type for it in COMMANDS} | {it.type for it in FRAMES}
    assert set(ASYNCAPI["components"]["messages"]) == known
    assert set(ASYNCAPI["channels"]["socket"]["messages"]) == known


@pytest.mark.parametrize("item", [*COMMANDS, *FRAMES], ids=lambda it: it.type)
def test_the_asyncapi_document_has_the_same_members(item: Any) -> None:
    payload = ASYNCAPI["components"]["messages"][item.type]["payload"]
    assert payload["properties"]["type"] == {"const": item.type}
    assert set(payload["properties"]) == names(item) | {"type"}
    needed = {it.name for it in fields(item) if it.default is MISSING}
    assert set(payload["required"]) == needed | {"type"}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda it: it.type)
def test_the_asyncapi_document_has_the_same_messages(message: Any) -> None:
    schema = SCHEMAS[message.type]
    assert schema["properties"]["type"] == {"const": message.type}
    if "state" not in names(message):
        assert set(schema["properties"]["data"].get("properties", {})) == names(message)


def test_the_asyncapi_document_has_no_other_messages_codes_and_limits() -> None:
    types = {message.type for message in MESSAGES}
    assert {ref["$ref"].rsplit("/", 1)[1] for ref in SCHEMAS["Message"]["oneOf"]} == types
    assert {name for name in SCHEMAS if "." in name} == types
    refused = ASYNCAPI["components"]["messages"]["refused"]["payload"]["properties"]
    assert set(refused["code"]["enum"]) == {error.code for error in REFUSALS}
    assert set(ASYNCAPI["x-close-codes"]) == set(CloseCode)
    assert SCHEMAS["Ref"]["maxLength"] == protocol.REF_MAX_LENGTH
    token = ASYNCAPI["components"]["messages"]["authenticate"]["payload"]["properties"]["token"]
    assert token["maxLength"] == protocol.TOKEN_MAX_LENGTH


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    text = (ROOT / "realtime" / "asyncapi.yaml").read_text("utf-8")
    for ref in set(re.findall(r'\$ref: "#/([^"]+)"', text)):
        target: Any = ASYNCAPI
        for part in ref.split("/"):
            target = target[part]


def validate(frame: protocol.Frame) -> None:
    schema = ASYNCAPI["components"]["messages"][frame.type]["payload"]
    document = {**schema, "components": ASYNCAPI["components"]}
    jsonschema.validate(yaml.safe_load(frame.text), document)


def test_what_the_protocol_writes_is_what_the_document_says() -> None:
    topic = "post:0c9e1b9c-8d0f-4c39-9d8e-0a9f5d1c2b3a"
    author = {"id": "0c9e1b9c-8d0f-4c39-9d8e-0a9f5d1c2b3a", "username": "ann"}
    said = protocol.CommentCreated(
        id=author["id"], post=author["id"], author=author, text="hi", created_at="2026-01-01"
    )
    messages = [said.to_wire(), protocol.PostLikes(likes=1).to_wire()]
    validate(protocol.Messages(topic=topic, prev=1, version=2, messages=messages))
    validate(protocol.Snapshot(topic=topic, version=2, data={}, ref="1"))
    validate(protocol.Versions(data={topic: 2}))
    validate(protocol.Ok(ref=""))
    for error in REFUSALS:
        validate(protocol.Refused.of(error(), "1"))


def test_the_document_refuses_what_the_protocol_does_not_write() -> None:
    topic = "post:0c9e1b9c-8d0f-4c39-9d8e-0a9f5d1c2b3a"
    strange = [{"type": "post.exploded", "data": {}}]
    with pytest.raises(jsonschema.ValidationError):
        validate(protocol.Messages(topic=topic, prev=1, version=2, messages=strange))

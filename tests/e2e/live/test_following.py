"""Likes, comments and posts reach every socket that follows them."""

import json
from typing import Any

import pytest

from tests.e2e.live.client import View, call, line
from tests.e2e.live.conftest import Stage


async def fresh(stage: Stage, topic: str) -> dict[str, Any]:
    """The state of a topic as somebody sees it who comes now."""
    async with line(stage.product) as opened:
        return (await opened.follow(topic)).data


async def test_two_browsers_see_a_like_and_a_comment(stage: Stage) -> None:
    post = stage.post()
    topic, path = f"post:{post['id']}", f"/api/posts/{post['id']}"
    async with line(stage.product) as one, line(stage.product) as two:
        views = [await opened.follow(topic) for opened in (one, two)]
        await call(stage.product, "POST", f"{path}/like/", {}, stage.fan)
        await call(stage.product, "POST", f"{path}/comments/", {"text": "nice"}, stage.fan)
        for opened, view in zip((one, two), views, strict=True):
            await opened.until(lambda view=view: view.version == 2)
            assert (view.data["likes"], view.data["comments"]) == (1, 1)
            assert [it["text"] for it in view.data["comments_page"]] == ["nice"]
            assert len(view.announced) == 1, "told as it happened, not healed afterwards"


async def test_who_is_up_to_date_is_told_nothing_new(stage: Stage) -> None:
    topic = f"post:{stage.post()['id']}"
    async with line(stage.product) as opened:
        version = (await opened.follow(topic)).version
        answer = await opened.ask("subscribe", topic=topic, since=version)
        assert answer == {"type": "ok", "ref": answer["ref"]}


async def test_who_was_away_gets_a_snapshot(stage: Stage) -> None:
    post = stage.post()
    views: dict[str, View] = {}
    async with line(stage.product, views=views) as opened:
        await opened.follow(f"post:{post['id']}")
    await call(stage.product, "POST", f"/api/posts/{post['id']}/like/", {}, stage.fan)
    async with line(stage.product, views=views) as opened:
        view = await opened.follow(f"post:{post['id']}")
        assert (view.version, view.data["likes"]) == (1, 1)


@pytest.mark.parametrize("kind", ["like", "unlike", "comment", "uncomment", "edit"])
async def test_snapshot_and_messages_are_the_next_snapshot(stage: Stage, kind: str) -> None:
    post = stage.post()
    topic, path = f"post:{post['id']}", f"/api/posts/{post['id']}"
    if kind == "unlike":
        await call(stage.product, "POST", f"{path}/like/", {}, stage.fan)
    said = await call(stage.product, "POST", f"{path}/comments/", {"text": "one"}, stage.fan)
    async with line(stage.product) as opened:
        view = await opened.follow(topic)
        before = view.version
        assert before is not None
        match kind:
            case "like":
                await call(stage.product, "POST", f"{path}/like/", {}, stage.fan)
            case "unlike":
                await call(stage.product, "DELETE", f"{path}/like/", None, stage.fan)
            case "comment":
                await call(stage.product, "POST", f"{path}/comments/", {"text": "b"}, stage.fan)
            case "uncomment":
                target = f"/api/comments/{said['id']}/"
                await call(stage.product, "DELETE", target, None, stage.fan)
            case "edit":
                await call(stage.product, "PATCH", f"{path}/", {"text": "new"}, stage.author)
        await opened.until(lambda: view.version == before + 1)
        assert view.data | {"version": 0} == await fresh(stage, topic) | {"version": 0}


async def test_the_feed_hears_of_a_new_post(stage: Stage) -> None:
    async with line(stage.product) as opened:
        view = await opened.follow("feed")
        post = await call(stage.product, "POST", "/api/posts/", {"text": "new"}, stage.author)
        await opened.until(
            lambda: view.data["posts"][:1] == [{"id": post["id"], "author": post["author"]}]
        )
        assert view.data == await fresh(stage, "feed")


@pytest.mark.parametrize("how", ["deleted", "hidden"])
async def test_the_feed_hears_of_a_post_that_leaves_it(stage: Stage, how: str) -> None:
    post = stage.post()
    path = f"/api/posts/{post['id']}/"
    async with line(stage.product) as opened:
        view = await opened.follow("feed")
        assert post["id"] in [it["id"] for it in view.data["posts"]]
        if how == "deleted":
            await call(stage.product, "DELETE", path, None, stage.author)
        else:
            await call(stage.product, "PATCH", path, {"visibility": "unlisted"}, stage.author)
        await opened.until(lambda: post["id"] not in [it["id"] for it in view.data["posts"]])
        assert (
            view.data["posts"] == (await fresh(stage, "feed"))["posts"][: len(view.data["posts"])]
        )


async def test_the_feed_hears_of_a_post_that_becomes_public(stage: Stage) -> None:
    hidden = {"text": "later", "visibility": "private"}
    post = await call(stage.product, "POST", "/api/posts/", hidden, stage.author)
    async with line(stage.product) as opened:
        view = await opened.follow("feed")
        public = {"visibility": "public"}
        await call(stage.product, "PATCH", f"/api/posts/{post['id']}/", public, stage.author)
        await opened.until(lambda: view.data["posts"][0]["id"] == post["id"])


async def test_a_gap_is_healed_by_subscribing_again(stage: Stage) -> None:
    post = stage.post()
    path = f"/api/posts/{post['id']}"
    async with line(stage.product) as opened:
        view = await opened.follow(f"post:{post['id']}")
        await call(stage.product, "POST", f"{path}/comments/", {"text": "1"}, stage.fan)
        await opened.until(lambda: view.version == 1)
        # As if the first frame had never come: the next one builds on what is not there.
        view.version, view.data = 0, {**view.data, "comments_page": [], "comments": 0}
        await call(stage.product, "POST", f"{path}/comments/", {"text": "2"}, stage.fan)
        await opened.until(lambda: view.version == 2)
        assert [it["text"] for it in view.data["comments_page"]] == ["2", "1"]


async def test_the_heartbeat_tells_the_versions(stage: Stage) -> None:
    topic = f"post:{stage.post()['id']}"
    async with line(stage.product) as opened:
        await opened.follow(topic)
        beat = {"type": "versions", "data": {topic: 0}}
        await opened.until(lambda: beat in opened.frames, seconds=5)


async def test_after_unsubscribing_nothing_comes(stage: Stage) -> None:
    post = stage.post()
    async with line(stage.product) as opened, line(stage.product) as other:
        for each in (opened, other):
            await each.follow(f"post:{post['id']}")
        await opened.ask("unsubscribe", topic=f"post:{post['id']}")
        await call(stage.product, "POST", f"/api/posts/{post['id']}/like/", {}, stage.fan)
        await other.until(lambda: other.views[f"post:{post['id']}"].version == 1)
        assert "messages" not in [frame["type"] for frame in opened.frames]


async def test_a_deleted_post_ends_its_topic(stage: Stage) -> None:
    post = stage.post()
    async with line(stage.product) as opened:
        view = await opened.follow(f"post:{post['id']}")
        await call(stage.product, "DELETE", f"/api/posts/{post['id']}/", None, stage.author)
        await opened.until(lambda: view.has_ended)
        answer = await opened.ask("subscribe", topic=f"post:{post['id']}")
        assert answer["code"] == "not-found"


async def test_a_post_made_private_is_gone_for_others_and_stays_for_its_author(
    stage: Stage,
) -> None:
    post = stage.post()
    topic = f"post:{post['id']}"
    ticket = stage.ticket(stage.author)
    async with line(stage.product) as stranger, line(stage.product, ticket=ticket) as author:
        theirs, own = await stranger.follow(topic), await author.follow(topic)
        change = {"visibility": "private", "text": "only for me"}
        await call(stage.product, "PATCH", f"/api/posts/{post['id']}/", change, stage.author)
        await author.until(lambda: own.data["text"] == "only for me")
        await stranger.until(lambda: theirs.has_ended)
        assert "only for me" not in json.dumps(stranger.frames)
        assert not own.has_ended


async def test_many_at_once_lose_nothing(stage: Stage) -> None:
    post = stage.post()
    topic, path = f"post:{post['id']}", f"/api/posts/{post['id']}"
    async with line(stage.product) as opened:
        view = await opened.follow(topic)
        for number in range(30):
            await call(stage.product, "POST", f"{path}/comments/", {"text": str(number)}, stage.fan)
        await opened.until(lambda: view.version == 30)
        assert len(view.announced) == len(set(view.announced)) == 30
        frames = [frame for frame in opened.frames if frame["type"] == "messages"]
        assert len(frames) < 30, "what comes within a quarter of a second goes out together"


def test_the_client_of_the_tests_refuses_unknown_messages() -> None:
    with pytest.raises(AssertionError):
        View()._apply("post.exploded", {})

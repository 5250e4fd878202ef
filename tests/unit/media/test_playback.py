"""Links that are written and read."""

import uuid

import pytest
from pytest_django import Settings

from media.playback import is_genuine, parse, signed_path

MEDIA = uuid.UUID("51f0c0de-0000-4000-8000-000000000001")


def test_what_we_sign_is_genuine() -> None:
    link = parse(signed_path(media_id=MEDIA, epoch=3) + "/2/720p/17.m4s")
    assert link is not None
    assert is_genuine(link)
    assert (link.media_id, link.epoch, link.plan, link.rung, link.number) == (
        *(MEDIA, 3),
        *(2, "720p", 17),
    )


@pytest.mark.parametrize("now", [0, 1, 43199, 43200, 1_700_000_000])
def test_a_link_works_for_one_to_two_steps_of_the_grid(now: int) -> None:
    link = parse(signed_path(media_id=MEDIA, epoch=0, now=now) + "/master.m3u8")
    assert link is not None
    assert 43200 < link.expires_at - now <= 2 * 43200
    assert link.expires_at % 43200 == 0


def test_viewers_of_the_same_hours_share_a_link() -> None:
    links = {signed_path(media_id=MEDIA, epoch=0, now=now) for now in range(0, 43200, 600)}
    assert len(links) == 1


def test_a_key_that_was_replaced_still_opens(settings: Settings) -> None:
    link = parse(signed_path(media_id=MEDIA, epoch=0) + "/master.m3u8")
    assert link is not None
    settings.SECRET_KEY, old = "another-key", settings.SECRET_KEY
    assert not is_genuine(link)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert is_genuine(link)


def test_subtitles_have_an_address_of_their_own() -> None:
    link = parse(signed_path(media_id=MEDIA, epoch=3) + "/2/subtitles0/0.vtt")
    assert link is not None
    assert (link.plan, link.rung, link.name) == (2, "subtitles0", "0.vtt")


@pytest.mark.parametrize(
    "rest",
    [
        *("", "/", "/x", "/master.m3u8/", "/1/720p/-1.m4s", "/0/720p/1.m4s", "/1/p/1.m4s"),
        *("/1/720p/0.vtt", "/1/subtitles0/0.m4s", "/1/subtitles00/0.vtt", "/1/subtitles/0.vtt"),
    ],
)
def test_what_we_do_not_write_is_not_read(rest: str) -> None:
    assert parse(signed_path(media_id=MEDIA, epoch=0) + rest) is None

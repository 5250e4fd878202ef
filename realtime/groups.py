"""The only speller of group names on the channel layer."""

from realtime.topics import Topic


def group_of(topic: Topic) -> str:
    """The group that a topic's changes are sent to; layers accept letters, digits, `-_.`.

    >>> group_of(Topic("feed"))
    'live.feed'
    """
    return f"live.{topic.kind}.{topic.key}" if topic.key else f"live.{topic.kind}"


#: To a topic's group: who may follow it may have changed, though its row has not.
RECHECK = "live.recheck"
#: Every process with sockets listens here: which accounts have to sign in again.
SIGNED_OUT = "live.signed-out"

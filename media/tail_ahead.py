"""From the body of a request to the end of a file that is kept beside its upload."""

from media.appending import ClientGone, Receive
from media.errors import TailInvalid
from media.services.tails import ExpectedTail, keep_tail
from media.store import store
from media.threads import in_database, on_disk


async def take_tail(tail: ExpectedTail, receive: Receive) -> None:
    """Store what comes, all of it or nothing. Raises ClientGone, TailInvalid."""
    with store().work_dir() as folder:
        made, is_last, left = folder / "tail", False, tail.size_bytes
        with made.open("wb") as file:
            while not is_last:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                data, is_last = message.get("body", b""), not message.get("more_body", False)
                left -= len(data)
                if left < 0:
                    break
                await on_disk(file.write, data)
        if left:
            raise TailInvalid("It is not as long as its Content-Length says.")
        await in_database(keep_tail, tail, made)

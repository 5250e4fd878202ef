"""What crosses the channel layer, from the process where something changed to all others.

The browsers never see it: a hub turns it into the frames of `realtime.protocol`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Change:
    """What the relay tells the hubs of all processes: messages that lead a topic to a version.

    `prev` is what they build on, 0 where they are the whole state. `is_end` is set where the topic
    is gone and has no version any more; 0 is the version of what has just been made. `audience`
    says who may follow, as far as the row of the topic tells ("" where the change has nothing to
    do with it): when it is another one than before, followers are checked again before they hear
    of it.
    """

    topic: str
    prev: int
    version: int
    messages: list[dict[str, Any]] = field(default_factory=list)
    audience: str = ""
    is_end: bool = False

    #: The `type` that channel layers ask for.
    LAYER_TYPE: ClassVar[str] = "live.change"

    def to_layer(self) -> dict[str, Any]:
        """The dictionary that crosses the channel layer."""
        body = {item.name: getattr(self, item.name) for item in fields(self)}
        return {"type": self.LAYER_TYPE, **body}

    @classmethod
    def from_layer(cls, message: Mapping[str, Any]) -> "Change":
        """The change in a dictionary that `to_layer` made."""
        return cls(**{item.name: message[item.name] for item in fields(cls)})

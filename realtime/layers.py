"""Channel layers without Redis."""

from channels.layers import InMemoryChannelLayer


class SocketLayer(InMemoryChannelLayer):  # type: ignore[misc]  # channels has no types
    """Groups in the server process; other processes reach it over a private unix socket."""

    def __init__(self, path: str, **options: object) -> None:
        super().__init__(**options)
        self.path = path

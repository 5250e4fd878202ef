"""What can go wrong between a remote worker and its server."""


class Unreachable(Exception):
    """Nobody answered, or not well: try again in a while."""


class Refused(Exception):
    """The server answered no. `code` is stable; docs/errors.md explains each."""

    def __init__(self, status: int, code: str, detail: str, extra: dict[str, object]) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.extra = extra


class NoRoom(Exception):
    """The cache of sources has no room for this one."""

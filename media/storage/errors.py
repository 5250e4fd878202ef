"""What can go wrong when bytes are stored."""


class StorageError(Exception):
    """Base of these errors; what the disk itself says (OSError) passes through."""


class StorageFull(StorageError):
    """There is no room for more bytes, or only the room that has to stay free."""


class TooLate(StorageError):
    """The right to write had ended before the write could begin; nothing was written."""


class BytesMissing(StorageError):
    """Fewer bytes are there than were stored: `size_bytes`. The machine lost its power."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"only {size_bytes} bytes are there")
        self.size_bytes = size_bytes

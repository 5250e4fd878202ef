"""What can go wrong when bytes are stored."""


class StorageError(Exception):
    """Base of these errors; what the disk itself says (OSError) passes through."""


class StorageFull(StorageError):
    """There is no room for more bytes, or only the room that has to stay free."""


class TooLate(StorageError):
    """The right to write had ended before the write could begin; nothing was written."""

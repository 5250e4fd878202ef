"""What a command can be refused with."""

from core.errors import Invalid, TooMany


class CommandNotUnderstood(Invalid):
    """Not JSON, not an object, no command that exists, or a member of the wrong kind."""

    code, title = "command-not-understood", "This is not a command."


class AlreadySignedIn(Invalid):
    """The socket belongs to another account; open another socket."""

    code, title = "already-signed-in", "This socket belongs to another account."


class TooManyTopics(TooMany):
    """A socket follows LIVE_TOPICS_PER_SOCKET topics already."""

    code, title = "too-many-topics", "This socket follows as many topics as it may."


class TooManyCommands(TooMany):
    """Faster than LIVE_COMMANDS_PER_SECOND."""

    code, title = "too-many-commands", "Slower, please."


class TooManySockets(TooMany):
    """The account has LIVE_SOCKETS_PER_USER sockets in this process already."""

    code, title = "too-many-sockets", "This account has as many sockets as it may."

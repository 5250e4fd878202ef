"""What can go wrong with accounts."""

from core.errors import Forbidden, Invalid, Unauthenticated


class InvalidCredentials(Unauthenticated):
    """Wrong password, no such account, or a disabled one: the answer does not tell which."""

    code, title = "invalid-credentials", "The name or the password is wrong."


class InvalidToken(Unauthenticated):
    """An access or refresh token that is forged, expired, used or revoked."""

    code, title = "invalid-token", "The token is not valid any more; please sign in."


class AlreadyTaken(Invalid):
    """Somebody else has this name or address; `errors` says which."""

    code, title = "already-taken", "Somebody else has this already."


class RegistrationClosed(Forbidden):
    """REGISTRATION_OPEN is off."""

    code, title = "registration-closed", "This instance does not take new accounts."

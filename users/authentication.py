"""Who is asking: a bearer token, or the session cookie."""

from rest_framework.authentication import BaseAuthentication


class BearerAuthentication(BaseAuthentication):
    """Access tokens in the Authorization header."""

    def authenticate(self, request: object) -> None:
        """Nobody, until tokens are issued."""
        return

"""The HTTP edge of accounts."""

from django.conf import settings
from django.contrib.auth import login, logout
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import Unauthenticated
from core.http import checked
from core.throttles import Throttle
from users import selectors, services, tokens
from users.authentication import signed_in
from users.serializers import (
    Account,
    AccountChange,
    Config,
    Credentials,
    NewAccount,
    RefreshToken,
    SignedIn,
    SignOut,
    Tokens,
)
from users.throttles import LoginsPerAccount


class Register(APIView):
    """Make an account."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (Throttle,)
    throttle_scope = "register"

    @extend_schema(request=NewAccount, responses={201: Account})
    def post(self, request: Request) -> Response:
        """Make an account. It can sign in at once."""
        user = services.register(**checked(NewAccount(data=request.data)))
        return Response(selectors.own_account(viewer=user), status=201)


class Login(APIView):
    """Sign in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (Throttle, LoginsPerAccount)
    throttle_scope = "login"

    @extend_schema(request=Credentials, responses=SignedIn)
    def post(self, request: Request) -> Response:
        """Sign in, for tokens or for a session cookie."""
        given = checked(Credentials(data=request.data))
        credentials = {"login": given["login"], "password": given["password"]}
        if given["session"]:
            user = services.check_credentials(**credentials)
            # Django keeps the id when the same account signs in again; a new one is asked for.
            request._request.session.flush()
            login(request._request, user)
            get_token(request._request)
            return Response({"user": selectors.own_account(viewer=user)})
        user, pair = services.sign_in(**credentials)
        return Response(
            {
                "access": pair.access,
                "refresh": pair.refresh,
                "user": selectors.own_account(viewer=user),
            }
        )


class Refresh(APIView):
    """Exchange a refresh token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=RefreshToken, responses=Tokens)
    def post(self, request: Request) -> Response:
        """The next access and refresh token. Each refresh token works once."""
        pair = tokens.refresh(checked(RefreshToken(data=request.data))["refresh"])
        return Response({"access": pair.access, "refresh": pair.refresh})


class Logout(APIView):
    """Sign out."""

    permission_classes = (AllowAny,)

    @extend_schema(request=SignOut, responses={204: None})
    def post(self, request: Request) -> Response:
        """End the session, or the family of the token. What has ended stays ended."""
        refresh = checked(SignOut(data=request.data)).get("refresh")
        if refresh is not None:
            session_key = tokens.session_key_of(refresh, "refresh")
        elif isinstance(request.auth, str):
            session_key = tokens.session_key_of(request.auth, "access")
        elif request.user.is_authenticated:
            session_key = request._request.session.session_key
            logout(request._request)
        else:
            raise Unauthenticated
        if session_key:
            tokens.revoke(session_key)
        return Response(status=204)


class Me(APIView):
    """One's own account."""

    permission_classes = (IsAuthenticated,)
    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(responses=Account)
    def get(self, request: Request) -> Response:
        """One's own account."""
        return Response(selectors.own_account(viewer=signed_in(request)))

    @extend_schema(request=AccountChange, responses=Account)
    def patch(self, request: Request) -> Response:
        """Change one's own account."""
        changes = checked(AccountChange(data=request.data))
        user = services.change_account(actor=signed_in(request), **changes)
        return Response(selectors.own_account(viewer=user))


class ConfigView(APIView):
    """What a client has to know."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses=Config)
    def get(self, request: Request) -> Response:
        """Limits and switches of this instance."""
        return Response(
            {
                "max_upload_bytes": settings.UPLOAD_MAX_BYTES,
                "chunk_bytes": settings.UPLOAD_CHUNK_BYTES,
                "tail_bytes": settings.UPLOAD_TAIL_MAX_BYTES if settings.EARLY_ENCODING else 0,
                "registration_open": settings.REGISTRATION_OPEN,
            }
        )

"""What can be done with accounts: make one, sign in and out, change it."""

from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from core.errors import Forbidden, Invalid, NotFound
from core.events import publish
from users import permissions, tokens
from users.errors import AlreadyTaken, InvalidCredentials, RegistrationClosed
from users.events import SignedOut, UserChanged
from users.models import IDEMPOTENCY_KEYS_LIVE, IdempotencyKey, Role, Session, User


def register(*, username: str, email: str, password: str) -> User:
    """Make an account for a stranger. Raises RegistrationClosed, or what `make_account` raises."""
    if not settings.REGISTRATION_OPEN:
        raise RegistrationClosed
    return make_account(username=username, email=email, password=password)


def make_account(*, username: str, email: str, password: str) -> User:
    """Make an account with its profile and its e-mail address, not yet verified.

    Raises AlreadyTaken, which names the fields, or Invalid for a weak password.
    """
    email = User.objects.normalize_email(email)
    _refuse_taken(username=username, email=email)
    _refuse_weak(password, User(username=username, email=email))
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, email, password)
            EmailAddress.objects.create(user=user, email=email, primary=True, verified=False)
    except IntegrityError:
        # Somebody else was quicker by a moment; now it can be seen what they took.
        _refuse_taken(username=username, email=email)
        raise
    return user


def check_credentials(*, login: str, password: str) -> User:
    """The account of this name or e-mail, if the password fits. Raises InvalidCredentials."""
    user = authenticate(None, username=login, password=password)
    if not isinstance(user, User):
        raise InvalidCredentials
    return user


def sign_in(*, login: str, password: str) -> tuple[User, tokens.TokenPair]:
    """A new family of tokens for a program. Raises InvalidCredentials."""
    user = check_credentials(login=login, password=password)
    with transaction.atomic():
        update_last_login(None, user)  # type: ignore[arg-type]  # a signal receiver, called by hand
        return user, tokens.issue(user)


def change_account(*, actor: User, username: str | None = None) -> User:
    """Change one's own account. Raises AlreadyTaken."""
    if username is None or username == actor.username:
        return actor
    if username.lower() != actor.username.lower():
        _refuse_taken(username=username)
    try:
        with transaction.atomic():
            User.objects.filter(pk=actor.pk).update(username=username, version=F("version") + 1)
            actor.refresh_from_db(fields=["username", "version"])
            publish(UserChanged(user_id=actor.pk, version=actor.version))
    except IntegrityError:
        _refuse_taken(username=username)
        raise
    return actor


# --- Administration -------------------------------------------------------------------------------


@transaction.atomic
def set_active(*, actor: User, user_id: UUID, active: bool) -> None:
    """Disable an account, which ends all that it has open, or enable it again. Raises Forbidden."""
    account = _governed(actor, user_id)
    if account.is_active == active:
        return
    User.objects.filter(pk=user_id).update(is_active=active)
    publish(UserChanged(user_id=user_id, version=raise_version(user_id=user_id)))
    if not active:
        Session.objects.filter(user_id=user_id).delete()
        publish(SignedOut(user_id=user_id))


@transaction.atomic
def set_role(*, actor: User, user_id: UUID, role: str) -> None:
    """Give an account another role, as a super admin. Raises Forbidden."""
    account = _governed(actor, user_id)
    if not permissions.may_give_roles(actor):
        raise Forbidden("Only a super admin gives roles.")
    if account.role != role:
        User.objects.filter(pk=user_id).update(role=Role(role))
        publish(UserChanged(user_id=user_id, version=raise_version(user_id=user_id)))


def _governed(actor: User, user_id: UUID) -> User:
    account = User.objects.select_for_update().filter(pk=user_id).first()
    if account is None:
        raise NotFound("There is no such account.")
    if not permissions.may_govern(actor, account):
        raise Forbidden("This account is not yours to change.")
    return account


def raise_version(*, user_id: UUID) -> int:
    """Note a change that the topic `user:<id>` tells, in the transaction of the change.

    Returns the version that it led to; 0 for an account that is gone.
    """
    accounts = User.objects.filter(pk=user_id)
    if not accounts.update(version=F("version") + 1):
        return 0
    # Our UPDATE holds the row, so this is the version that we raised it to.
    return accounts.values_list("version", flat=True).get()


def _refuse_taken(*, username: str | None = None, email: str | None = None) -> None:
    errors = []
    if username is not None and User.objects.named(username).exists():
        errors.append({"pointer": "#/username", "detail": "This name is taken."})
    if email is not None and User.objects.with_email(email).exists():
        errors.append({"pointer": "#/email", "detail": "This address has an account already."})
    if errors:
        raise AlreadyTaken(" ".join(error["detail"] for error in errors), errors=errors)


def _refuse_weak(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        errors = [{"pointer": "#/password", "detail": message} for message in error.messages]
        raise Invalid("Some fields are not valid.", errors=errors) from error


def forget_expired() -> int:
    """Delete sessions (with their tokens) and idempotency keys that are over. Idempotent."""
    now = timezone.now()
    sessions, _ = Session.objects.filter(expire_date__lt=now).delete()
    keys, _ = IdempotencyKey.objects.filter(created_at__lt=now - IDEMPOTENCY_KEYS_LIVE).delete()
    return sessions + keys

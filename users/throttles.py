"""Limits that belong to accounts."""

from core.throttles import PerField


class LoginsPerAccount(PerField):
    """Guesses at the password of one account, whoever guesses. It locks nobody out for long."""

    scope = "login_account"
    field = "login"

"""Accounts, profiles, roles."""

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Accounts, profiles, roles."""

    name = "users"

"""Accounts, profiles, roles."""

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class UsersConfig(AppConfig):
    """Accounts, profiles, roles."""

    name = "users"


class AdministrationConfig(SimpleAdminConfig):
    """Django's admin, opened by our roles. Its pages are found by core.urls.

    Workers have none, and start a quarter sooner without them.
    """

    default_site = "users.admin_site.AdminSite"

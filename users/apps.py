"""Accounts, profiles, roles."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class UsersConfig(AppConfig):
    """Accounts, profiles, roles."""

    name = "users"


class AdministrationConfig(AdminConfig):
    """Django's admin, opened by our roles."""

    default_site = "users.admin_site.AdminSite"

"""The kernel as a Django app, and django-background-tasks with its key type pinned."""

from django.apps import AppConfig

from core import health


class CoreConfig(AppConfig):
    """Commands, templates and the basic health checks."""

    name = "core"

    def ready(self) -> None:
        """Register what every instance has."""
        health.register_check("database", health.database)
        health.register_check("storage", health.storage)


class BackgroundTasksConfig(AppConfig):
    """django-background-tasks: its migrations are of AutoField, whatever our default is."""

    name = "background_task"
    default_auto_field = "django.db.models.AutoField"

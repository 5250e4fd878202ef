"""`manage.py serve`: everything that an instance needs, in one process tree."""

import socket
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor


class Command(BaseCommand):
    """The server on HOST:PORT, and WORKER_PROCESSES workers that it keeps alive."""

    help = "Serve Reelay, with its workers, until Ctrl-C or SIGTERM."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What the environment says, unless said otherwise here."""
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument("--workers", type=int, default=settings.WORKER_PROCESSES)

    def handle(self, *args: Any, **options: Any) -> None:
        """Check the database, then serve."""
        refuse_pending_migrations()
        # Imported here: it installs an event loop, which no other command needs.
        from core.server.launcher import launch
        from media.jobs.sweep import release

        try:
            launch(
                host=options["host"],
                port=options["port"],
                workers=options["workers"],
                on_worker_death=lambda pid: release(f"{socket.gethostname()[:60]}:{pid}"),
                announce=lambda line: self.stdout.write(self.style.SUCCESS(line)),
            )
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {options['host']}:{options['port']}: {error.strerror}. "
                "Set PORT to one that is free."
            ) from error


def refuse_pending_migrations() -> None:
    """Raise CommandError when the database is behind the code."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        raise CommandError(
            f"The database is behind the code by {len(plan)} migrations: "
            "run `python manage.py migrate` first (`make run` does it by itself)."
        )

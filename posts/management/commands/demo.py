"""`manage.py demo`: fill a fresh instance, so that the first look is not empty."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from posts import demo


class Command(BaseCommand):
    """Make people, clips, posts, comments and likes; what is there already stays as it is."""

    help = "Fill a fresh instance with people, posts, comments and clips."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--seconds` for those in a hurry."""
        parser.add_argument("--seconds", type=int, help="Make each clip so long.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it; twice is the same as once."""

        def tell(line: str) -> None:
            self.stdout.write(f"  {line}")
            self.stdout.flush()

        passwords = demo.fill(tell, clip_seconds=options["seconds"])
        self.stdout.write("\nSign in as")
        for name, password in passwords.items():
            self.stdout.write(f"  {name:8} {password}")
        self.stdout.write(
            f"\nat http://{settings.HOST}:{settings.PORT}/ (start it with `make run`)."
        )
        self.stdout.write("The clips are encoded by the workers, now or as soon as they run.")

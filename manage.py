#!/usr/bin/env python3
"""Django's command line for Reelay."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Run a management command with the settings that the environment asks for."""
    from django.core.management import execute_from_command_line

    from core.settings.env import settings_module

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings_module(Path(__file__).parent))
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

import os
import subprocess
import sys

import pytest

GOOD = {
    "DEBUG": "false",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefghij",
    "ALLOWED_HOSTS": "video.example",
}


def start(variables: dict[str, str], say: str = "'started'") -> subprocess.CompletedProcess[str]:
    """Load the settings that `variables` ask for, in a process of its own, and print `say`."""
    environment = {"PATH": os.environ["PATH"], **variables}
    code = (
        "import os; from pathlib import Path; from core.settings.env import settings_module;"
        "os.environ['DJANGO_SETTINGS_MODULE'] = settings_module(Path('.'));"
        "from django.conf import settings; settings.DEBUG; "
        f"print({say})"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )


def test_a_deployment_with_sound_settings_starts() -> None:
    assert start(GOOD).stdout == "started\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY"),
        ({"SECRET_KEY": "django-insecure-" + GOOD["SECRET_KEY"]}, "SECRET_KEY"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"STATIC_BEARER_TOKEN": "x"}, "STATIC_BEARER_TOKEN"),
        ({"DYNO": "web.1"}, "S3_BUCKET_NAME"),
    ],
)
def test_a_deployment_with_a_dangerous_setting_does_not_start(
    change: dict[str, str], told: str
) -> None:
    refused = start(GOOD | change)
    assert refused.returncode != 0
    assert told in refused.stderr


def test_connections_to_a_database_server_are_kept() -> None:
    server = GOOD | {"DATABASE_URL": "postgres://reelay@db.example/reelay"}
    assert start(server, "settings.DATABASES['default']['CONN_MAX_AGE']").stdout == "60\n"

"""Settings of worker processes that tests start: the same database and folder as the test's."""

import os
from pathlib import Path

from core.settings import test
from core.settings.test import *  # noqa: F403 # settings are layered by star import

VAR_DIR = Path(os.environ["TEST_VAR_DIR"])
MEDIA_ROOT = Path(os.environ["TEST_MEDIA_ROOT"])
test.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
test.LOGGING["root"]["level"] = "INFO"  # type: ignore[index]

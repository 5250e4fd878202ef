"""Tests: a folder and a Redis database of their own, quick password hashes, no throttles."""

import atexit
import os
import shutil
import tempfile
from urllib.parse import urlsplit

# One folder per test process (and per pytest-xdist worker), never the instance's own.
_folder = tempfile.mkdtemp(prefix="reelay-test-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["VAR_DIR"] = _folder

# Of Redis, each process has a database of its own: a test that clears the cache empties it.
if os.environ.get("REDIS_URL"):
    _number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    _redis = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{_number + 1}")
    os.environ["REDIS_URL"] = _redis.geturl()

from core.settings.base import *  # noqa: E402

DEBUG = False
SECRET_KEY = "a-key-for-tests-only-that-is-long-enough-to-sign-tokens-with"  # noqa: S105
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = dict.fromkeys(  # type: ignore[call-overload]
    REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "100000/min"
)
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: worker threads and processes of a test read the same database.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["TEST"] = {"TEMPLATE": os.environ.get("DATABASE_TEMPLATE")}
    DATABASES["default"]["CONN_MAX_AGE"] = 0
# A test client makes the middleware anew, which would look up hundreds of files each time.
SERVESTATIC_USE_FINDERS = SERVESTATIC_USE_STATIC_ROOT = False
LOGGING["root"]["level"] = "WARNING"  # type: ignore[index]

env.check()

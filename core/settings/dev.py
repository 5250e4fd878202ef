"""A laptop: everything in `var/`, a secret made on the first start, text logs."""

import secrets

from core.settings.base import *

DEBUG = True


def _kept_secret() -> str:
    """A secret of this instance, made once and kept, so that sessions survive a restart."""
    path = VAR_DIR / "secret-key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48), "utf-8")
    return path.read_text("utf-8")


SECRET_KEY = env.text("SECRET_KEY") or _kept_secret()
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
LOGGING["handlers"]["stdout"]["formatter"] = env.text("LOG_FORMAT", "text")  # type: ignore[index]

env.check()

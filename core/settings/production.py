"""A deployment: no defaults for secrets, and no start with a setting that is dangerous."""

from core.settings.base import *

DEBUG = False

SECRET_KEY = env.text("SECRET_KEY")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", [])

if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 10 or SECRET_KEY.startswith("django-insecure"):
    env.complain("SECRET_KEY is missing or weak: set it to at least 50 random characters.")
if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    env.complain("ALLOWED_HOSTS must list the host names of this instance; * is not accepted.")
if env.is_set("STATIC_BEARER_TOKEN"):
    env.complain("STATIC_BEARER_TOKEN is for tests only: remove it.")
if env.is_set("DYNO") and not env.is_set("S3_BUCKET_NAME"):
    env.complain("The disk of a dyno is ephemeral: set S3_BUCKET_NAME, or uploads would be lost.")

#: Behind a proxy that ends TLS (the usual case) it says so in this header.
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
#: `false` serves plain HTTP, for an instance on a local network.
SECURE_SSL_REDIRECT = env.switch("HTTPS_ONLY", True)
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^health/?$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_SSL_REDIRECT else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_SSL_REDIRECT

env.check()

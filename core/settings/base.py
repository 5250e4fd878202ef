"""What every way to run Reelay shares. docs/settings.md explains each variable."""

from pathlib import Path
from typing import Any

import dj_database_url

from core.settings.env import Env, as_origins, one_of
from core.units import GiB, KiB, MiB

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = Env.load(BASE_DIR)

#: Where everything that is not code lives: database, media, sockets. Never inside a package.
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var"))).resolve()

# --- Applications ---------------------------------------------------------------------------

INSTALLED_APPS = [
    # `media` stands before background_task: its process_tasks command replaces theirs.
    "core.apps.CoreConfig",
    "users.apps.UsersConfig",
    "media.apps.MediaConfig",
    "posts.apps.PostsConfig",
    "realtime.apps.RealtimeConfig",
    "users.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.usersessions",
    "core.apps.BackgroundTasksConfig",
]
MIDDLEWARE = [
    "core.http.security_headers",
    "core.static.StaticFiles",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "core.urls"
ASGI_APPLICATION = "core.asgi.application"
WSGI_APPLICATION = "core.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# --- Database -------------------------------------------------------------------------------


def _database() -> dict[str, Any]:
    url = env.text("DATABASE_URL")
    if not url and env.is_set("DB_HOST"):
        user, name = env.text("DB_USER", "postgres"), env.text("DB_NAME", "postgres")
        return {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": env.text("DB_HOST"),
            "PORT": env.text("DB_PORT", "5432"),
            "USER": user,
            "PASSWORD": env.text("DB_PASSWORD"),
            "NAME": name,
        }
    if url:
        # It would say 0 by itself: a new connection for each request and each result.
        return dict(dj_database_url.parse(url, conn_max_age=60))
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(VAR_DIR / "reelay.sqlite3"),
        "OPTIONS": {
            # Writers queue for the lock when they begin, instead of failing when they upgrade.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }


DATABASES = {"default": _database()}
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # The pooled ASGI handler keeps a fixed set of threads, so connections are kept, not leaked.
    DATABASES["default"].setdefault("CONN_MAX_AGE", 60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# --- Live: the channel layer ----------------------------------------------------------------

REDIS_URL = env.text("REDIS_URL")
#: Hosted Redis often has a self-signed certificate; `false` accepts it on rediss:// addresses.
REDIS_TLS_VERIFY = env.switch("REDIS_TLS_VERIFY", True)
_redis_host: dict[str, Any] = {"address": REDIS_URL, "socket_timeout": None}
if REDIS_URL.startswith("rediss://") and not REDIS_TLS_VERIFY:
    _redis_host["ssl_cert_reqs"] = None
CHANNEL_LAYERS: dict[str, Any] = {
    "default": (
        {
            "BACKEND": "realtime.layers.RedisLayer",
            "CONFIG": {"hosts": [_redis_host], "prefix": "reelay"},
        }
        if REDIS_URL
        else {
            "BACKEND": "realtime.layers.SocketLayer",
            "CONFIG": {"path": str(VAR_DIR / "run" / "layer.sock")},
        }
    )
}

# --- Cache: what throttles count, and which tickets are used --------------------------------

# Beyond so many entries the cache of a single process forgets, whatever they were kept for.
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 50_000},
    }
}
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "reelay",
            # A throttle is asked in every request that writes: it must not wait for a dead Redis.
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
            | {name: value for name, value in _redis_host.items() if name == "ssl_cert_reqs"},
        }
    }

# --- Accounts -------------------------------------------------------------------------------

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["users.backends.AccountBackend"]
PASSWORD_HASHERS = ["users.hashers.Argon2", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
]
#: Whether strangers may make accounts; `false` answers 403 `registration-closed`.
REGISTRATION_OPEN = env.switch("REGISTRATION_OPEN", True)
SESSION_ENGINE = "users.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

ACCOUNT_ADAPTER = "users.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "none"
HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("app", "browser")
HEADLESS_TOKEN_STRATEGY = "users.tokens.TokenStrategy"  # noqa: S105  # a class, no secret
#: Signed with SECRET_KEY: the same server issues and checks them, so a shared key is enough.
HEADLESS_JWT_ALGORITHM = "HS256"
#: How long an access token opens doors; a program refreshes it before it ends.
ACCESS_TOKEN_SECONDS = env.integer("ACCESS_TOKEN_SECONDS", 15 * 60, minimum=30)
#: How long a refresh token may rest unused.
REFRESH_TOKEN_SECONDS = env.integer("REFRESH_TOKEN_SECONDS", 14 * 24 * 3600, minimum=60)
#: How long a program stays signed in by refreshing; then it has to sign in again.
TOKEN_FAMILY_SECONDS = env.integer("TOKEN_FAMILY_SECONDS", 30 * 24 * 3600, minimum=60)
#: A used refresh token that comes again within this time is refused; later, it ends its family.
REFRESH_GRACE_SECONDS = env.integer("REFRESH_GRACE_SECONDS", 10)
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = ACCESS_TOKEN_SECONDS
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = REFRESH_TOKEN_SECONDS
HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = True

# --- Files ----------------------------------------------------------------------------------

#: Sources, segments and posters. Not named `media/`: that is a package of ours.
MEDIA_ROOT = VAR_DIR / "media"
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
#: The built web client. Vite has put a hash into each name, so nothing hashes them again.
WEB_DIST_DIR = BASE_DIR / "web" / "dist"
STATICFILES_DIRS = [WEB_DIST_DIR] if WEB_DIST_DIR.is_dir() else []
SERVESTATIC_USE_FINDERS = True
#: Look for new static files at each request: for work on the client with `npm run dev`.
SERVESTATIC_AUTOREFRESH = env.switch("STATIC_AUTOREFRESH", False)

# --- Uploads --------------------------------------------------------------------------------

#: The largest file anybody may upload; a longer declared length is answered with 413.
UPLOAD_MAX_BYTES = env.integer("UPLOAD_MAX_BYTES", 50 * GiB, minimum=1)
#: What the uploads and sources of one account may take together; beyond it, 413.
UPLOAD_QUOTA_BYTES = env.integer("UPLOAD_QUOTA_BYTES", 200 * GiB, minimum=1)
#: Unfinished uploads that one account may have; one more is answered with 429.
UPLOADS_PER_USER = env.integer("UPLOADS_PER_USER", 100, minimum=1)
#: How long an upload may rest before it is swept; then it answers 410.
UPLOAD_EXPIRES_SECONDS = env.integer("UPLOAD_EXPIRES_SECONDS", 7 * 24 * 3600, minimum=60)
#: Free space that uploads leave on the disk; a write that would go below is answered with 507.
STORAGE_RESERVE_BYTES = env.integer("STORAGE_RESERVE_BYTES", 512 * MiB)
#: What our own client sends per PATCH.
UPLOAD_CHUNK_BYTES = env.integer("UPLOAD_CHUNK_BYTES", 8 * MiB, minimum=64 * KiB)
#: The largest JSON or form body; a longer one is answered with 413.
API_BODY_MAX_BYTES = env.integer("API_BODY_MAX_BYTES", 1 * MiB, minimum=1 * KiB)
DATA_UPLOAD_MAX_MEMORY_SIZE = API_BODY_MAX_BYTES

# --- Encoding and work ----------------------------------------------------------------------

#: The longest source; a longer one is refused with `too-long`.
SOURCE_MAX_SECONDS = env.integer("SOURCE_MAX_SECONDS", 12 * 3600, minimum=1)
#: The largest frame, in pixels; a larger one is refused with `too-many-pixels`.
SOURCE_MAX_PIXELS = env.integer("SOURCE_MAX_PIXELS", 40_000_000, minimum=1)
#: Whether encoding begins while a file is still uploaded, where its index allows that.
EARLY_ENCODING = env.switch("EARLY_ENCODING", True)
#: The most frames of a source; more are refused with `too-many-frames`.
SOURCE_MAX_FRAMES = env.integer("SOURCE_MAX_FRAMES", 4_000_000, minimum=1)
#: The most frames times pixels of a source, which is the work to decode it; `too-many-frames`.
SOURCE_MAX_FRAMES_PIXELS = env.integer(
    "SOURCE_MAX_FRAMES_PIXELS", 8_000_000_000_000, minimum=1_000_000
)
#: Whether those processes run in bubblewrap: `auto` where it is there, `require`, or `off`.
FFMPEG_SANDBOX = env.get("FFMPEG_SANDBOX", "auto", one_of("auto", "require", "off"))
#: What a process that reads or encodes a source may keep in memory; `too-much-work`.
MEDIA_MEMORY_BYTES = env.integer("MEDIA_MEMORY_BYTES", 4 * GiB, minimum=512 * MiB)
#: The most that a client may send of the end of a file before the rest (0: nothing), so that its
#: index is known early. It is stored twice until the upload is finished.
UPLOAD_TAIL_MAX_BYTES = env.integer("UPLOAD_TAIL_MAX_BYTES", 64 * MiB)
#: Leave out rungs that a simple picture does not need; off, every video gets the whole ladder.
LADDER_FOLLOWS_CONTENT = env.switch("LADDER_FOLLOWS_CONTENT", True)
#: A job whose worker has not been heard of for so long is given to another one.
JOB_LEASE_SECONDS = env.integer("JOB_LEASE_SECONDS", 6, minimum=2)
#: So many failures (FFmpeg or our checks said no) end a job.
JOB_MAX_FAILURES = env.integer("JOB_MAX_FAILURES", 3, minimum=1)
#: So many losses (the worker vanished) end a job.
JOB_MAX_LOSSES = env.integer("JOB_MAX_LOSSES", 10, minimum=1)
#: So many jobs of one owner run at a time (0: as many as there are slots); others go before.
JOBS_PER_OWNER = env.integer("JOBS_PER_OWNER", 0)
#: Less important jobs that have waited for so long get a part of the claims; see docs/jobs.md.
JOB_AGEING_SECONDS = env.integer("JOB_AGEING_SECONDS", 600, minimum=1)
#: Jobs that are done are kept for so long, for the queue page; then they are forgotten.
JOB_KEEP_DAYS = env.integer("JOB_KEEP_DAYS", 7, minimum=1)
#: Encoding processes that `manage.py serve` keeps running beside the server.
WORKER_PROCESSES = env.integer("WORKER_PROCESSES", 1)
#: Ladder pieces that one worker makes at a time (0: one or two, after the machine); what somebody
#: waits for has two slots of its own.
WORKER_LADDER_SLOTS = env.integer("WORKER_LADDER_SLOTS", 0)
#: The key of remote workers that have no server of their own, 32 characters or more; none: no such.
WORKER_API_KEY = env.text("WORKER_API_KEY")
if 0 < len(WORKER_API_KEY) < 32:
    env.complain("WORKER_API_KEY needs 32 characters: it opens every source to whoever guesses it.")
#: Where `POST /process` wakes that worker; empty for one that only asks.
WORKER_SERVICE_URL = env.text("WORKER_SERVICE_URL")
#: How long a link works that a remote worker reads or writes by; heartbeats bring new ones.
WORKER_LINK_SECONDS = env.integer("WORKER_LINK_SECONDS", 900, minimum=30)
#: The largest segment or poster that a remote worker may store; a larger one is a 413.
WORKER_OBJECT_MAX_BYTES = env.integer("WORKER_OBJECT_MAX_BYTES", 512 * MiB, minimum=1 * MiB)

#: What tells idle workers that there is something to do: `background_tasks` or `celery`.
TASK_ENGINE = env.text("TASK_ENGINE", "background_tasks")
#: Where Celery sends wake-ups: redis://, rediss:// or amqp://.
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", REDIS_URL)
#: The queue they go into; instances that share a broker need one each.
TASK_QUEUE = env.text("TASK_QUEUE", "reelay")
if TASK_ENGINE not in ("background_tasks", "celery"):
    env.complain("TASK_ENGINE must be background_tasks or celery.")
if TASK_ENGINE == "celery" and not CELERY_BROKER_URL:
    env.complain("TASK_ENGINE=celery needs a broker: set CELERY_BROKER_URL or REDIS_URL.")

#: Whether complete videos get a second ladder in AV1, made while there is nothing else to do.
AV1_LADDER = env.switch("AV1_LADDER", default=False)

# --- Delivery -------------------------------------------------------------------------------

#: How long a request for a missing segment is held before it is answered with 503.
SEGMENT_WAIT_SECONDS = env.integer("SEGMENT_WAIT_SECONDS", 8, minimum=1)
#: The same for a client that says with `Prefer: wait=…` how long it waits, ours for example.
#: Proxies in front have to wait longer than that for an answer.
SEGMENT_WAIT_MAX_SECONDS = env.integer("SEGMENT_WAIT_MAX_SECONDS", 20, minimum=1)
#: Requests that one process holds at a time; one more is answered with 503 at once.
SEGMENT_WAITERS_MAX = env.integer("SEGMENT_WAITERS_MAX", 500, minimum=1)
#: The same for one client address, which may stand for a household.
SEGMENT_WAITERS_PER_ADDRESS = env.integer("SEGMENT_WAITERS_PER_ADDRESS", 32, minimum=1)
#: Jobs for missing segments of one media file that may wait at a time; one more is a 503.
ON_DEMAND_MAX_PER_MEDIA = env.integer("ON_DEMAND_MAX_PER_MEDIA", 12, minimum=1)
#: Threads of one process that read segments from the disk.
DELIVERY_THREADS = env.integer("DELIVERY_THREADS", 4, minimum=1)
#: The grid that playback links expire on, so that viewers share URLs.
PLAYBACK_LINK_SECONDS = env.integer("PLAYBACK_LINK_SECONDS", 12 * 3600, minimum=60)
#: How long the segments of a video stay after it was encoded anew, for players that hold its old
#: playlists; the default is as long as any playback link lives.
RETIRED_PLAN_SECONDS = env.integer("RETIRED_PLAN_SECONDS", 2 * PLAYBACK_LINK_SECONDS, minimum=60)
#: Whether new videos may be taken away as files by those who may see them; owners decide for each.
DOWNLOADS_BY_DEFAULT = env.switch("DOWNLOADS_BY_DEFAULT", default=False)
#: How long such a file is kept after it was last asked for.
DOWNLOAD_KEEP_SECONDS = env.integer("DOWNLOAD_KEEP_SECONDS", 6 * 3600, minimum=60)
#: The grid on which links to such files expire.
DOWNLOAD_LINK_SECONDS = env.integer("DOWNLOAD_LINK_SECONDS", 3600, minimum=60)

# --- Live: bounds ---------------------------------------------------------------------------

#: Topics that one socket may follow; one more is refused with `too-many-topics`.
LIVE_TOPICS_PER_SOCKET = env.integer("LIVE_TOPICS_PER_SOCKET", 50, minimum=1)
#: Sockets of one account (anonymous: of one address) per process; one more is closed with 4429.
LIVE_SOCKETS_PER_USER = env.integer("LIVE_SOCKETS_PER_USER", 20, minimum=1)
LIVE_SOCKETS_PER_ADDRESS = env.integer("LIVE_SOCKETS_PER_ADDRESS", 100, minimum=1)
#: Commands per second of one socket, after a burst of twice as many; more are refused.
LIVE_COMMANDS_PER_SECOND = env.integer("LIVE_COMMANDS_PER_SECOND", 10, minimum=1)
#: The longest command; a longer one is refused.
LIVE_COMMAND_MAX_BYTES = env.integer("LIVE_COMMAND_MAX_BYTES", 16 * KiB, minimum=1 * KiB)
#: Bytes that may wait for a slow reader before its socket is dropped.
LIVE_BUFFER_MAX_BYTES = env.integer("LIVE_BUFFER_MAX_BYTES", 256 * KiB, minimum=1 * KiB)
#: Messages of one topic within this time go out together.
LIVE_GATHER_SECONDS = env.get("LIVE_GATHER_SECONDS", 0.25, float)
#: How often a socket is told the versions of its topics.
LIVE_HEARTBEAT_SECONDS = env.integer("LIVE_HEARTBEAT_SECONDS", 20, minimum=1)

# --- The server -----------------------------------------------------------------------------

PORT = env.integer("PORT", 8000, minimum=1)
#: The address the server binds to; the Procfile says 0.0.0.0.
HOST = env.text("HOST", "127.0.0.1")
#: Threads (and so database connections) that answer Django requests in one process.
REQUEST_THREADS = env.integer("REQUEST_THREADS", 8, minimum=1)
#: How long SIGTERM waits for requests that are being answered.
DRAIN_SECONDS = env.integer("DRAIN_SECONDS", 20, minimum=1)
#: Other origins (scheme://host) that may use the API and sockets from a browser.
ALLOWED_ORIGINS: list[str] = env.get("ALLOWED_ORIGINS", [], as_origins)
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
#: Proxies in front (their count); X-Forwarded-For is believed that far and no further.
TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", 0)

# --- The API --------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "users.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.http.BoundedJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "core.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "core.problems.drf_exception_handler",
    "DEFAULT_THROTTLE_RATES": {
        "login": env.text("THROTTLE_LOGIN", "20/min"),
        "login_account": env.text("THROTTLE_LOGIN_ACCOUNT", "10/min"),
        "register": env.text("THROTTLE_REGISTER", "20/hour"),
        "comment": env.text("THROTTLE_COMMENT", "30/min"),
        "like": env.text("THROTTLE_LIKE", "120/min"),
        "write": env.text("THROTTLE_WRITE", "120/min"),
    },
    "NUM_PROXIES": TRUSTED_PROXIES,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Reelay API",
    "DESCRIPTION": (
        "Upload, watch and talk about videos. Errors are problem details (RFC 9457). Programs "
        "sign in with `Authorization: Bearer`; pages of this instance with the session cookie "
        "and, for changes, the header `X-CSRFToken`. Every route also answers without its "
        "trailing slash."
    ),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api",
    "PREPROCESSING_HOOKS": ["core.openapi.only_with_slash"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "core.openapi.complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "Role": "users.models.Role",
        "JobKind": "media.models.job.Job.Kind",
        "Visibility": "media.models.Visibility",
        "PostVisibility": "posts.serializers.VISIBILITIES",
        "VideoKindEnum": "media.models.MediaFile.Kind",
        "VideoStatusEnum": "media.states.MEDIA.choices",
        "StateEnum": "media.states.JOB.choices",
        "ServerStateEnum": "media.states.SERVER.choices",
    },
}

# --- Mail and logs --------------------------------------------------------------------------

EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
#: Lines for people (`text`) or for machines (`json`).
LOG_FORMAT = env.text("LOG_FORMAT", "json")
LOG_LEVEL = env.text("LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request": {"()": "core.logging.RequestIdFilter"}},
    "formatters": {
        "json": {"()": "core.logging.JsonFormatter"},
        "text": {"()": "core.logging.TextFormatter"},
    },
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "filters": ["request"],
            "formatter": LOG_FORMAT if LOG_FORMAT in ("json", "text") else "json",
        },
    },
    "root": {"handlers": ["stdout"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"level": LOG_LEVEL},
        "django.request": {"level": "ERROR"},
        "django.db.backends": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        # Each wake-up would be two lines.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "twisted": {"level": "WARNING"},
    },
}

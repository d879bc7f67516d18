"""Settings of the reference site, all read from the environment.

| variable | default | |
|---|---|---|
| `HOST`, `PORT` | 127.0.0.1, 3000 | where `c4c serve` listens; `C4C_UI_PORT` (3100) for `serve ui` |
| `C4C_DATA_DIR` | `.c4c/` beside manage.py | the embedded database and the secret key |
| `DATABASE_URL` | the embedded database | any PostgreSQL 14 to 18 |
| `C4C_OFFLOAD_BYTES` | 1 MiB; 0 with `DATABASE_URL` | what is larger goes to a file; 0: nothing does |
| `C4C_PAYLOADS_DIR` | `payloads` in the data folder | these files; one folder that all machines see |
| `C4C_POOL_SIZE` | 20 | most connections of one process for requests and jobs; 0 is no pool |
| `DEBUG` | on where HOST is this machine | |
| `SECRET_KEY` | made once, in the data folder | |
| `ALLOWED_HOSTS` | this machine's names and HOST | |
| `CSRF_TRUSTED_ORIGINS` | none | origins of a proxy in front |
| `C4C_CORS_ORIGINS` | none | origins of pages elsewhere that may call the API |
| `C4C_SECURE` | off | behind HTTPS: secure cookies, HSTS |
| `EMAIL_URL` | smtp://localhost:25 | the server that sends mail, as `smtp+tls://user:password@host:587` |
| `C4C_NOTIFICATION_EMAILS` | none | who gets what `custom.sendNotification` sends by mail |
| `LOG_LEVEL` | INFO | |
"""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import environ
from corsheaders.defaults import default_headers

from c4c_site.data_folder import data_folder, secret_key
from executions.permissions import is_loopback

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = data_folder(env("C4C_DATA_DIR", default=""), BASE_DIR)

HOST = env("HOST", default="127.0.0.1")
PORT = env("PORT", default="3000")
UI_PORT = env("C4C_UI_PORT", default="3100")
DEBUG = env.bool("DEBUG", default=is_loopback(HOST))
SECRET_KEY = env("SECRET_KEY", default="") or secret_key(DATA_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", ".localhost", "127.0.0.1", "[::1]", HOST])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
CORS_ALLOWED_ORIGINS = env.list("C4C_CORS_ORIGINS", default=[])
CORS_ALLOW_HEADERS = (*default_headers, "idempotency-key", "last-event-id", "prefer", "traceparent")
CORS_EXPOSE_HEADERS = ("Idempotency-Replayed", "Link", "Location", "Retry-After")

# A folder of this machine is where all processes look only where the database is on it, too.
_offload = env.int("C4C_OFFLOAD_BYTES", default=0 if env("DATABASE_URL", default="") else 1 << 20)
C4C = {"HOST": HOST, "OFFLOAD_BYTES": _offload or None, "PAYLOAD_STORAGE": "c4c"}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "c4c": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": env("C4C_PAYLOADS_DIR", default="") or DATA_DIR / "payloads"},
    },
}

INSTALLED_APPS = [
    "daphne",
    "c4c_site",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_eventstream",
    "procedures",
    "workflows",
    "executions",
    "c4c_site.demo",
]

# Each of these can wait: one that could not would put every open stream and waiting caller into a thread.
MIDDLEWARE = [
    "executions.api.http.middleware.problem_middleware",
    "django.middleware.security.SecurityMiddleware",
    "c4c_site.middleware.content_security_policy",
    "c4c_site.middleware.StaticFiles",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "executions.permissions.local_operator_middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "c4c_site.urls"
ASGI_APPLICATION = "c4c_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

_database: dict[str, Any] = (
    env.db("DATABASE_URL")
    if env("DATABASE_URL", default="")
    else {"ENGINE": "c4c_site.postgres", "NAME": "c4c", "USER": "postgres", "DATA_DIR": DATA_DIR}
)
# A socket's folder comes percent-encoded, as libpq has it in a URL.
_database["HOST"] = unquote(_database.get("HOST", ""))
# A request holds its connection from its first query to its end; who waits or streams gives it back before.
# What a burst of them opened is closed one by one every max_idle seconds.
_pool_size = env.int("C4C_POOL_SIZE", default=20)
if _pool_size and _database["ENGINE"] in ("c4c_site.postgres", "django.db.backends.postgresql"):
    _pool = {"min_size": 1, "max_size": _pool_size, "timeout": 20, "max_idle": 0.5}
    _database["OPTIONS"] = {**_database.get("OPTIONS", {}), "pool": _pool}
_database["CONN_HEALTH_CHECKS"] = True  # a restarted PostgreSQL costs nobody a request
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

globals().update(env.email("EMAIL_URL", default="smtp://localhost:25"))
C4C_NOTIFICATION_EMAILS = env.list("C4C_NOTIFICATION_EMAILS", default=[])

USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # no collectstatic: files are served from where the apps have them
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
# django-eventstream's own views, where somebody adds them, read our log by our rules.
EVENTSTREAM_CHANNELMANAGER_CLASS = "executions.streams.stock.ChannelManager"
EVENTSTREAM_STORAGE_CLASS = "executions.streams.stock.LogStorage"
SECURE_REFERRER_POLICY = "same-origin"

_secure = env.bool("C4C_SECURE", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _secure else None

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "c4c": {"level": env("LOG_LEVEL", default="INFO")},
        "django.request": {"level": "ERROR"},  # a 404 is the client's business
        "django.channels.server": {"level": "WARNING"},  # runserver tells requests by itself
    },
}

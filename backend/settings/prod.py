"""Settings for production: everything comes from the environment, and what is missing stops the start."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from backend.settings import environment as env
from backend.settings.base import *
from backend.settings.base import LOGGING, REDIS_URL, SILENCED_SYSTEM_CHECKS, log_file, mongo_database

SECRET_KEY = env.strong_secret("SECRET_KEY")
SECRET_KEY_FALLBACKS = [value for value in [env.secret("SECRET_KEY_PREVIOUS")] if value]
JWT_SECRET_KEY = env.strong_secret("JWT_SECRET_KEY")
NONCE_SECRET_KEY = env.strong_secret("NONCE_SECRET_KEY")
if len({SECRET_KEY, JWT_SECRET_KEY, NONCE_SECRET_KEY}) < 3:
    raise ImproperlyConfigured("SECRET_KEY, JWT_SECRET_KEY and NONCE_SECRET_KEY must differ from each other.")

PUBLIC_ORIGIN = env.required("PUBLIC_ORIGIN")
if urlsplit(PUBLIC_ORIGIN).scheme != "https" or urlsplit(PUBLIC_ORIGIN).path:
    raise ImproperlyConfigured(
        "PUBLIC_ORIGIN must be an https origin without a path or a slash at its end, like https://tickets.example.com."
    )
if "*" in env.items("ALLOWED_HOSTS"):
    raise ImproperlyConfigured("ALLOWED_HOSTS must name hosts: `*` would let any Host header in.")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS") or [str(urlsplit(PUBLIC_ORIGIN).hostname)]
CSRF_TRUSTED_ORIGINS = [PUBLIC_ORIGIN]
if not REDIS_URL:
    raise ImproperlyConfigured("REDIS_URL is not set: production keeps throttles and replay in Redis.")

MONGO_URI = env.required("MONGO_URI")
# How long one call of the database may take, its retries and `maxTimeMS` included; 0: as long as it takes.
MONGO_QUERY_SECONDS = env.number("MONGO_QUERY_SECONDS", 0)
MONGO_LIMIT: dict[str, object] = {"timeoutMS": MONGO_QUERY_SECONDS * 1000} if MONGO_QUERY_SECONDS else {}
DATABASES = {"default": mongo_database("django_mongodb_backend", MONGO_URI, **MONGO_LIMIT)}

BACKUP_MUST_BE_ENCRYPTED = True  # `backup_database --unencrypted` says otherwise, by name

# One JSON object a line, to stdout; and to files, where a directory is named.
LOGGING["formatters"] = {"line": {"()": "backend.core.logs.JsonFormatter"}}
if LOG_DIR := env.text("LOG_DIR"):
    LOGGING["handlers"] |= {"file": log_file(LOG_DIR)}
    LOGGING["root"] |= {"handlers": ["stdout", "file"]}

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_SSL_REDIRECT = True
# Preloading binds a domain in every browser for good: its owner's decision, not a setting's.
SILENCED_SYSTEM_CHECKS = [*SILENCED_SYSTEM_CHECKS, "security.W021"]
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-admin"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrf"
ENVIRONMENT = "prod"

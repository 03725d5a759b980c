"""Settings that hold in every environment."""

from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from backend.core.metrics import CountCommands, CountConnections
from backend.settings import environment as env

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var")))
BACKUP_DIR = Path(env.text("BACKUP_DIR", str(VAR_DIR / "backups")))
BACKUP_AGE_RECIPIENT = env.text("BACKUP_AGE_RECIPIENT")
BACKUP_AGE_IDENTITY_FILE = env.text("BACKUP_AGE_IDENTITY_FILE")
BACKUP_MUST_BE_ENCRYPTED = False
BACKUP_OFFSITE_ENDPOINT = env.text("BACKUP_OFFSITE_ENDPOINT")
BACKUP_OFFSITE_BUCKET = env.text("BACKUP_OFFSITE_BUCKET")
BACKUP_OFFSITE_PREFIX = env.text("BACKUP_OFFSITE_PREFIX")
BACKUP_OFFSITE_REGION = env.text("BACKUP_OFFSITE_REGION", "us-east-1")
BACKUP_OFFSITE_ADDRESSING = env.one_of("BACKUP_OFFSITE_ADDRESSING", "path", "virtual")
BACKUP_OFFSITE_KEY_ID = env.secret("BACKUP_OFFSITE_KEY_ID")
BACKUP_OFFSITE_SECRET_KEY = env.secret("BACKUP_OFFSITE_SECRET_KEY")
BACKUP_OFFSITE_RECORDS = env.text("BACKUP_OFFSITE_RECORDS")

# --- Django ---------------------------------------------------------------------------------------
DEBUG = False
ROOT_URLCONF = "backend.urls"
WSGI_APPLICATION = "backend.wsgi.application"
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
AUTH_USER_MODEL = "accounts.User"
APPEND_SLASH = False
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # phones are unique by a plain index (core.indexes says why), not by the field
    "models.E030",  # MongoDB's index names are unique in a collection, not in a database
]

INSTALLED_APPS = [
    "backend.core.django_apps.MongoAdminConfig",
    "backend.core.django_apps.MongoAuthConfig",
    "backend.core.django_apps.MongoContentTypesConfig",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_mongodb_backend",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "backend.core",
    "backend.audit",
    "backend.releases",
    "backend.accounts",
    "backend.venues",
    "backend.programme",
    "backend.boxoffice",
    "backend.screens",
    "backend.ops",
]
MIGRATION_MODULES = {
    "admin": "backend.core.mongo_migrations.admin",
    "auth": "backend.core.mongo_migrations.auth",
    "contenttypes": "backend.core.mongo_migrations.contenttypes",
}
MIDDLEWARE = [
    "backend.core.middleware.request_id",
    "backend.core.observing.observed",
    "backend.core.middleware.service_paths",
    "backend.accounts.middleware.dpop_nonce",
    "backend.screens.middleware.content_security_policy",
    "backend.core.middleware.problems_for_the_api",
    "django.middleware.security.SecurityMiddleware",
    "backend.core.page_middleware.Files",
    "backend.core.page_middleware.Sessions",
    "backend.core.page_middleware.Language",
    "backend.core.maintenance.maintained",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "backend.core.page_middleware.Authentication",
    "backend.core.page_middleware.Messages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Language and time ----------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "backend" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
BUSINESS_DAY_STARTS = 6  # the hour, in the cinema's own time, at which one business day ends and the next begins

# --- Database -------------------------------------------------------------------------------------
MONGO_DB = env.text("MONGO_DB", "userdb")


def mongo_database(engine: str, uri: str, **options: object) -> dict[str, object]:
    """Return the `DATABASES` entry for the MongoDB at `uri`."""
    options["event_listeners"] = [CountCommands(), CountConnections()]
    # The client pools its connections itself: Django need not begin anew with every request.
    return {"ENGINE": engine, "HOST": uri, "NAME": MONGO_DB, "OPTIONS": options, "CONN_MAX_AGE": None}


# --- Redis ----------------------------------------------------------------------------------------
def redis_cache(url: str, prefix: str) -> dict[str, object]:
    """Return the `CACHES` entry for the Redis at `url`. What is stored is JSON: a pickle runs code when read."""
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "KEY_PREFIX": prefix,
        "OPTIONS": {
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "SOCKET_CONNECT_TIMEOUT": 0.5,
            "SOCKET_TIMEOUT": 0.5,
        },
    }


REDIS_URL = env.secret("REDIS_URL")
REDIS_CACHE_URL = env.secret("REDIS_CACHE_URL") or REDIS_URL
IN_PROCESS_CACHE: dict[str, object] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
CACHES = {
    "default": redis_cache(REDIS_CACHE_URL, "cache") if REDIS_CACHE_URL else IN_PROCESS_CACHE,
    "state": redis_cache(REDIS_URL, "state") if REDIS_URL else {**IN_PROCESS_CACHE, "LOCATION": "state"},
}

# --- HTTP -----------------------------------------------------------------------------------------
PUBLIC_ORIGIN = env.text("PUBLIC_ORIGIN").rstrip("/")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS")
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
# A till's server has no back office: who finds a way past nginx's list of networks finds nothing there.
SERVES = env.one_of("SERVES", "all", "till")
# How many processes serve, on all hosts: without Redis each counts its share of a throttle. Gunicorn's own variable.
SERVER_PROCESSES = env.number("WEB_CONCURRENCY", 1, least=1)
CSRF_TRUSTED_ORIGINS = [PUBLIC_ORIGIN] if PUBLIC_ORIGIN else []
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "backend.core.views.csrf_failure"
LOGIN_URL = "admin:login"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- API ------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["backend.core.api.NobodyByDefault"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "backend.core.api.AlwaysJson",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "backend.core.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Movie ticket management system",
    "VERSION": "2",
    "OAS_VERSION": "3.1.0",  # the structures' own JSON Schema has the type null, which 3.0 lacks
    "SCHEMA_PATH_PREFIX": "/api/v2",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["backend.accounts.api.base.MayReadSchema"],
    "SERVE_AUTHENTICATION": ["rest_framework.authentication.SessionAuthentication"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["backend.core.openapi.add_components"],
}

# --- Accounts: the log-in and its sessions --------------------------------------------------------
AUTHENTICATION_BACKENDS = ["backend.accounts.backends.ManagerBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
JWT_SECRET_KEY_PREVIOUS = env.secret("JWT_SECRET_KEY_PREVIOUS")  # still read, no longer signed with
NONCE_SECRET_KEY_PREVIOUS = env.secret("NONCE_SECRET_KEY_PREVIOUS")
ACCESS_TOKEN_SECONDS = 10 * 60
REFRESH_TOKEN_SECONDS = 12 * 3600
SESSION_IDLE_SECONDS = 30 * 60
SESSION_GRACE_SECONDS = 10 * 60  # past a session's end, for the customer who is being served
REFRESH_RETRY_SECONDS = 2 * 60
NONCE_SECONDS = 5 * 60
CLOCK_SKEW_SECONDS = 5 * 60
BINDING_POLICY = env.one_of("BINDING_POLICY", "window", "approval", "code")  # of new accounts; the first is the default
BINDING_WINDOW_SECONDS = 24 * 3600
ACTIVATION_CODE_SECONDS = 24 * 3600
APPROVAL_SECONDS = 30 * 60  # how long a machine waits for approval, and a refused one may be bound from the log
APPROVAL_RETRY_SECONDS = 15
WEB_SESSION_CODE_SECONDS = 30
WEB_SESSION_PROOF_SECONDS = 3 * 60
REVOCATION_CACHE_SECONDS = 60
LOGIN_THROTTLES = {
    "own_key": {"rate": 1.0, "burst": 5},  # a second, at once: the key that the account is bound to
    "free_failures": 5,  # by all other keys together, for one phone, in
    "failure_window": 15 * 60,  # seconds
    "address_failures": 60,  # a minute
}
SIMPLE_JWT = {"USER_ID_FIELD": "pk", "ALGORITHM": "HS256"}

# --- Programme and box office ----------------------------------------------------------------------
HALL_CLEANING_MINUTES = 10  # between the end of one show and the start of the next in the same hall
SALES_END_AFTER_START_MINUTES = 15
HOLD_SECONDS = 5 * 60
SEATS_PER_ORDER = 50
IDEMPOTENCY_TAKEOVER_SECONDS = 30  # a request that has not answered by then has died

# --- Figures for Prometheus -------------------------------------------------------------------------
METRICS_PORT = env.number("METRICS_PORT", 0)  # on which gunicorn listens too, for `/metrics` alone; 0: nowhere
APP_COMMIT = env.text("APP_COMMIT")  # the image's build names it

# --- Logs -----------------------------------------------------------------------------------------
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "masked": {"()": "backend.core.logs.MaskSecrets"},
        "request_id": {"()": "backend.core.logs.AddRequestId"},
    },
    "formatters": {"line": {"()": "backend.core.logs.OneLineFormatter"}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "filters": ["masked", "request_id"],
            "formatter": "line",
        }
    },
    "root": {"handlers": ["stdout"], "level": env.text("LOG_LEVEL", "INFO")},
    # A 4xx is an answer, not an event; the backend's own logger repeats commands with their parameters.
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.db.backends": {"level": "WARNING"},
        "pymongo": {"level": "WARNING"},
    },
}


def log_file(directory: str) -> dict[str, object]:
    """Return the handler that writes to a file of this process's own in `directory`."""
    return {
        "class": "backend.core.log_files.OwnFile",
        "directory": directory,
        "filters": ["masked", "request_id"],
        "formatter": "line",
    }

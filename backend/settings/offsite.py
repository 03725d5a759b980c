"""Settings of the service that sends backups off-site: it has a way out, so it knows no database, no Redis, no key."""

from django.core.management.utils import get_random_secret_key

from backend.settings.base import *
from backend.settings.base import LOGGING

SECRET_KEY = get_random_secret_key()  # nothing is signed here
DATABASES: dict[str, object] = {}
BACKUP_MUST_BE_ENCRYPTED = True
LOGGING["formatters"] = {"line": {"()": "backend.core.logs.JsonFormatter"}}
ENVIRONMENT = "prod"

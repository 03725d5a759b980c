"""Settings for `make run`: this machine only, weak fixed secrets, no second factor."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from backend.settings import environment as env
from backend.settings.base import *
from backend.settings.base import VAR_DIR, mongo_database

DEBUG = env.text("DEBUG", "1") == "1"
SECRET_KEY = env.secret("SECRET_KEY") or "development only: never reached in production settings"
JWT_SECRET_KEY = env.secret("JWT_SECRET_KEY") or "development only: signs tokens of this machine"
NONCE_SECRET_KEY = env.secret("NONCE_SECRET_KEY") or "development only: signs nonces of this machine"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *env.items("ALLOWED_HOSTS")]


def running_server(address_file: Path) -> str:
    """Return the address that `make run` wrote; raises ImproperlyConfigured where no server runs there."""
    try:
        uri = address_file.read_text(encoding="utf-8").strip()
        server = urlsplit(uri)
        # A killed server leaves its address behind; asking its port beats waiting for the driver to give up.
        socket.create_connection((str(server.hostname), server.port or 27017), timeout=1).close()
    except OSError:
        raise ImproperlyConfigured("No database runs: start it with `make run`, or set MONGO_URI.") from None
    return uri


MONGO_URI = env.secret("MONGO_URI") or running_server(VAR_DIR / "mongo.uri")
DATABASES = {"default": mongo_database("backend.devtools.mongodb_engine", MONGO_URI, maxPoolSize=20)}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
ENVIRONMENT = "dev"

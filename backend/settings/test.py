"""Settings for the tests: a real MongoDB and a real Redis that the tests start themselves."""

from backend.settings import environment as env
from backend.settings.base import *
from backend.settings.base import mongo_database

SECRET_KEY = "tests only, and long enough not to be called weak"
JWT_SECRET_KEY = "tests only: signs the tokens of tests, nothing else"
NONCE_SECRET_KEY = "tests only: signs the nonces of tests, nothing else"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
DATABASES = {
    "default": mongo_database("backend.devtools.mongodb_engine", env.text("MONGO_URI", "mongodb://127.0.0.1:1/"))
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # no collected files: the browser tests read the sources
ENVIRONMENT = "test"

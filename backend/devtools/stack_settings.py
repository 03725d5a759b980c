"""Settings of `make stack`: production's, on the development database engine and with demo data allowed."""

from backend.settings.base import mongo_database
from backend.settings.prod import *  # noqa: F403 - settings build on each other
from backend.settings.prod import MONGO_LIMIT, MONGO_URI

DATABASES = {"default": mongo_database("backend.devtools.mongodb_engine", MONGO_URI, maxPoolSize=20, **MONGO_LIMIT)}
ENVIRONMENT = "stack"

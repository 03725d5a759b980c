"""The core app."""

from django.apps import AppConfig
from django.conf import settings
from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.db.backends.signals import connection_created

from backend.core import metrics, serving


class CoreConfig(AppConfig):
    """The core app."""

    name = "backend.core"
    label = "core"

    def ready(self) -> None:
        """Let every connection go to the database that serves; leave out what Django closes around every request.

        The clients of MongoDB and Redis pool their connections, drop dead ones and open new ones by themselves;
        asking every connection twice a request was a tenth of a heartbeat's work.
        """
        connection_created.connect(serving.follow_from_the_start, dispatch_uid="serving")
        metrics.tell_build(settings.APP_COMMIT)
        request_started.disconnect(close_old_connections)
        request_finished.disconnect(close_old_connections)
        request_finished.disconnect(close_caches)

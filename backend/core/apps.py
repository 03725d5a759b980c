"""The core app."""

from django.apps import AppConfig
from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.db import close_old_connections


class CoreConfig(AppConfig):
    """The core app."""

    name = "backend.core"
    label = "core"

    def ready(self) -> None:
        """Leave out what Django closes around every request.

        The clients of MongoDB and Redis pool their connections, drop dead ones and open new ones by themselves;
        asking every connection twice a request was a tenth of a heartbeat's work.
        """
        request_started.disconnect(close_old_connections)
        request_finished.disconnect(close_old_connections)
        request_finished.disconnect(close_caches)

"""The core app."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """The core app."""

    name = "backend.core"
    label = "core"

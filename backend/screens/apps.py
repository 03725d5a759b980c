"""The ticket screens as a Django app."""

from django.apps import AppConfig


class ScreensConfig(AppConfig):
    """Views, templates and static files; it keeps no documents of its own."""

    name = "backend.screens"
    label = "screens"

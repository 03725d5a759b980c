"""The ops app."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    """The ops app."""

    name = "backend.ops"
    label = "ops"

    def ready(self) -> None:
        """Register the checks."""
        from backend.ops import checks  # noqa: F401, PLC0415  # models must be ready first

"""The boxoffice app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BoxofficeConfig(AppConfig):
    """The boxoffice app."""

    name = "backend.boxoffice"
    label = "boxoffice"
    verbose_name = _("Box office")

    def ready(self) -> None:
        """Let a cashier whose session ends finish with the customer in front of him."""
        from backend.accounts import sessions  # noqa: PLC0415 - apps must be loaded first
        from backend.boxoffice.orders import is_serving  # noqa: PLC0415

        sessions.waits_for(is_serving)

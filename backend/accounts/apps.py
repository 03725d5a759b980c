"""The accounts app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """The accounts app."""

    name = "backend.accounts"
    label = "accounts"
    verbose_name = _("Staff and devices")

    def ready(self) -> None:
        """Begin the figures of log-ins at 0 with the process, and not with its first log-in."""
        from backend.accounts import figures  # noqa: F401, PLC0415 - it needs the models

"""The accounts app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """The accounts app."""

    name = "backend.accounts"
    label = "accounts"
    verbose_name = _("Staff and devices")

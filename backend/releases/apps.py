"""The releases app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReleasesConfig(AppConfig):
    """The releases app."""

    name = "backend.releases"
    label = "releases"
    verbose_name = _("Client releases")

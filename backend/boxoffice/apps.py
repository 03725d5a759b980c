"""The boxoffice app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BoxofficeConfig(AppConfig):
    """The boxoffice app."""

    name = "backend.boxoffice"
    label = "boxoffice"
    verbose_name = _("Box office")

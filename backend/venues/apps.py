"""The venues app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class VenuesConfig(AppConfig):
    """The venues app."""

    name = "backend.venues"
    label = "venues"
    verbose_name = _("Cinemas and halls")

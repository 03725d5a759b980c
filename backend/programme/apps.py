"""The programme app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProgrammeConfig(AppConfig):
    """The programme app."""

    name = "backend.programme"
    label = "programme"
    verbose_name = _("Films and showtimes")

"""The managers' back office: Django's admin site with this product's name and rule of admission."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class BackOffice(AdminSite):
    """The admin site. Only enabled accounts whose role works in the back office get in."""

    site_header = _("Movie ticket management system")
    site_title = _("Back office")
    index_title = _("Back office")
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the signed-in person may enter: asked of the account at every request."""
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))

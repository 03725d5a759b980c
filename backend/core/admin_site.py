"""The managers' back office: Django's admin site with this product's name and rule of admission."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from backend.core import backup_panel, clock


class BackOffice(AdminSite):
    """The admin site. Only enabled accounts whose role works in the back office get in."""

    site_header = _("Movie ticket management system")
    site_title = _("Back office")
    index_title = _("Back office")
    enable_nav_sidebar = True
    index_template = "core/index.html"
    password_change_form: type[PasswordChangeForm]  # Django's own would write the whole account back

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the signed-in person may enter: asked of the account at every request."""
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))

    def get_urls(self) -> list[Any]:
        """Return Django's addresses but for its way from a record to the site's page: no record here has one."""
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show what there is to work with, and how the backups are."""
        return super().index(request, {"backups": backup_panel.lines(clock.now()), **(extra_context or {})})

    def password_change(  # type: ignore[override]  # Django's own returns what its view does, too
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Change one's own password. As Django's, but for the form, which Django lets nobody choose."""
        request.current_app = self.name  # type: ignore[attr-defined]  # as Django does
        return PasswordChangeView.as_view(
            form_class=self.password_change_form,
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )(request)

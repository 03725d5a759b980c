"""Every address of the server."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from backend.accounts.api import urls as accounts
from backend.accounts.web import enter
from backend.releases.api.views import LatestClientView

api: list[Any] = [
    # In the order of how often they are asked for: Django tries one after the other.
    path("", include(accounts.tills)),
    path("", include("backend.boxoffice.api.urls")),
    path("", include(accounts.managers)),
    path("client/latest", LatestClientView.as_view()),
]
urlpatterns = [
    path("api/v2/", include(api)),
    path("", RedirectView.as_view(url="/admin/")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("till/enter/<str:code>/", enter, name="till-enter"),
    path("till/", include("backend.screens.urls")),
]
if settings.SERVES == "all":
    urlpatterns.append(path("admin/", admin.site.urls))

"""Every address of the server."""

from typing import Any

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from backend.accounts.web import enter
from backend.releases.api.views import LatestClientView

api: list[Any] = [
    path("", include("backend.accounts.api.urls")),
    path("", include("backend.boxoffice.api.urls")),
    path("client/latest", LatestClientView.as_view()),
]
urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("api/v2/", include(api)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("till/enter/<str:code>/", enter, name="till-enter"),
    path("till/", include("backend.screens.urls")),
    path("admin/", admin.site.urls),
]

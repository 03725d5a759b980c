"""The box office's addresses."""

from django.urls import path

urlpatterns: list[object] = []

"""Every address of the site; files and the workers' addresses are in `asgi.py`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("podium.site.pages.urls")),
    path("", include("podium.site.competitions.urls")),
    path("", include("podium.site.evaluation.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/", include("podium.site.api_urls")),
    path("admin/", admin.site.urls),
]

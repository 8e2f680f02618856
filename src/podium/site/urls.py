"""Every address of the site; files and the workers' addresses are in `asgi.py`."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

# The administration has no log-in of its own, so that the limits on wrong passwords hold for it too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler400 = "podium.site.errors.bad_request"
handler404 = "podium.site.errors.not_found"
handler500 = "podium.site.errors.server_error"

urlpatterns = [
    path("", include("podium.site.pages.urls")),
    path("", include("podium.site.competitions.urls")),
    path("", include("podium.site.forums.urls")),
    path("", include("podium.site.evaluation.urls")),
    path("", include("podium.site.monitoring.urls")),
    path("", include("podium.site.audit.urls")),
    path("", include("podium.site.analytics.urls")),
    path("", include("podium.site.queues.urls")),
    path("", include("podium.site.resources.urls")),
    path("", include("podium.site.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/", include("podium.site.api_urls")),
    path("admin/", admin.site.urls),
]

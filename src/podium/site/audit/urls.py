"""The page of the whole site's history; a competition's is among its own pages."""

from __future__ import annotations

from django.urls import path

from podium.site.audit import views

app_name = "audit"
urlpatterns = [path("audit/", views.everything, name="everything")]

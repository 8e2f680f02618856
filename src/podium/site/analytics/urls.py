"""Addresses of the site's numbers; those of a competition are among its own pages."""

from __future__ import annotations

from django.urls import path

from podium.site.analytics import views

app_name = "analytics"
urlpatterns = [
    path("analytics/", views.overview, name="overview"),
    path("analytics/storage/", views.storage, name="storage"),
    path("analytics/storage/orphans/", views.delete_orphans, name="delete_orphans"),
    path("analytics/competitions/", views.by_competition, name="competitions"),
    path("analytics/people/", views.by_person, name="people"),
]

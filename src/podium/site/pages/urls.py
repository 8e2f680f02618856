"""Addresses of the site's own pages."""

from __future__ import annotations

from django.urls import path

from podium.site.pages import views, views_finding, views_handbook

urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views_finding.search, name="search"),
    path("choices/<str:chosen>/", views_finding.choices, name="choices"),
    path("news/", views.news, name="news"),
    path("about/", views.about, name="about"),
    path("docs/", views_handbook.docs, name="docs"),
    path("docs/<path:chapter>/", views_handbook.docs, name="docs_chapter"),
    path("theme/", views.theme, name="theme"),
    path("language/", views.language, name="language"),
    path("robots.txt", views.robots, name="robots"),
    path("favicon.ico", views.favicon, name="favicon"),
]

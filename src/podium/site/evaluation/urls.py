"""Addresses of the submission pages."""

from __future__ import annotations

from django.urls import path

from podium.site.evaluation import views, views_manage

app_name = "evaluation"
urlpatterns = [
    path("server_status", views.server_status, name="server_status"),
    path("submissions/<int:pk>/", views.submission, name="submission"),
    path("submissions/<int:pk>/row/", views.row, name="row"),
    path("submissions/<int:pk>/report/", views.detailed_results, name="report"),
    path("submissions/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("submissions/<int:pk>/manage/", views_manage.manage, name="manage"),
    path("submissions/<int:pk>/scores/", views_manage.scores, name="scores"),
    path("submissions/<int:pk>/delete/", views_manage.delete, name="delete"),
    path("submissions/<int:pk>/start/", views.start, name="start"),
    path("submissions/<int:pk>/logs/<str:step>/<str:stream>/", views.log, name="log"),
]

"""Addresses of the queues' pages."""

from __future__ import annotations

from django.urls import path

from podium.site.queues import views

app_name = "queues"
urlpatterns = [
    path("queues/", views.queues, name="list"),
    path("queues/new/", views.create, name="create"),
    path("queues/<int:pk>/", views.queue, name="queue"),
    path("queues/<int:pk>/edit/", views.edit, name="edit"),
    path("queues/<int:pk>/delete/", views.delete, name="delete"),
    path("queues/<int:pk>/tokens/<int:token_id>/<str:wish>/", views.token, name="token"),
    path("queues/<int:pk>/workers/<int:worker_id>/<str:wish>/", views.worker, name="worker"),
    path("workers/", views.workers, name="workers"),
]

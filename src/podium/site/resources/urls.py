"""Addresses of datasets' files, and of the pages of datasets, tasks and space."""

from __future__ import annotations

from django.urls import path

from podium.site.evaluation import views_resources
from podium.site.resources import views_datasets, views_public, views_tasks
from podium.site.resources.api import DatasetDownloadView

app_name = "resources"
urlpatterns = [
    path("datasets/download/<uuid:key>/", DatasetDownloadView.as_view(), name="download"),
    path("datasets/download/id/<int:pk>/", DatasetDownloadView.as_view(), name="download_by_id"),
    path("datasets/public/", views_public.datasets, name="public_datasets"),
    path("datasets/<int:pk>/", views_datasets.dataset, name="dataset"),
    path("tasks/public/", views_public.tasks, name="public_tasks"),
    path("tasks/<int:pk>/", views_tasks.task, name="task"),
    path("resources/", views_resources.submissions, name="submissions"),
    path("resources/submissions/", views_resources.selected, name="selected"),
    path("resources/datasets/", views_datasets.datasets, name="datasets"),
    path("resources/datasets/new/", views_datasets.upload, name="upload"),
    path("resources/datasets/delete/", views_datasets.delete, name="delete"),
    path("resources/datasets/<int:pk>/edit/", views_datasets.edit, name="edit"),
    path("resources/datasets/<int:pk>/publish/", views_datasets.publish, name="publish"),
    path("resources/tasks/", views_tasks.tasks, name="tasks"),
    path("resources/tasks/new/", views_tasks.create, name="create_task"),
    path("resources/tasks/upload/", views_tasks.upload, name="upload_task"),
    path("resources/tasks/delete/", views_tasks.delete, name="delete_tasks"),
    path("resources/tasks/<int:pk>/edit/", views_tasks.edit, name="edit_task"),
    path("resources/tasks/<int:pk>/share/", views_tasks.share, name="share_task"),
    path("resources/bundles/", views_datasets.bundles, name="bundles"),
    path("resources/space/", views_resources.space, name="space"),
    path("resources/space/<str:kind>/", views_resources.clean_up, name="clean_up"),
]

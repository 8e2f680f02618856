"""Addresses of the REST API."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
from rest_framework.permissions import AllowAny
from rest_framework.routers import DefaultRouter

from podium.site.accounts.api import MyProfileView, TokenView
from podium.site.competitions.api import CompetitionViewSet, LimitsView
from podium.site.competitions.api_bundles import (
    BundleSchemaView,
    CompetitionFilesView,
    CreateArchiveView,
    CreateDumpView,
)
from podium.site.competitions.api_participants import ParticipantViewSet
from podium.site.competitions.api_phases import PhaseViewSet
from podium.site.evaluation.api import CanMakeSubmissionView, SubmissionViewSet
from podium.site.evaluation.streaming import submission_events
from podium.site.leaderboards.api import PhaseBoardViewSet
from podium.site.leaderboards.api_changes import SubmissionScoreViewSet
from podium.site.leaderboards.api_exports import ResultsView
from podium.site.queues.api import QueueViewSet
from podium.site.resources.api import DatasetViewSet, TaskArchiveView
from podium.site.resources.api_tasks import TaskViewSet

router = DefaultRouter()
router.include_root_view = False
router.register("competitions", CompetitionViewSet, basename="api-competition")
router.register("datasets", DatasetViewSet, basename="api-dataset")
router.register("participants", ParticipantViewSet, basename="api-participant")
router.register("phases", PhaseBoardViewSet, basename="api-phase")
router.register("phases", PhaseViewSet, basename="api-phase-control")
router.register("queues", QueueViewSet, basename="api-queue")
router.register("submission_scores", SubmissionScoreViewSet, basename="api-score")
router.register("submissions", SubmissionViewSet, basename="api-submission")
router.register("tasks", TaskViewSet, basename="api-task")

_PUBLIC = {"permission_classes": [AllowAny]}
urlpatterns = [
    path("api-token-auth/", TokenView.as_view(), name="api-token"),
    path("limits/", LimitsView.as_view(), name="api-limits"),
    path("competitions/<int:pk>/create_dump/", CreateDumpView.as_view(), name="api-create-dump"),
    path("competitions/<int:pk>/create_archive/", CreateArchiveView.as_view(), name="api-create-archive"),
    path("competitions/<int:pk>/get_files/", CompetitionFilesView.as_view(), name="api-competition-files"),
    path("competitions/<int:pk>/results/", ResultsView.as_view(), name="api-results"),
    path("competitions/<int:pk>/results.json", ResultsView.as_view(), name="api-results-json"),
    path("competitions/<int:pk>/results.csv", ResultsView.as_view(form="csv"), name="api-results-csv"),
    path("competitions/<int:pk>/results.zip", ResultsView.as_view(form="zip"), name="api-results-zip"),
    path("schemas/competition.json", BundleSchemaView.as_view(), name="api-bundle-schema"),
    path("tasks/upload_task/", TaskArchiveView.as_view(), name="api-task-archive"),
    path("my_profile/", MyProfileView.as_view(), name="api-my-profile"),
    path("can_make_submission/<int:phase>/", CanMakeSubmissionView.as_view(), name="api-can-make-submission"),
    path("submissions/<int:pk>/events/", submission_events, name="api-submission-events"),
    path("api/schema/", SpectacularAPIView.as_view(**_PUBLIC), name="api-schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api-schema", **_PUBLIC), name="api-docs"),
    path("redoc/", SpectacularRedocView.as_view(url_name="api-schema", **_PUBLIC), name="api-redoc"),
    path("", include(router.urls)),
]

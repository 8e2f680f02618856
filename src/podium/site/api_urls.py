"""Addresses of the REST API."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
from rest_framework.permissions import AllowAny

from podium.site.accounts.api import MyProfileView, TokenView
from podium.site.accounts.api_organizations import OrganizationViewSet, ParticipantOrganizationsView
from podium.site.accounts.api_people import DeleteAccountView, UserLookupView, UserViewSet
from podium.site.accounts.api_tokens import ApiTokenViewSet
from podium.site.analytics import api as analytics
from podium.site.analytics import api_tables as tables
from podium.site.audit.api import AuditTableView, AuditView, CompetitionAuditTableView, CompetitionAuditView
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
from podium.site.evaluation.api_quota import CleanupView, UserQuotaCleanupView, UserQuotaView
from podium.site.evaluation.api_upload import ArchiveSubmissionView
from podium.site.evaluation.streaming import competition_events, submission_events
from podium.site.leaderboards.api import PhaseBoardViewSet
from podium.site.leaderboards.api_boards import LeaderboardViewSet
from podium.site.leaderboards.api_changes import SubmissionScoreViewSet
from podium.site.leaderboards.api_exports import ResultsView
from podium.site.queues.api import QueueViewSet
from podium.site.resources.api import DatasetViewSet, TaskArchiveView
from podium.site.resources.api_tasks import TaskViewSet
from podium.site.resources.api_uploads import UploadViewSet
from podium.site.routers import ApiRouter
from podium.site.webhooks.api import WebhookViewSet

router = ApiRouter()
router.register("competitions", CompetitionViewSet, basename="api-competition")
router.register("datasets", DatasetViewSet, basename="api-dataset")
router.register("leaderboards", LeaderboardViewSet, basename="api-leaderboard")
router.register("participants", ParticipantViewSet, basename="api-participant")
router.register("phases", PhaseBoardViewSet, basename="api-phase")
router.register("phases", PhaseViewSet, basename="api-phase-control")
router.register("queues", QueueViewSet, basename="api-queue")
router.register("submission_scores", SubmissionScoreViewSet, basename="api-score")
router.register("submissions", SubmissionViewSet, basename="api-submission")
router.register("tasks", TaskViewSet, basename="api-task")
router.register("organizations", OrganizationViewSet, basename="api-organization")
router.register("tokens", ApiTokenViewSet, basename="api-token")
router.register("users", UserViewSet, basename="api-user")
router.register("uploads", UploadViewSet, basename="api-upload")
router.register(r"competitions/(?P<competition>[0-9]{1,18})/webhooks", WebhookViewSet, basename="api-webhook")

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
    path("competitions/<int:pk>/audit/", CompetitionAuditView.as_view(), name="api-competition-audit"),
    path("competitions/<int:pk>/audit.csv", CompetitionAuditTableView.as_view(), name="api-competition-audit-csv"),
    path(
        "competitions/<int:pk>/statistics/",
        tables.CompetitionStatisticsView.as_view(),
        name="api-competition-statistics",
    ),
    path(
        "competitions/<int:pk>/statistics.csv",
        tables.CompetitionStatisticsTableView.as_view(),
        name="api-competition-statistics-csv",
    ),
    path("audit/", AuditView.as_view(), name="api-audit"),
    path("audit.csv", AuditTableView.as_view(), name="api-audit-csv"),
    path("analytics/", analytics.AnalyticsView.as_view(), name="api-analytics"),
    path("analytics/year.csv", tables.YearTableView.as_view(), name="api-analytics-year"),
    path("analytics/published.csv", tables.PublishedTableView.as_view(), name="api-analytics-published"),
    path("analytics/storage_usage_history/", analytics.StorageHistoryView.as_view(), name="api-analytics-storage"),
    path("analytics/competitions_usage/", analytics.CompetitionsUsageView.as_view(), name="api-analytics-competitions"),
    path("analytics/users_usage/", analytics.UsersUsageView.as_view(), name="api-analytics-users"),
    path("analytics/get_orphan_files/", analytics.OrphanFilesView.as_view(), name="api-analytics-orphans"),
    path(
        "analytics/delete_orphan_files/",
        analytics.DeleteOrphanFilesView.as_view(),
        name="api-analytics-delete-orphans",
    ),
    path(
        "analytics/check_orphans_deletion_status/",
        analytics.OrphanDeletionStatusView.as_view(),
        name="api-analytics-orphans-status",
    ),
    path("schemas/competition.json", BundleSchemaView.as_view(), name="api-bundle-schema"),
    path("tasks/upload_task/", TaskArchiveView.as_view(), name="api-task-archive"),
    path("my_profile/", MyProfileView.as_view(), name="api-my-profile"),
    path(
        "users/participant_organizations/",
        ParticipantOrganizationsView.as_view(),
        name="api-participant-organizations",
    ),
    path("user_lookup/", UserLookupView.as_view(), name="api-user-lookup"),
    path("delete_account/", DeleteAccountView.as_view(), name="api-delete-account"),
    path("can_make_submission/<int:phase>/", CanMakeSubmissionView.as_view(), name="api-can-make-submission"),
    path("user_quota/", UserQuotaView.as_view(), name="api-user-quota"),
    path("user_quota_cleanup/", UserQuotaCleanupView.as_view(), name="api-user-quota-cleanup"),
    *(
        path(f"delete_{name}/", CleanupView.as_view(kind=kind), name=f"api-delete-{name}")
        for name, kind in (
            ("unused_tasks", "unused_tasks"),
            ("unused_datasets", "unused_datasets_programs"),
            ("unused_submissions", "unused_submissions"),
            ("failed_submissions", "failed_submissions"),
        )
    ),
    path("submissions/upload/", ArchiveSubmissionView.as_view(), name="api-submission-upload"),
    path("competitions/<int:pk>/events/", competition_events, name="api-competition-events"),
    path("submissions/<int:pk>/events/", submission_events, name="api-submission-events"),
    path("api/schema/", SpectacularAPIView.as_view(**_PUBLIC), name="api-schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api-schema", **_PUBLIC), name="api-docs"),
    path("redoc/", SpectacularRedocView.as_view(url_name="api-schema", **_PUBLIC), name="api-redoc"),
    path("", include(router.urls)),
]

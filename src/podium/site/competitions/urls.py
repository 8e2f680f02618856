"""Addresses of the competition pages."""

from __future__ import annotations

from django.urls import path

from podium.site.analytics import views as analytics
from podium.site.audit import views as audit
from podium.site.competitions import views, views_access, views_archives, views_people, views_tasks
from podium.site.competitions.editor import views as editor
from podium.site.competitions.editor import views_phases
from podium.site.evaluation import views as evaluation
from podium.site.evaluation import views_compare, views_control, views_tries
from podium.site.leaderboards import views as leaderboards
from podium.site.leaderboards import views_insight
from podium.site.webhooks import views as webhooks

app_name = "competitions"
urlpatterns = [
    path("competitions/", views.mine, name="mine"),
    path("competitions/public/", views.public, name="public"),
    path("competitions/new/", editor.new, name="new"),
    path("competitions/upload/", views.upload, name="upload"),
    path("competitions/upload/<int:pk>/", views.creation, name="creation"),
    path("competitions/<int:pk>/", views.detail, name="detail"),
    path("competitions/<int:pk>/edit/", editor.details, name="edit"),
    path("competitions/<int:pk>/edit/participation/", editor.participation, name="edit-participation"),
    path("competitions/<int:pk>/edit/pages/", editor.pages, name="edit-pages"),
    path("competitions/<int:pk>/edit/pages/new/", editor.page, name="edit-page-new"),
    path("competitions/<int:pk>/edit/pages/<int:page_id>/", editor.page, name="edit-page"),
    path("competitions/<int:pk>/edit/phases/", views_phases.phases, name="edit-phases"),
    path("competitions/<int:pk>/edit/phases/new/", views_phases.phase, name="edit-phase-new"),
    path("competitions/<int:pk>/edit/phases/<int:phase_id>/", views_phases.phase, name="edit-phase"),
    path("competitions/<int:pk>/edit/leaderboards/", views_phases.boards, name="edit-boards"),
    path("competitions/<int:pk>/edit/leaderboards/new/", views_phases.board, name="edit-board-new"),
    path("competitions/<int:pk>/edit/leaderboards/<int:board_id>/", views_phases.board, name="edit-board"),
    path("competitions/<int:pk>/edit/fact_sheet/", editor.fact_sheet, name="edit-fact-sheet"),
    path("competitions/<int:pk>/edit/administrators/", editor.people, name="edit-people"),
    path("competitions/<int:pk>/pages/<int:page_id>/", views.detail, name="page"),
    path("competitions/<int:pk>/terms/", views.terms, name="terms"),
    path("competitions/<int:pk>/files/", views.files, name="files"),
    path("competitions/<int:pk>/dumps/", views.dump, name="dump"),
    path("competitions/<int:pk>/archives/", views_archives.archives, name="archives"),
    path("competitions/<int:pk>/statistics/", analytics.of_competition, name="statistics"),
    path("competitions/<int:pk>/history/", audit.history, name="history"),
    path("competitions/<int:pk>/webhooks/", webhooks.webhooks, name="webhooks"),
    path("competitions/<int:pk>/webhooks/<int:webhook_id>/", webhooks.webhook, name="webhook"),
    path("competitions/<int:pk>/phases/", views.phases, name="phases"),
    path("competitions/<int:pk>/phases/<int:phase>/settle_limits/", views.settle_limits, name="settle_limits"),
    path("competitions/<int:pk>/register/", views.register, name="register"),
    path("competitions/<int:pk>/publish/", views.publish, name="publish"),
    path("competitions/<int:pk>/unpublish/", views.unpublish, name="unpublish"),
    path("competitions/<int:pk>/participants/", views_people.participants, name="participants"),
    path("competitions/<int:pk>/participants/csv/", views_people.participants_csv, name="participants_csv"),
    path("competitions/<int:pk>/participants/selected/", views_people.decide_many, name="decide_many"),
    path("competitions/<int:pk>/participants/<int:participant_id>/", views_people.decide, name="decide"),
    path(
        "competitions/<int:pk>/participants/<int:participant_id>/tries/",
        views_tries.participant_tries,
        name="participant_tries",
    ),
    path("competitions/<int:pk>/submissions/all/", evaluation.all_submissions, name="all_submissions"),
    path("competitions/<int:pk>/access/", views_access.access, name="access"),
    path("competitions/<int:pk>/message/", views_access.message, name="message"),
    path("competitions/<int:pk>/view_as/", views_access.view_as, name="view_as"),
    path("competitions/<int:pk>/copy/", views_access.copy, name="copy"),
    path("competitions/<int:pk>/delete/", views_access.delete, name="delete"),
    path("competitions/<int:pk>/restore/", views_access.restore, name="restore"),
    path("competitions/<int:pk>/queue/", views.queue, name="queue"),
    path("competitions/<int:pk>/submissions/compare/", views_compare.compare, name="compare"),
    path("competitions/<int:pk>/submissions/selected/", views_control.selected, name="selected"),
    path("competitions/<int:pk>/tasks/", views_tasks.tasks, name="tasks"),
    path("competitions/<int:pk>/tasks/<int:task_id>/", views_tasks.replace, name="task"),
    path("competitions/<int:pk>/phases/<int:phase_id>/rerun/", views_control.rerun_phase, name="rerun_phase"),
    path("competitions/<int:pk>/phases/<int:phase_id>/migrate/", views_tasks.migrate, name="migrate"),
    path("competitions/<int:pk>/phases/<int:phase_id>/comparison/", views_control.compared, name="comparison"),
    path("competitions/<int:pk>/bundle/", views.bundle, name="bundle"),
    path("competitions/<int:pk>/submissions/", evaluation.submissions, name="submissions"),
    path("competitions/<int:pk>/results/", leaderboards.results, name="results"),
    path("competitions/<int:pk>/results/progress/", views_insight.over_time, name="progress"),
    path("competitions/<int:pk>/results/<int:submission_id>/", views_insight.place, name="place"),
]

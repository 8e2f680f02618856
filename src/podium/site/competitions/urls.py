"""Addresses of the competition pages."""

from __future__ import annotations

from django.urls import path

from podium.site.competitions import views, views_archives, views_tasks
from podium.site.evaluation import views as evaluation
from podium.site.evaluation import views_control, views_tries
from podium.site.leaderboards import views as leaderboards
from podium.site.leaderboards import views_insight

app_name = "competitions"
urlpatterns = [
    path("competitions/", views.mine, name="mine"),
    path("competitions/public/", views.public, name="public"),
    path("competitions/upload/", views.upload, name="upload"),
    path("competitions/upload/<int:pk>/", views.creation, name="creation"),
    path("competitions/<int:pk>/", views.detail, name="detail"),
    path("competitions/<int:pk>/pages/<int:page_id>/", views.detail, name="page"),
    path("competitions/<int:pk>/terms/", views.terms, name="terms"),
    path("competitions/<int:pk>/files/", views.files, name="files"),
    path("competitions/<int:pk>/dumps/", views.dump, name="dump"),
    path("competitions/<int:pk>/archives/", views_archives.archives, name="archives"),
    path("competitions/<int:pk>/phases/", views.phases, name="phases"),
    path("competitions/<int:pk>/phases/<int:phase>/settle_limits/", views.settle_limits, name="settle_limits"),
    path("competitions/<int:pk>/register/", views.register, name="register"),
    path("competitions/<int:pk>/publish/", views.publish, name="publish"),
    path("competitions/<int:pk>/unpublish/", views.unpublish, name="unpublish"),
    path("competitions/<int:pk>/participants/", views.participants, name="participants"),
    path("competitions/<int:pk>/participants/<int:participant_id>/", views.decide, name="decide"),
    path(
        "competitions/<int:pk>/participants/<int:participant_id>/tries/",
        views_tries.participant_tries,
        name="participant_tries",
    ),
    path("competitions/<int:pk>/submissions/all/", evaluation.all_submissions, name="all_submissions"),
    path("competitions/<int:pk>/queue/", views.queue, name="queue"),
    path("competitions/<int:pk>/submissions/selected/", views_control.selected, name="selected"),
    path("competitions/<int:pk>/tasks/", views_tasks.tasks, name="tasks"),
    path("competitions/<int:pk>/tasks/<int:task_id>/", views_tasks.replace, name="task"),
    path("competitions/<int:pk>/phases/<int:phase_id>/rerun/", views_control.rerun_phase, name="rerun_phase"),
    path("competitions/<int:pk>/phases/<int:phase_id>/comparison/", views_control.compared, name="comparison"),
    path("competitions/<int:pk>/bundle/", views.bundle, name="bundle"),
    path("competitions/<int:pk>/submissions/", evaluation.submissions, name="submissions"),
    path("competitions/<int:pk>/results/", leaderboards.results, name="results"),
    path("competitions/<int:pk>/results/progress/", views_insight.over_time, name="progress"),
    path("competitions/<int:pk>/results/<int:submission_id>/", views_insight.place, name="place"),
]

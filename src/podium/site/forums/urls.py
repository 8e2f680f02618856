"""Addresses of the forums; those below `forums/` are Codabench's and lead to ours."""

from __future__ import annotations

from django.urls import path

from podium.site.forums import views, views_moderation, views_posts

app_name = "forums"
_FORUM = "competitions/<int:pk>/forum/"
urlpatterns = [
    path(_FORUM, views.forum, name="forum"),
    path(f"{_FORUM}new/", views.new_thread, name="new_thread"),
    path(f"{_FORUM}preview/", views.preview, name="preview"),
    path(f"{_FORUM}<int:thread_id>/", views.thread, name="thread"),
    path(f"{_FORUM}<int:thread_id>/follow/", views.follow, name="follow"),
    path(f"{_FORUM}<int:thread_id>/moderate/", views_moderation.moderate, name="moderate"),
    path(f"{_FORUM}<int:thread_id>/announce/", views_moderation.announce, name="announce"),
    path(f"{_FORUM}<int:thread_id>/delete/", views_moderation.delete_thread, name="delete_thread"),
    path(f"{_FORUM}posts/<int:post_id>/edit/", views_posts.edit, name="edit"),
    path(f"{_FORUM}posts/<int:post_id>/delete/", views_posts.delete, name="delete"),
    path(f"{_FORUM}posts/<int:post_id>/report/", views_posts.report, name="report"),
    path(f"{_FORUM}posts/<int:post_id>/moderate/", views_moderation.moderate_post, name="moderate_post"),
    path("forums/unfollow/<str:token>/", views.unfollow, name="unfollow"),
    path("forums/<int:forum_id>/", views.moved, name="moved"),
    path("forums/<int:forum_id>/<int:thread_id>/", views.moved, name="moved_thread"),
]

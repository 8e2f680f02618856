"""Addresses for those who watch over the site."""

from __future__ import annotations

from django.urls import path

from podium.site.monitoring import views

urlpatterns = [path("metrics", views.metrics, name="metrics")]

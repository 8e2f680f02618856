from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "podium.site.analytics"
    label = "analytics"

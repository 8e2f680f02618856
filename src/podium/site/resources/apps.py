from django.apps import AppConfig


class ResourcesConfig(AppConfig):
    name = "podium.site.resources"
    label = "resources"

from django.apps import AppConfig


class ForumsConfig(AppConfig):
    name = "podium.site.forums"
    label = "forums"

from django.apps import AppConfig


class CompetitionsConfig(AppConfig):
    name = "podium.site.competitions"
    label = "competitions"

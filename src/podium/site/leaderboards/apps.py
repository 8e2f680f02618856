from django.apps import AppConfig


class LeaderboardsConfig(AppConfig):
    name = "podium.site.leaderboards"
    label = "leaderboards"

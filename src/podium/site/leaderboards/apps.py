from django.apps import AppConfig


class LeaderboardsConfig(AppConfig):
    name = "podium.site.leaderboards"
    label = "leaderboards"

    def ready(self) -> None:
        """Let the blocks of boards follow their entries."""
        from podium.site.leaderboards.services import places  # noqa: F401, PLC0415 - models are ready now

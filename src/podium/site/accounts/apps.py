from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "podium.site.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Let what people have open follow their sessions."""
        from podium.site.accounts import leaving  # noqa: F401, PLC0415 - models are ready now

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "podium.site.accounts"
    label = "accounts"

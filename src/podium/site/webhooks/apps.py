from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "podium.site.webhooks"
    label = "webhooks"

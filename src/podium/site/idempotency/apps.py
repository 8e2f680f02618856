from django.apps import AppConfig


class IdempotencyConfig(AppConfig):
    name = "podium.site.idempotency"
    label = "idempotency"

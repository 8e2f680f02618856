from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "podium.site.audit"
    label = "audit"

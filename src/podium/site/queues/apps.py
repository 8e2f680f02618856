from django.apps import AppConfig


class QueuesConfig(AppConfig):
    name = "podium.site.queues"
    label = "queues"

from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "podium.site.evaluation"
    label = "evaluation"

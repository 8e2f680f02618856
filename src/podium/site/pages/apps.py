from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "podium.site.pages"
    label = "pages"

from django.apps import AppConfig


class MailsConfig(AppConfig):
    name = "podium.site.mails"
    label = "mails"

"""Django's administration as an app of this site's; not in `apps.py`, where Django would take it for the history's."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class AdministrationConfig(AdminConfig):
    """Its pages record what they change."""

    default_site = "podium.site.audit.administration.Administration"

"""News and announcements in the administration."""

from __future__ import annotations

from django.contrib import admin

from podium.site.pages.models import Announcement, NewsPost

admin.site.register(Announcement)
admin.site.register(NewsPost)
admin.site.site_header = "Podium administration"

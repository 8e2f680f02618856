"""What every template may use."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest

import podium.site

THEME_COOKIE: Final = "podium_theme"
THEMES: Final = ("light", "dark")


def site(request: HttpRequest) -> dict[str, Any]:
    """The site's own facts, and the colours that the viewer chose ("" is as the system has it)."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    if theme not in THEMES:
        theme = ""
    return {
        "site_name": "Podium",
        "site_version": podium.site.__version__,
        "registration_open": settings.CONFIG.open_registration,
        "contact": settings.CONFIG.contact,
        "sends_mail": bool(settings.CONFIG.email_url),
        "theme": theme,
        "languages": settings.LANGUAGES,
        "viewing": getattr(request, "viewing", None),
        "next_theme": {"": "light", "light": "dark", "dark": "auto"}[theme],
    }

"""What every template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

import podium.site


def site(request: HttpRequest) -> dict[str, Any]:
    """The site's own facts."""
    return {
        "site_name": "Podium",
        "site_version": podium.site.__version__,
        "registration_open": settings.CONFIG.open_registration,
    }

"""The ASGI application: files and workers on their own planes, everything else through Django."""

from __future__ import annotations

import os
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "podium.site.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

django_application = cast("ASGIApp", get_asgi_application())

from podium.site import body_limit, bytes_plane  # noqa: E402 - needs the apps that the line above has loaded
from podium.site.evaluation import intake  # noqa: E402

limited = body_limit.BodyLimit(
    django_application,
    usual=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    files=settings.CONFIG.max_upload_bytes,
    session_cookie=settings.SESSION_COOKIE_NAME,
)
application = Starlette(routes=[*bytes_plane.routes, *intake.routes, Mount("/", app=limited)])

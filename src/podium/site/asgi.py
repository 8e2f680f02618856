"""The ASGI application: files and workers on their own planes, everything else through Django."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "podium.site.settings")

from django.core.asgi import get_asgi_application  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from starlette.routing import Mount  # noqa: E402

django_application = get_asgi_application()

from podium.site import bytes_plane  # noqa: E402 - needs the apps that the line above has loaded
from podium.site.evaluation import intake  # noqa: E402

application = Starlette(routes=[*bytes_plane.routes, *intake.routes, Mount("/", app=django_application)])

"""Makes an installation ready: database, administrator, default queue."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from podium.site import tables
from podium.site.accounts.services import ensure_administrator
from podium.site.queues.services import ensure_default_queue
from podium.site.queues.services.tokens import kept_token_file


class Command(BaseCommand):
    """Migrate and make what every installation has; doing it again changes nothing."""

    help = "Migrate the database and make the administrator and the default queue; prints JSON."

    requires_system_checks: list[str] = []  # they load every page and API; `make lint` and tests run them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-migrate", action="store_true", help="leave the database's tables as they are")

    def handle(self, *args: Any, **options: Any) -> None:
        settings.FILES_DIR.mkdir(parents=True, exist_ok=True, mode=0o750)
        if not options["no_migrate"]:
            tables.make_if_none()
            call_command("migrate", verbosity=0, interactive=False)
        config = settings.CONFIG
        administrator = ensure_administrator(
            username=config.admin_username,
            password=config.admin_password.get_secret_value() if config.admin_password else None,
            email=config.admin_email,
        )
        ensure_default_queue()
        self.stdout.write(
            json.dumps(
                {
                    "admin_created": administrator.created,
                    "admin_username": administrator.username,
                    "admin_password": administrator.password,
                    "worker_token_file": str(kept_token_file()),
                }
            )
        )

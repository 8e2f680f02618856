"""What starts the site's processes; the only part of the site that the command line uses."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

_WITHOUT_PREFIX = frozenset({"DATABASE_URL", "REDIS_URL", "BROKER_URL", "STORAGE_URL"})
OUTAGE_PAUSE = 1.0
"""Seconds between two looks at a database that does not answer."""


def _settings(data: Path | None) -> None:
    os.umask(0o077)  # the database and the files hold what no other user of the machine may read
    if data is not None:
        os.environ["PODIUM_DATA"] = str(data)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "podium.site.settings")


def manage(argv: list[str], data: Path | None = None) -> None:
    """Run a management command, e.g. `["migrate"]`."""
    _settings(data)
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - Django is loaded only when needed

    from podium.site.audit.actions import Via  # noqa: PLC0415
    from podium.site.audit.origin import Origin, coming  # noqa: PLC0415

    with coming(Origin(Via.COMMAND)):
        execute_from_command_line(["podium manage", *argv])


def examine(data: Path, send_to: str = "") -> None:
    """Print what the site finds out about its settings and services, one JSON object a line; see `podium doctor`.

    Makes nothing: an installation that is not there yet gets no key.
    """
    _settings(data)
    if not (data / "secrets" / "django-key").is_file():
        os.environ.setdefault("PODIUM_SECRET_KEY", secrets.token_urlsafe(64))  # for this process alone
    import django  # noqa: PLC0415
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        django.setup()
    except ValidationError as error:  # shown without what was given, which may be a secret
        for fault in error.errors(include_input=False, include_url=False):
            given = "_".join(map(str, fault["loc"])).upper()
            name = given if given in _WITHOUT_PREFIX else f"PODIUM_{given}"
            _found(name="settings", state="fail", detail=f"{name}: {fault['msg']}", mend="Set it as the manual says.")
        return
    from podium.site.monitoring import health  # noqa: PLC0415

    for finding in health.examine(send_to=send_to):
        _found(**asdict(finding))


def _found(**finding: str) -> None:
    print(json.dumps(finding), flush=True)


def web(host: str, port: int, data: Path | None = None) -> None:
    """Serve the site until SIGTERM or SIGINT; open streams are given two seconds to end.

    port: 0 takes a free one.
    """
    _settings(data)
    import uvicorn  # noqa: PLC0415

    from podium.site.head_limit import HeadLimit  # noqa: PLC0415

    uvicorn.run(
        "podium.site.asgi:application",
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        loop="uvloop",
        http=HeadLimit,
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=4 * 1024 * 1024,
        ws_ping_interval=None,  # a worker that is busy with its program answers no ping, and would count as gone
        timeout_graceful_shutdown=2,
        timeout_keep_alive=30,
        backlog=2048,
        server_header=False,
        proxy_headers=False,
    )


class _Loop(Protocol):
    """What runs beside the background tasks until it is stopped."""

    def run(self) -> None: ...

    def stop(self) -> None: ...


def _run_through_outages(worker: Any) -> None:
    """Run background tasks until the worker is told to stop, also when the database goes away and comes back."""
    import structlog  # noqa: PLC0415
    from django.db import InterfaceError, OperationalError, connections  # noqa: PLC0415

    log = structlog.get_logger(__name__)
    while worker.running:
        try:
            worker.run()
        except (InterfaceError, OperationalError) as error:
            log.error("the database does not answer, background tasks wait for it", error=str(error))  # noqa: TRY400
            connections.close_all()
            time.sleep(OUTAGE_PAUSE)


def site_worker(data: Path | None = None) -> None:
    """Run background tasks and the sweeper until SIGTERM or SIGINT."""
    _settings(data)
    import django  # noqa: PLC0415

    django.setup()
    from podium.site.background import TaskRunner  # noqa: PLC0415
    from podium.site.evaluation.sweeper import Sweeper  # noqa: PLC0415
    from podium.site.queues import broker  # noqa: PLC0415
    from podium.site.webhooks.sender import Sender  # noqa: PLC0415

    worker = TaskRunner()
    beside: list[_Loop] = [Sweeper(), Sender()]
    if broker.is_configured():
        from podium.site.evaluation.codabench_worker.bridge import Bridge  # noqa: PLC0415 - AMQP only where it is used

        beside.append(Bridge())
    threads = [threading.Thread(target=loop.run, name=type(loop).__name__, daemon=True) for loop in beside]
    for thread in threads:
        thread.start()
    worker.configure_signals()
    signal.signal(signal.SIGTERM, worker.shutdown)
    try:
        _run_through_outages(worker)
    except SystemExit as exit_:
        sys.exit(exit_.code)
    finally:
        for loop in beside:
            loop.stop()
        for thread in threads:
            thread.join(timeout=2)

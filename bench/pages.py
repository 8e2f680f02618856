"""Every list of the pages and of the API with 10,000 rows of everything: milliseconds, queries, what is read, size.

Asked for inside the process that holds the site, by whom it is for, on SQLite and PostgreSQL. `PAGES_POSTGRES` names a
server on which a database may be made; `PAGES_ROWS` how many of everything; `PAGES_ROUNDS` how often each is asked.
What stands over the target, or is larger than a page should be, is marked.
"""

# ruff: noqa: PLC0415 - the site is imported only in the process that has set it up

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
from typing import Any

ROWS = int(os.environ.get("PAGES_ROWS", "10000"))
ROUNDS = int(os.environ.get("PAGES_ROUNDS", "10"))
POSTGRES = os.environ.get("PAGES_POSTGRES", "postgresql://root@127.0.0.1:5432")
MOST_SECONDS, MOST_BYTES = 0.1, 150_000
TARGET = "p95 < 100 ms, < 150 kB"
PEOPLE = ("nobody", "pat", "olivia", "ada")


def world() -> Any:
    """The site with so many rows of everything."""
    from django.db import connection

    from podium.site.accounts.models import User
    from podium.site.queues.services import default_queue
    from tests.site.many import Many

    made = {name: User.objects.create_user(name, f"{name}@example.org", "x") for name in PEOPLE[1:]}
    User.objects.filter(username="ada").update(is_superuser=True, is_staff=True)
    many = Many(made["olivia"], made["pat"], made["ada"], default_queue())
    many.grow(ROWS)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return many


def measure(many: Any) -> dict[str, Any]:
    """Every address, a number of times."""
    from django.db import connection, transaction
    from django.test import Client

    from bench.asking import repeated

    clients = {name: Client() for name in PEOPLE}
    for name in PEOPLE[1:]:
        clients[name].force_login(getattr(many, name), backend="podium.site.accounts.backends.NameOrEmailBackend")
    found: dict[str, Any] = {}
    for what, (who, address) in many.addresses().items():
        answer = clients[who].get(address)
        assert answer.status_code == 200, (address, answer.status_code, answer.content[:300])

        def act(place: int, who: str = who, address: str = address) -> None:
            clients[who].get(address)

        # PostgreSQL counts what is read within a transaction.
        with transaction.atomic() if connection.vendor == "postgresql" else contextlib.nullcontext():
            found[what] = {**repeated(act, ROUNDS, grain=100), "bytes": len(answer.content)}
    return found


def inside() -> None:
    """Measure against the installation that PODIUM_DATA and DATABASE_URL name; answers in JSON."""
    from podium.site.start import manage

    manage(["setup_instance"])
    from django.conf import settings
    from django.test.utils import setup_test_environment

    settings.ALLOWED_HOSTS = ["*"]
    setup_test_environment()
    many = world()
    gc.collect()
    gc.freeze()  # what filling has left behind is no part of an answer
    print(json.dumps(measure(many)))


def main() -> None:
    from bench.common import report
    from bench.databases import on_both

    found = on_both("pages", POSTGRES)
    rows = []
    for database, figures in found.items():
        unit = "steps" if database == "SQLite" else "rows"
        for what, one in figures.items():
            over = one["p95"] > MOST_SECONDS or one["bytes"] > MOST_BYTES
            text = (
                f"{one['p50'] * 1000:6.1f}, {one['p95'] * 1000:6.1f} ms, {one['queries']:2.0f} queries, "
                f"{one['read']:9,.0f} {unit}, {one['bytes'] // 1000:4} kB{' !' if over else ''}"
            )
            rows.append((f"{database}: {what}", text, TARGET))
    report("pages", rows, found)


if __name__ == "__main__":
    inside() if sys.argv[1:] == ["inside"] else main()

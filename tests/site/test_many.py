"""Every list with five times as much of everything: no more queries, no larger answer, nothing read time and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.api_fields import Cap
from podium.site.queues.models import Queue
from tests.site.database_reading import Reading
from tests.site.many import Many
from tests.site.test_counts import unlike

pytestmark = pytest.mark.django_db
Client = Callable[[User | None], APIClient]
FEW, TIMES = 60, 5
"""More than stands on a page; then so many times as much."""
SLACK = {"sqlite": 20_000, "postgresql": 1000}
"""What may be read more, in steps or rows: planners choose other ways for larger tables."""


@dataclass(frozen=True)
class Asked:
    """An answer: its queries, how many bytes it has, how much was read for it."""

    queries: list[str]
    size: int
    read: int


def asked(client: APIClient, address: str) -> Asked:
    caches["local"].clear()
    assert client.get(address).status_code == 200, address
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
        found = [query["sql"] for query in queries.captured_queries]
    with Reading() as reading:
        client.get(address)
    return Asked(found, len(answer.content), reading.count())


@pytest.fixture
def many(olivia: User, pat: User, ada: User, queue: Queue) -> Many:
    return Many(olivia, pat, ada, queue)


@pytest.mark.timeout(300)
def test_no_list_asks_or_answers_more_where_there_is_more(
    many: Many, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cap, "limit", FEW - 10)
    clients = {name: client_of(getattr(many, name, None)) for name in ("nobody", "pat", "olivia", "ada")}
    found: list[dict[str, Asked]] = []
    for grown in (FEW, FEW * (TIMES - 1)):
        many.grow(grown)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # a planner that knows nothing takes other ways than one of a running site
            if connection.vendor == "postgresql":  # which may read small tables whole; it must not need to
                cursor.execute("SET LOCAL enable_seqscan = off")
        found.append({what: asked(clients[who], address) for what, (who, address) in many.addresses().items()})
    faults = []
    for what, few in found[0].items():
        more = found[1][what]
        if len(more.queries) > len(few.queries):
            faults.append(f"{what}: {len(few.queries)} queries, then {len(more.queries)}")
            faults.append(unlike(few.queries, more.queries))
        full = max(few.size, found[0][what.removesuffix(", last")].size)  # a last page may have had few rows
        if more.size > 2 * full + 1000:
            faults.append(f"{what}: {full} bytes, then {more.size}")
        if more.read > 1.5 * TIMES * few.read + SLACK[connection.vendor]:
            faults.append(f"{what}: {few.read} read, then {more.read}")
    assert not faults, "\n".join(faults)

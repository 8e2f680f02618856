"""What a claim costs with 100 and with 10,000 runs waiting, on SQLite and on PostgreSQL.

Five competitions with 200 participants; each measured claim is rolled back, so that all see the same queue. What is
read is counted in rows by PostgreSQL, in steps of its virtual machine by SQLite, which does not count rows.
`DISPATCH_POSTGRES` names a server on which a database may be made.
"""

# ruff: noqa: PLC0415 - the site is imported only in the process that has set it up

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from typing import Any

FEW, MANY, ROUNDS = 100, 10_000, 20
POSTGRES = os.environ.get("DISPATCH_POSTGRES", "postgresql://root@127.0.0.1:5432")


def fill(number: int) -> None:
    """Make the people and competitions where there are none, and let `number` runs wait."""
    from podium.site.accounts.models import User
    from podium.site.competitions.models import Competition
    from podium.site.evaluation.models import ParticipantLane, Run, Submission
    from podium.site.evaluation.services import order
    from podium.site.queues.services import default_queue
    from tests.factories import CompetitionFactory, phase_with_board

    if not Competition.objects.exists():
        User.objects.bulk_create([User(username=f"p{n}", email=f"p{n}@example.org") for n in range(200)])
        for _ in range(5):
            phase_with_board(CompetitionFactory.create())
    queue, people = default_queue(), list(User.objects.filter(username__startswith="p", email__startswith="p"))
    phases = [competition.phases.get() for competition in Competition.objects.order_by("pk")]
    Submission.objects.all().delete()
    ParticipantLane.objects.all().delete()
    rows: list[Submission] = []
    for n in range(number):
        owner, phase = people[n % len(people)], phases[(n // len(people) + n) % len(phases)]
        rows.append(Submission(owner=owner, phase=phase, kind="result", status="Submitted", queue=queue))
    Submission.objects.bulk_create(rows, batch_size=500)
    lanes: dict[tuple[int, int], ParticipantLane] = {}
    runs = []
    for row in Submission.objects.select_related("phase__competition").order_by("pk"):
        place = (row.phase.competition_id, row.owner_id)
        if place not in lanes:
            lanes[place] = order.lane_for(
                queue=queue, competition=row.phase.competition, owner_id=row.owner_id, priority=order.NEW
            )
        runs.append(Run(submission=row, step="scoring", queue=queue, lane=lanes[place], image="none"))
    Run.objects.bulk_create(runs, batch_size=500)


def measure() -> dict[str, Any]:
    """Claim, and tell the place of the last run, a number of times; the medians of seconds, queries and reading."""
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    from podium.protocol import Claim
    from podium.site.evaluation import services, waiting
    from podium.site.evaluation.models import Run
    from podium.site.queues.services import default_queue
    from tests.site.database_reading import Reading

    queue, message = default_queue(), Claim(worker="bench", wait=0)
    services.claim_run(queue=queue, claim=message)  # introduces the worker, and makes the first turn
    last = Run.objects.select_related("lane").filter(state="queued").latest("pk")

    def once(act: Any) -> tuple[float, int, int]:
        with Reading() as reading, CaptureQueriesContext(connection) as queries:
            began = time.perf_counter()
            act()
            seconds = time.perf_counter() - began
        return seconds, len(queries), reading.count()

    def claimed() -> tuple[float, int, int]:
        with transaction.atomic():
            figures = once(lambda: services.claim_run(queue=queue, claim=message))
            transaction.set_rollback(True)
        return figures

    return {
        "claim": _medians([claimed() for _ in range(ROUNDS)]),
        "place": _medians([once(lambda: waiting.place_of(last)) for _ in range(ROUNDS)]),
    }


def _medians(rounds: list[tuple[float, int, int]]) -> dict[str, float]:
    seconds, queries, read = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {"seconds": seconds, "queries": queries, "read": read}


def inside() -> None:
    """Measure against the installation that PODIUM_DATA and DATABASE_URL name; answers in JSON."""
    from podium.site.start import manage

    manage(["setup_instance"])
    from django.db import connection, transaction

    figures = {}
    for number in (FEW, MANY):
        fill(number)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        with transaction.atomic():
            figures[str(number)] = measure()
    print(json.dumps(figures))


def main() -> None:
    from bench.common import report
    from bench.databases import on_both

    found = on_both("dispatch", POSTGRES)
    rows = []
    for database, figures in found.items():
        unit = "steps" if database == "SQLite" else "rows"
        for what, target in (("claim", "read: no more than with 100"), ("place", "")):
            for number in (FEW, MANY):
                one = figures[str(number)][what]
                text = f"{one['seconds'] * 1000:.1f} ms, {one['queries']:.0f} queries, {one['read']:.0f} {unit} read"
                rows.append((f"{database}, {number:,} waiting: {what}", text, target))
    report("dispatch", rows, found)


if __name__ == "__main__":
    inside() if sys.argv[1:] == ["inside"] else main()

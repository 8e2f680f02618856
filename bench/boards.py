"""Boards with 1,000, 10,000 and 100,000 entries, 5 columns and 3 tasks, while verdicts land, on SQLite and PostgreSQL.

Pages and exports are asked for inside the process that holds the site; a second process lands a verdict every
`BOARDS_PAUSE` seconds. What is read is counted in rows by PostgreSQL, in steps of its virtual machine by SQLite.
`BOARDS_POSTGRES` names a server on which a database may be made; `BOARDS_SIZES` the sizes.
"""

# ruff: noqa: PLC0415 - the site is imported only in the process that has set it up

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

SIZES = [int(size) for size in os.environ.get("BOARDS_SIZES", "1000,10000,100000").split(",")]
ROUNDS = int(os.environ.get("BOARDS_ROUNDS", "40"))
PAUSE = float(os.environ.get("BOARDS_PAUSE", "0.2"))
POSTGRES = os.environ.get("BOARDS_POSTGRES", "postgresql://root@127.0.0.1:5432")
COLUMNS, TASKS, CHUNK = 5, 3, 2000


def fill(number: int) -> int:
    """Make a competition with `number` people on its board; returns the phase."""
    from podium.site.accounts.models import User
    from podium.site.competitions.models import Competition, ParticipantStatus, Phase, PhaseTask
    from podium.site.leaderboards.models import Column, Leaderboard
    from podium.site.resources.models import Task

    ada = User.objects.filter(is_superuser=True).first() or User.objects.create_superuser("ada", "ada@example.org", "x")
    competition = Competition.objects.create(title=f"Board of {number}", created_by=ada, published=True)
    board = Leaderboard.objects.create(
        competition=competition, title="Results", key="main", submission_rule="Force_Best"
    )
    for place in range(COLUMNS):
        Column.objects.create(leaderboard=board, title=f"Score {place}", key=f"s{place}", index=place)
    phase = Phase.objects.create(
        competition=competition, index=0, name="Open", start=ada.date_joined - timedelta(days=400), leaderboard=board
    )
    for place in range(TASKS):
        task = Task.objects.create(name=f"Task {place}", created_by=ada)
        PhaseTask.objects.create(phase=phase, task=task, order_index=place)
    from podium.site.leaderboards.services import places

    for start in range(0, number, CHUNK):
        _people(phase, range(start, min(start + CHUNK, number)), ParticipantStatus.APPROVED)
    places.rebuild(phase.pk)
    return phase.pk


def _people(phase: Any, numbers: range, approved: str) -> None:
    from django.db import transaction
    from django.utils import timezone

    from podium.ranking.keys import sort_key_hex
    from podium.site.accounts.models import User
    from podium.site.competitions.models import Participant
    from podium.site.evaluation.models import Submission
    from podium.site.leaderboards.models import Entry, Score, Standing
    from podium.site.leaderboards.services import ranking_column

    columns = list(phase.leaderboard.columns.all())
    ranked = [ranking_column(column) for column in columns]
    tasks = list(phase.phase_tasks.values_list("task_id", flat=True))
    now = timezone.now()
    with transaction.atomic():
        names = [f"{word(n)}-{phase.pk}-{n}" for n in numbers]
        users = load([User(username=name, email=f"{name}@example.org") for name in names])
        load([Participant(competition=phase.competition, user=user, status=approved) for user in users])
        made = {"phase": phase, "kind": "result", "status": "Finished", "finished_when": now}
        wholes = load([Submission(owner=user, has_children=True, **made) for user in users])
        parts = load([Submission(owner=w.owner, parent=w, task_id=task, **made) for w in wholes for task in tasks])
        scores, entries, standings = [], [], []
        for n, whole, place in zip(numbers, wholes, range(len(wholes)), strict=True):
            values = [{c.key: value(n, t, c.index) for c in columns} for t in range(TASKS)]
            for part, given in zip(parts[place * TASKS : (place + 1) * TASKS], values, strict=True):
                scores += [
                    Score(submission=part, column=c, value=given[c.key], text=repr(given[c.key])) for c in columns
                ]
            key = sort_key_hex(ranked, 0, values, whole.created_when, whole.pk)
            entries.append(
                Entry(
                    leaderboard=phase.leaderboard, phase=phase, submission=whole, owner=whole.owner,
                    name=whole.owner.username, sort_key=key,
                )
            )  # fmt: skip
            standings.append(Standing(phase=phase, submission=whole, owner=whole.owner, sort_key=key, since=now))
        load(scores)
        load(entries)
        load(standings)


def load(rows: list[Any]) -> list[Any]:
    """Write new rows of one model, with their keys: by COPY on PostgreSQL, which takes a fifth of the time."""
    from django.db import connection

    model = type(rows[0])
    if connection.vendor != "postgresql":
        return list(model.objects.bulk_create(rows, batch_size=5000))
    fields, table = model._meta.concrete_fields, model._meta.db_table
    with connection.cursor() as cursor:
        numbers = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
        cursor.execute(numbers, [table, len(rows)])
        for row, (key,) in zip(rows, cursor.fetchall(), strict=True):
            row.pk = key
        named = ", ".join(f'"{field.column}"' for field in fields)
        with cursor.copy(f'COPY "{table}" ({named}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row([_plain(getattr(row, field.attname)) for field in fields])
    return rows


def _plain(value: Any) -> Any:
    """A value as COPY takes it: what would be JSON is written as such."""
    return json.dumps(value) if isinstance(value, list | dict) else value


def word(number: int) -> str:
    """A name: few share the first letters with many."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(letters[number // 26**place * 7919 % 26] for place in range(4))


def value(number: int, task: int, column: int) -> float:
    """A score that looks like chance and has ties."""
    return (number * 2654435761 + task * 40503 + column * 977) % 10007 / 10007


def land(phase_id: int) -> None:
    """Land verdicts until the process is ended."""
    from podium.site.start import manage

    manage(["check"])
    print("landing", flush=True)
    while True:
        verdict(phase_id)
        time.sleep(PAUSE)


def verdict(phase_id: int, *measures: AbstractContextManager[Any]) -> float:
    """Somebody's new submission is scored in all tasks and its place found; returns how many seconds the latter took.

    measures: what is entered while the place is found.
    """
    import random

    from django.db import transaction
    from django.utils import timezone

    from podium.protocol import Score
    from podium.site.competitions.models import Phase
    from podium.site.evaluation.models import Submission
    from podium.site.leaderboards import services
    from podium.site.leaderboards.models import Entry

    phase = Phase.objects.select_related("leaderboard", "competition").get(pk=phase_id)
    some = random.random()
    low, high = Entry.objects.filter(phase=phase).order_by("pk").first(), Entry.objects.filter(phase=phase).last()
    assert low and high
    near = Entry.objects.filter(phase=phase, pk__gte=low.pk + int(some * phase.pk)).order_by("pk").first()
    owner = (near or low).owner_id
    made = {"owner_id": owner, "phase": phase, "kind": "result", "status": "Finished", "finished_when": timezone.now()}
    with transaction.atomic():
        whole = Submission.objects.create(has_children=True, **made)
        for task in phase.phase_tasks.values_list("task_id", flat=True):
            part = Submission.objects.create(parent=whole, task_id=task, **made)
            given = {f"s{n}": random.random() for n in range(COLUMNS)}
            scores = {key: Score(value=number, text=repr(number)) for key, number in given.items()}
            services.record_scores(submission=part, scores=scores)
        with contextlib.ExitStack() as entered:
            for measure in measures:
                entered.enter_context(measure)
            begun = time.perf_counter()
            services.on_verdict(submission=whole)
            return time.perf_counter() - begun


def measure(phase_id: int, number: int) -> dict[str, Any]:
    """Everything that a reader asks for, a number of times each."""
    import asyncio

    from django import shortcuts
    from django.db import connection, transaction
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from podium.site.accounts.models import User
    from podium.site.competitions.models import Phase
    from tests.site.database_reading import Reading

    phase = Phase.objects.get(pk=phase_id)
    page, last = f"/competitions/{phase.competition_id}/results/?phase={phase_id}", -(-number // 50)
    reader = Client()
    reader.force_login(User.objects.get(is_superuser=True), backend="podium.site.accounts.backends.NameOrEmailBackend")
    asked = {
        "first page": page,
        "page in the middle": f"{page}&page={last // 2}",
        "last page": f"{page}&page={last}",
        "search by name": f"{page}&search=",
        "another column": f"{page}&sort=s3",
        "API, 50 rows": f"/api/phases/{phase_id}/get_leaderboard/?page={last // 2}&page_size=50",
    }

    def get(what: str, place: int) -> None:
        address = asked[what] + (word(place * 31)[:3] if what == "search by name" else "")
        assert reader.get(address).status_code == 200, address

    def repeated(act: Callable[[int], None]) -> dict[str, float]:
        act(0)
        took, worked, asking, drawing = [], [], Share(), Share()
        real = shortcuts.loader.render_to_string
        shortcuts.loader.render_to_string = lambda *args, **kwargs: drawing.of(real, *args, **kwargs)
        with connection.execute_wrapper(asking.of):
            for place in range(ROUNDS):
                began, before = time.perf_counter(), time.process_time()
                act(place)
                took.append(time.perf_counter() - began)
                worked.append(time.process_time() - before)
                asking.next()
                drawing.next()
        shortcuts.loader.render_to_string = real
        with Reading() as reading, CaptureQueriesContext(connection) as queries:
            act(1)
        return {
            "p50": statistics.median(took),
            "p95": sorted(took)[int(len(took) * 0.95)],
            "cpu": statistics.median(worked),
            "database": statistics.median(asking.took),
            "template": statistics.median(drawing.took),
            "queries": len(queries),
            "read": reading.count(),
        }

    found: dict[str, Any] = {}
    for what in asked:
        with transaction.atomic() if connection.vendor == "postgresql" else _nothing():
            found[what] = repeated(lambda place, what=what: get(what, place))

    async def drained(response: Any) -> int:
        return sum([len(piece) async for piece in response.streaming_content])

    for what, address in {
        "CSV": f"/api/competitions/{phase.competition_id}/results.csv?phase={phase_id}",
        "get_leaderboard, whole": f"/api/phases/{phase_id}/get_leaderboard/",
    }.items():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        response = reader.get(address)
        size = asyncio.run(drained(response)) if response.streaming else len(response.content)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        found[what] = {"seconds": time.perf_counter() - began, "bytes": size, "memory": grown}
    return found


class Share:
    """How long some calls take in each of many rounds."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self._now = 0.0

    def of(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call, and count the time."""
        began = time.perf_counter()
        try:
            return call(*args, **kwargs)
        finally:
            self._now += time.perf_counter() - began

    def next(self) -> None:
        """Begin another round."""
        self.took.append(self._now)
        self._now = 0.0


def _nothing() -> Any:
    return contextlib.nullcontext()


def verdicts(phase_id: int) -> dict[str, float]:
    """What a verdict costs: its place alone, and what is read."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.site.database_reading import Reading

    took = [verdict(phase_id) for _ in range(ROUNDS)]
    reading, queries = Reading(), CaptureQueriesContext(connection)
    verdict(phase_id, reading, queries)
    return {"p50": statistics.median(took), "queries": len(queries), "read": reading.count()}


def inside() -> None:
    """Measure against the installation that PODIUM_DATA and DATABASE_URL name; answers in JSON."""
    from podium.site.start import manage

    manage(["setup_instance"])
    from django.conf import settings
    from django.db import connection

    settings.ALLOWED_HOSTS = ["*"]
    figures = {}
    for number in SIZES:
        began = time.perf_counter()
        phase_id = fill(number)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        filled = time.perf_counter() - began
        gc.collect()
        gc.freeze()  # what filling has left behind is no part of an answer
        alone = verdicts(phase_id)
        command = [sys.executable, "-m", "bench.boards", "land", str(phase_id)]
        landing = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert landing.stdout is not None
            for line in landing.stdout:
                if line.startswith("landing"):
                    break
            figures[str(number)] = {"filled": filled, "verdict": alone, **measure(phase_id, number)}
        finally:
            landing.kill()
            landing.wait()
    print(json.dumps(figures))


TARGETS = {"first page": "p95 < 50 ms", "last page": "p95 < 50 ms", "search by name": "p95 < 50 ms"}


def main() -> None:
    from bench.common import report
    from bench.databases import on_both

    found = on_both("boards", POSTGRES)
    rows = []
    for database, figures in found.items():
        unit = "steps" if database == "SQLite" else "rows"
        for number, one in figures.items():
            for what, measured in one.items():
                if what == "filled":
                    continue
                if "seconds" in measured:
                    size, memory = measured["bytes"] / 1e6, measured["memory"] / 1e6
                    text = f"{measured['seconds']:.1f} s, {size:.1f} MB, memory +{memory:.0f} MB"
                else:
                    shares = [
                        f", {name} {measured[name] * 1000:.1f}"
                        for name in ("p95", "cpu", "database", "template")
                        if name in measured
                    ]
                    read = f"{measured['queries']:.0f} queries, {measured['read']:.0f} {unit} read"
                    text = f"p50 {measured['p50'] * 1000:.1f}{''.join(shares)} ms, {read}"
                rows.append((f"{database}, {int(number):,} entries: {what}", text, TARGETS.get(what, "")))
    report("boards", rows, found)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["inside"]:
            inside()
        case ["land", phase]:
            land(int(phase))
        case _:
            main()

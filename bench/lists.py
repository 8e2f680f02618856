"""Lists and single objects of the API and of the pages, with 1,000 competitions and 1,000 to 100,000 submissions.

Asked for inside the process that holds the site, as an organizer, a participant and nobody, on SQLite and PostgreSQL.
`LISTS_POSTGRES` names a server on which a database may be made; `LISTS_SIZES` the numbers of submissions.
"""

# ruff: noqa: PLC0415 - the site is imported only in the process that has set it up

from __future__ import annotations

import gc
import json
import os
import sys
import time
from datetime import timedelta
from typing import Any

SIZES = [int(size) for size in os.environ.get("LISTS_SIZES", "1000,10000,100000").split(",")]
ROUNDS = int(os.environ.get("LISTS_ROUNDS", "30"))
POSTGRES = os.environ.get("LISTS_POSTGRES", "postgresql://root@127.0.0.1:5432")
PEOPLE, COMPETITIONS, COLUMNS, CHUNK = 200, 1000, 2, 5000
TARGET = "p95 < 100 ms"


def people() -> list[Any]:
    """The participants, made once."""
    from podium.site.accounts.models import User

    if not User.objects.filter(username="p0").exists():
        User.objects.bulk_create([User(username=f"p{n}", email=f"p{n}@example.org") for n in range(PEOPLE)])
    return list(User.objects.filter(username__startswith="p", email__startswith="p").order_by("pk"))


def fill_competitions(owner: Any) -> None:
    """A site with many competitions: nine of ten published, each with a phase, a few people and their submissions."""
    from podium.site.competitions.models import Competition, Participant, ParticipantStatus, Phase
    from podium.site.evaluation.models import Submission
    from podium.site.leaderboards.models import Leaderboard

    made = Competition.objects.bulk_create(
        [
            Competition(
                title=f"Challenge {n}", description="Find the pattern.", created_by=owner, published=n % 10 != 0
            )
            for n in range(COMPETITIONS)
        ]
    )
    boards = Leaderboard.objects.bulk_create([Leaderboard(competition=c, title="Results", key="main") for c in made])
    start = owner.date_joined - timedelta(days=40)
    Phase.objects.bulk_create(
        [
            Phase(competition=c, index=0, name="Open", start=start, leaderboard=b)
            for c, b in zip(made, boards, strict=True)
        ]
    )
    crowd = people()
    Participant.objects.bulk_create(
        [
            Participant(competition=c, user=crowd[(n * 7 + k) % PEOPLE], status=ParticipantStatus.APPROVED)
            for n, c in enumerate(made)
            for k in range(5)
        ]
    )
    made_in = Phase.objects.filter(competition__in=made).order_by("pk")
    Submission.objects.bulk_create(
        [
            Submission(owner=crowd[(n * 7 + k) % PEOPLE], phase=phase, kind="result", status="Submitted")
            for n, phase in enumerate(made_in)
            for k in range(5)
        ]
    )


def fill_submissions(owner: Any, number: int) -> Any:
    """A competition with so many submissions of 200 people, most of them Finished; returns its phase."""
    from podium.site.competitions.models import Competition, Participant, ParticipantStatus, Phase, PhaseTask
    from podium.site.leaderboards.models import Column, Leaderboard
    from podium.site.leaderboards.services import places

    competition = Competition.objects.create(title=f"Crowd of {number}", created_by=owner, published=True)
    board = Leaderboard.objects.create(competition=competition, title="Results", key="main")
    for place in range(COLUMNS):
        Column.objects.create(leaderboard=board, title=f"Score {place}", key=f"s{place}", index=place)
    phase = Phase.objects.create(
        competition=competition, index=0, name="Open", start=owner.date_joined - timedelta(days=40), leaderboard=board
    )
    PhaseTask.objects.create(phase=phase, task=_task(owner), order_index=0)
    Participant.objects.bulk_create(
        [Participant(competition=competition, user=user, status=ParticipantStatus.APPROVED) for user in people()]
    )
    for begin in range(0, number, CHUNK):
        _submissions(phase, range(begin, min(begin + CHUNK, number)))
    _board(phase)
    places.rebuild(phase.pk)
    return phase


def _task(owner: Any) -> Any:
    """A task with a scoring program, which nobody runs here."""
    from podium.site.resources.models import Dataset, Task, TaskVersion

    program = Dataset.objects.create(created_by=owner, name="Scoring program", type="scoring_program")
    task = Task.objects.create(name="Task", created_by=owner)
    TaskVersion.objects.create(task=task, number=1, scoring_program=program)
    return task


def _board(phase: Any) -> None:
    """Everybody's last finished submission stands on the board."""
    from podium.ranking.keys import sort_key_hex
    from podium.site.evaluation.models import Submission
    from podium.site.leaderboards.models import Entry
    from podium.site.leaderboards.services import ranking_column

    ranked = [ranking_column(column) for column in phase.leaderboard.columns.all()]
    last = {row.owner_id: row for row in Submission.objects.filter(phase=phase, status="Finished").order_by("pk")}
    rows = Submission.objects.filter(pk__in=[row.pk for row in last.values()])
    entries = []
    for row in rows.select_related("owner").prefetch_related("scores__column"):
        values = {score.column.key: score.value for score in row.scores.all()}
        key = sort_key_hex(ranked, 0, [values], row.created_when, row.pk)
        place = {"leaderboard": phase.leaderboard, "phase": phase, "submission": row, "owner": row.owner}
        entries.append(Entry(name=row.owner.username, sort_key=key, **place))
    Entry.objects.bulk_create(entries)


def _submissions(phase: Any, numbers: range) -> None:
    from django.db import transaction
    from django.utils import timezone

    from podium.site.evaluation.models import Submission
    from podium.site.leaderboards.models import Score
    from podium.site.resources.models import Dataset, StoredFile

    crowd, columns, now = people(), list(phase.leaderboard.columns.all()), timezone.now()
    task = phase.phase_tasks.get().task
    with transaction.atomic():
        files = StoredFile.objects.bulk_create(
            [StoredFile(key=f"bench/{phase.pk}-{n}.zip", size=1000 + n, sha256="0" * 64, md5="0" * 32) for n in numbers]
        )
        data = Dataset.objects.bulk_create(
            [
                Dataset(
                    created_by=crowd[n % PEOPLE], name=f"answer {n}", type="submission", data_file=file,
                    upload_completed_when=now, file_name=f"model-{n}.zip",
                )
                for n, file in zip(numbers, files, strict=True)
            ]
        )  # fmt: skip
        made = []
        for n, one in zip(numbers, data, strict=True):
            failed = n % 10 == 3
            made.append(
                Submission(
                    owner=one.created_by, phase=phase, task=task, data=one, kind="result", finished_when=now,
                    status="Failed" if failed else "Finished", cause="exit_code" if failed else "",
                )
            )  # fmt: skip
        rows = Submission.objects.bulk_create(made)
        scores = [
            Score(submission=row, column=column, value=n % 997 / 997, text=repr(n % 997 / 997))
            for n, row in zip(numbers, rows, strict=True)
            if row.status == "Finished"
            for column in columns
        ]
        Score.objects.bulk_create(scores, batch_size=5000)


def addresses(phase: Any, number: int) -> dict[str, tuple[str, str]]:
    """What is asked for: by whom, and where."""
    from podium.site.evaluation.models import Submission

    competition, api = phase.competition_id, f"/api/submissions/?phase={phase.pk}"
    rows = Submission.objects.filter(phase=phase, status="Finished").order_by("pk")
    one, own = rows[number // 2], rows.filter(owner__username="p5").last()
    assert own is not None
    whole = f"/api/submissions/?phase__competition={competition}"
    page = f"/competitions/{competition}/submissions/"
    return {
        "submissions of a phase": ("organizer", f"{api}&page_size=50"),
        "submissions of a competition": (
            "organizer",
            f"{whole}&page_size=50",
        ),
        "submissions, a page in the middle": ("organizer", f"{api}&page_size=50&page={max(1, number // 100)}"),
        "submissions that failed": ("organizer", f"{api}&status=Failed&page_size=50"),
        "submissions, search": ("organizer", f"{api}&search=model-{number // 3}.&page_size=50"),
        "submissions, search without a hit": ("organizer", f"{api}&search=nowhere&page_size=50"),
        "a submission": ("organizer", f"/api/submissions/{one.pk}/"),
        "my submissions": ("participant", f"{api}&page_size=50"),
        "everything I see": ("participant", "/api/submissions/?page_size=50"),
        "my submission in detail": ("participant", f"/api/submissions/{own.pk}/get_details/"),
        "participants": ("organizer", f"/api/participants/?competition={competition}&page_size=50"),
        "competition": ("nobody", f"/api/competitions/{competition}/"),
        "competitions": ("nobody", "/api/competitions/?page_size=50"),
        "competitions of mine": ("organizer", "/api/competitions/?mine=1&page_size=50"),
        "competitions I take part in": ("participant", "/api/competitions/?participating_in=1"),
        "public competitions": ("nobody", "/api/competitions/public/"),
        "public competitions, the last page": ("nobody", "/api/competitions/public/?page=45"),
        "public competitions, search": ("nobody", "/api/competitions/public/?search=77"),
        "datasets": ("participant", "/api/datasets/"),
        "tasks": ("organizer", "/api/tasks/"),
        "page: competitions": ("nobody", "/competitions/public/"),
        "page: competition": ("nobody", f"/competitions/{competition}/"),
        "page: all submissions": ("organizer", page + "all/"),
        "page: my submissions": ("participant", page),
    }


def measure(phase: Any, number: int, clients: dict[str, Any]) -> dict[str, Any]:
    """Every address, a number of times."""
    from django.db import connection, transaction

    from bench.asking import repeated

    def get(who: str, address: str) -> None:
        answer = clients[who].get(address)
        assert answer.status_code == 200, (address, answer.status_code, answer.content[:300])

    found: dict[str, Any] = {}
    for what, (who, address) in addresses(phase, number).items():

        def act(place: int, who: str = who, address: str = address) -> None:
            get(who, address)

        if connection.vendor == "postgresql":
            with transaction.atomic():
                found[what] = repeated(act, ROUNDS)
        else:
            found[what] = repeated(act, ROUNDS)
    return found


def inside() -> None:
    """Measure against the installation that PODIUM_DATA and DATABASE_URL name; answers in JSON."""
    from podium.site.start import manage

    manage(["setup_instance"])
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import setup_test_environment

    from podium.site.accounts.models import User

    settings.ALLOWED_HOSTS = ["*"]
    setup_test_environment()
    olivia = User.objects.create_user("olivia", "olivia@example.org", "x")
    fill_competitions(olivia)
    clients = {"nobody": Client(), "organizer": Client(), "participant": Client()}
    backend = "podium.site.accounts.backends.NameOrEmailBackend"
    clients["organizer"].force_login(olivia, backend=backend)
    clients["participant"].force_login(User.objects.get(username="p5"), backend=backend)
    figures = {}
    for number in SIZES:
        began = time.perf_counter()
        phase = fill_submissions(olivia, number)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        filled = time.perf_counter() - began
        gc.collect()
        gc.freeze()  # what filling has left behind is no part of an answer
        figures[str(number)] = {"filled": filled, **measure(phase, number, clients)}
    print(json.dumps(figures))


def main() -> None:
    from bench.common import report
    from bench.databases import on_both

    found = on_both("lists", POSTGRES)
    rows = []
    for database, figures in found.items():
        unit = "steps" if database == "SQLite" else "rows"
        for number, one in figures.items():
            for what, measured in one.items():
                if what == "filled":
                    continue
                text = (
                    f"p50 {measured['p50'] * 1000:.1f}, p95 {measured['p95'] * 1000:.1f} ms, "
                    f"{measured['queries']:.0f} queries, {measured['read']:.0f} {unit} read"
                )
                rows.append((f"{database}, {int(number):,} submissions: {what}", text, TARGET))
    report("lists", rows, found)


if __name__ == "__main__":
    inside() if sys.argv[1:] == ["inside"] else main()

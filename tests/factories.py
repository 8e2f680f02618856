"""Rows and bundles for tests, made in code so that what is special about each can be read where it is used."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory
from ruamel.yaml import YAML

from podium.ranking.keys import sort_key_hex
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant, ParticipantStatus, Phase, PhaseTask
from podium.site.evaluation.models import Submission, SubmissionKind
from podium.site.leaderboards.models import Column, Entry, Leaderboard, Score
from podium.site.leaderboards.names import folded
from podium.site.leaderboards.services import ranking_column
from podium.site.queues.models import Queue, QueueToken, hash_token
from podium.site.resources import storage
from podium.site.resources.models import Dataset, DatasetType, Task
from podium.site.resources.services import create_dataset, create_task

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
PASSWORD = "correct horse battery staple"


def show_password(client: Any) -> None:
    """Let the session of an API client have shown the password just now, as before what lets somebody in is changed."""
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}, format="multipart").status_code == 302


def zip_of(files: Mapping[str, bytes | str]) -> bytes:
    """A zip of the given files; a name that ends with a slash is a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


RESULT = zip_of({"answer.txt": "42\n"})
CODE = zip_of({"metadata": "description: a model\n", "model.py": "def predict(x):\n    return x\n"})
SCORER = {"metadata.yaml": "command: python3 score.py\n", "score.py": "print('scoring')\n"}
INGESTION = {"metadata.yaml": "command: python3 ingest.py\n", "ingest.py": "print('ingesting')\n"}
PAST, FUTURE = "2020-01-01 00:00:00", "2098-01-01 00:00:00"


def bundle(
    *,
    tasks: int = 1,
    phases: int = 1,
    ingestion: bool = False,
    rule: str = "Force_Last",
    columns: list[dict[str, Any]] | None = None,
    board: Mapping[str, Any] | None = None,
    phase: Mapping[str, Any] | None = None,
    **competition: Any,
) -> dict[str, bytes | str]:
    """The files of a small bundle: tasks with a scoring program each, phases in a row, one board.

    tasks, phases: how many; every phase has all tasks, and only the first is on now.
    ingestion: with an ingestion program, so that there is a prediction step.
    rule, columns, board: of the leaderboard. phase: more keys of every phase. competition: more of the competition's.
    """
    parts = {"scoring_program": "scorer.zip", "reference_data": "reference.zip"}
    if ingestion:
        parts |= {"ingestion_program": "ingestion.zip", "input_data": "input.zip"}
    source = {
        "version": 2,
        "title": "Sums",
        "description": "Add numbers up",
        "image": "logo.png",
        "terms": "terms.md",
        "pages": [{"title": "Overview", "file": "overview.md"}],
        "tasks": [{"index": n, "name": f"Task {n}", "description": "Add", **parts} for n in range(tasks)],
        "phases": [
            {
                "index": n,
                "name": f"Phase {n}",
                "start": PAST if n == 0 else f"{2090 + n}-02-01 00:00:00",
                "end": f"{2091 + n}-01-01 00:00:00",
                "tasks": list(range(tasks)),
                **(phase or {}),
            }
            for n in range(phases)
        ],
        "leaderboards": [
            {
                "title": "Results",
                "key": "main",
                "submission_rule": rule,
                "columns": columns or [{"title": "Accuracy", "key": "accuracy", "index": 0, "sorting": "desc"}],
                **(board or {}),
            }
        ],
        **competition,
    }
    text = io.StringIO()
    YAML().dump(source, text)
    return {
        "competition.yaml": text.getvalue(),
        "logo.png": PNG,
        "terms.md": "# Terms\n",
        "overview.md": "# Overview\n",
        "scorer.zip": zip_of(SCORER),
        "ingestion.zip": zip_of(INGESTION),
        "reference.zip": zip_of({"truth.txt": "42\n"}),
        "input.zip": zip_of({"question.txt": "6*7\n"}),
    }


def write_bundle(folder: Path, **options: Any) -> Path:
    """Write the files of `bundle` into a folder."""
    folder.mkdir(parents=True)
    for name, content in bundle(**options).items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


class UserFactory(DjangoModelFactory[User]):
    """A person."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    password = factory.django.Password(PASSWORD)


class CompetitionFactory(DjangoModelFactory[Competition]):
    """A published competition without phases, for lists."""

    class Meta:
        model = Competition

    title = factory.Sequence(lambda n: f"Competition {n}")
    created_by = factory.SubFactory(UserFactory)
    published = True


class ParticipantFactory(DjangoModelFactory[Participant]):
    """An approved participation."""

    class Meta:
        model = Participant

    competition = factory.SubFactory(CompetitionFactory)
    user = factory.SubFactory(UserFactory)
    status = ParticipantStatus.APPROVED


def dataset(owner: User, content: bytes = RESULT, *, type: str = DatasetType.SUBMISSION, **facts: Any) -> Dataset:
    """A complete dataset with its file."""
    file = storage.store(io.BytesIO(content), folder="dataset", name="file.zip")
    made = create_dataset(user=owner, type=type, file=file, name=f"{owner} - {type}", file_name="answer.zip")
    if facts:
        Dataset.objects.filter(pk=made.pk).update(**facts)
        made.refresh_from_db()
    return made


def queue_token(queue: Queue, secret: str) -> QueueToken:
    """A token of a queue with a secret of the test's choice."""
    return QueueToken.objects.create(queue=queue, name=secret, token_hash=hash_token(secret))


def task(owner: User, name: str = "A task") -> Task:
    """A task with a scoring program of its own."""
    return create_task(
        user=owner,
        name=name,
        scoring_program=dataset(owner, zip_of(SCORER), type=DatasetType.SCORING_PROGRAM),
    )


def phase_with_board(competition: Competition, *, columns: int = 1, index: int = 0, task_count: int = 0) -> Phase:
    """A phase that is on now, with a board; rows only, no files unless tasks are asked for."""
    board = Leaderboard.objects.create(competition=competition, title="Results", key=f"main-{index}")
    for place in range(columns):
        Column.objects.create(leaderboard=board, title=f"Score {place}", key=f"score_{place}", index=place)
    phase = Phase.objects.create(
        competition=competition,
        index=index,
        name=f"Phase {index}",
        start=timezone.now() - timedelta(days=1),
        leaderboard=board,
    )
    for place in range(task_count):
        made = task(competition.created_by, f"Task {place}")
        PhaseTask.objects.create(phase=phase, task=made, order_index=place)
    return phase


def finished_submission(phase: Phase, owner: User, value: float, **facts: Any) -> Submission:
    """A finished submission that stands on the board, made by rows alone."""
    assert phase.leaderboard is not None
    submission = Submission.objects.create(
        phase=phase,
        owner=owner,
        kind=SubmissionKind.RESULT,
        status="Finished",
        finished_when=timezone.now(),
        **facts,
    )
    for column in phase.leaderboard.columns.all():
        Score.objects.create(submission=submission, column=column, value=value, text=repr(value))
    columns = list(phase.leaderboard.columns.all())
    key = sort_key_hex(
        [ranking_column(column) for column in columns],
        phase.leaderboard.primary_index,
        {column.key: value for column in columns if not column.computation},
        submission.created_when,
        submission.pk,
    )
    Entry.objects.create(
        leaderboard=phase.leaderboard,
        phase=phase,
        submission=submission,
        owner=owner,
        name=folded(owner.shown_name),
        sort_key=key,
    )
    return submission

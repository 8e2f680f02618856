"""The site-worker's background tasks: run in their turn, and looked for without holding up those who write."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from podium.site import background
from podium.site.accounts.models import User
from podium.site.accounts.tasks import send_mail_again
from podium.site.competitions.models import CreationStatus
from podium.site.competitions.services.creation import start_creation
from podium.site.competitions.tasks import end_submissions
from podium.site.resources.models import DatasetType
from tests.factories import dataset

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> background.TaskRunner:
    """A runner that ends where it would pause."""
    made = background.TaskRunner()

    def stop(_seconds: float) -> None:
        made.running = False

    monkeypatch.setattr("podium.site.background.time.sleep", stop)
    return made


def states() -> dict[str, str]:
    return {row.args_kwargs["args"][1]: row.status for row in DBTaskResult.objects.all()}


def test_everything_that_waits_is_run_before_the_next_pause(runner: background.TaskRunner) -> None:
    for subject in ("one", "two"):
        send_mail_again.enqueue("pat@example.org", subject, "Text", 0)
    later = timezone.now() + timedelta(hours=1)
    send_mail_again.using(run_after=later).enqueue("pat@example.org", "later", "Text", 0)
    runner.run()
    assert states() == {"one": "SUCCESSFUL", "two": "SUCCESSFUL", "later": "READY"}
    assert [one.subject for one in mail.outbox] == ["one", "two"]


def test_a_mail_waits_for_no_bundle_that_was_there_before(runner: background.TaskRunner) -> None:
    for _ in range(3):
        end_submissions.enqueue(0)
    send_mail_again.enqueue("pat@example.org", "Your new password", "Text", 0)
    runner.run()
    begun = DBTaskResult.objects.order_by("started_at").values_list("task_path", flat=True)
    assert len(begun) == 4 and begun[0].endswith("send_mail_again")


def test_the_first_bundle_of_everybody_comes_before_the_second_of_anybody(
    runner: background.TaskRunner, olivia: User, pat: User, sam: User, files: Path
) -> None:
    def asks(user: User) -> CreationStatus:
        return start_creation(dataset=dataset(user, b"no zip", type=DatasetType.COMPETITION_BUNDLE), user=user)

    many = [asks(olivia) for _ in range(5)]
    others = [asks(pat), asks(sam), asks(pat)]
    runner.run()
    ended = list(CreationStatus.objects.order_by("finished_when").values_list("pk", flat=True))
    one, two, three = others
    assert ended == [job.pk for job in (many[0], one, two, many[1], three, *many[2:])]


def test_a_look_that_finds_nothing_reads_once_and_writes_nothing(runner: background.TaskRunner) -> None:
    with CaptureQueriesContext(connection) as asked:
        runner.run()
    (look,) = [one["sql"] for one in asked if not one["sql"].startswith("PRAGMA")]
    assert look.startswith("SELECT"), look

"""Starts races: a line of commands on standard input becomes a process each, and their answers a line of JSON.

Runs against the installation that PODIUM_DATA and DATABASE_URL name. It never opens the database itself: the processes
are forked from it, so that Django is loaded once and each has connections of its own.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import traceback
import uuid
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "podium.site.settings"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
django.setup()

from django.core.management import call_command  # noqa: E402 - after set-up
from django.db.models import Sum  # noqa: E402

from podium.protocol import Outcome  # noqa: E402
from podium.site.accounts.models import User  # noqa: E402
from podium.site.competitions.models import Competition, Participant  # noqa: E402
from podium.site.competitions.services import create_from_bundle  # noqa: E402
from podium.site.errors import Refused  # noqa: E402
from podium.site.evaluation import services  # noqa: E402
from podium.site.evaluation.models import Attempt, Run, Submission, TryEntry  # noqa: E402
from podium.site.evaluation.services.attempts import AttemptOver  # noqa: E402
from podium.site.leaderboards.models import Entry, Score  # noqa: E402
from podium.site.queues.services import default_queue  # noqa: E402
from podium.site.resources.models import Dataset  # noqa: E402
from tests.factories import dataset, write_bundle  # noqa: E402
from tests.site import board_race_program  # noqa: E402
from tests.site.acting import OUTPUT, WorkerDouble, phase_of, put, scores, submit  # noqa: E402

PATIENCE = 100


def set_up() -> None:
    """Make the installation."""
    call_command("setup_instance")


def prepare(submissions: str, *limits: str) -> dict[str, Any]:
    """A competition of its own queue-less self, a participant, some submissions, and files to submit."""
    mark = uuid.uuid4().hex[:8]
    olivia = User.objects.create(username=f"olivia{mark}", email=f"olivia{mark}@example.org")
    pat = User.objects.create(username=f"pat{mark}", email=f"pat{mark}@example.org")
    phase = {"max_submissions_per_day": int(limits[0]) if limits else 0, "max_submissions": 0}
    folder = write_bundle(
        Path(tempfile.mkdtemp()) / "bundle", tasks=int(limits[1]) if len(limits) > 1 else 1, phase=phase
    )
    competition, _ = create_from_bundle(bundle=folder, user=olivia)
    Participant.objects.create(competition=competition, user=pat, status="approved")
    made = [submit(pat, competition).pk for _ in range(int(submissions))]
    files = [dataset(pat).pk for _ in range(4)]
    return {"competition": competition.pk, "pat": pat.pk, "submissions": made, "files": files}


def race_claim(name: str) -> list[int]:
    """Claim and finish until nothing waits; answers with the runs that this process claimed."""
    worker, runs = WorkerDouble(default_queue(), name), []
    while (job := worker.claim()) is not None or Run.objects.filter(state="queued").exists():
        if job is not None:
            runs.append(job.run)
            worker.finish(job, scores(accuracy=float(job.run)))
    return runs


def race_submit(competition: str, user: str, file: str) -> str:
    """Submit one file."""
    try:
        services.submit(
            user=User.objects.get(pk=user),
            phase=phase_of(Competition.objects.get(pk=competition)),
            data=Dataset.objects.get(pk=file),
        )
    except Refused as refused:
        return refused.code
    return "accepted"


def race_cancel(*submissions: str) -> int:
    """Cancel submissions while others claim them."""
    found = Submission.objects.select_related("owner", "phase__competition").filter(pk__in=submissions)
    return sum(services.cancel(submission=one, by=one.owner) for one in found)


def race_claim_cancelled(name: str) -> list[str]:
    """Claim, beat and finish while others cancel; a cancelled attempt is put down."""
    worker, ends = WorkerDouble(default_queue(), name), []
    while (job := worker.claim()) is not None or Run.objects.filter(state="queued").exists():
        if job is None:
            continue
        try:
            worker.beat(job)
            worker.finish(job, scores(accuracy=1.0))
            ends.append("finished")
        except AttemptOver:
            ends.append("over")
    return ends


def race_finish(attempt: str, token: str, value: str) -> str:
    """Report the end of one attempt, as a worker that repeats itself does."""
    try:
        services.finish(
            attempt_id=int(attempt),
            token=token,
            outcome=Outcome(scores=scores(accuracy=float(value)), output_uploaded=True),
        )
    except AttemptOver:
        return "over"
    return "taken"


def one_job() -> dict[str, Any]:
    """Claim one job and upload its output."""
    job = WorkerDouble(default_queue()).job()
    put(job.output_url, OUTPUT)
    return {"attempt": job.attempt, "token": job.token, "run": job.run}


def state(competition: str) -> dict[str, Any]:
    """What is in the database in the end."""
    rows = Submission.objects.filter(phase__competition=competition)
    runs = Run.objects.filter(submission__in=rows)
    return {
        "statuses": sorted(rows.filter(parent=None).values_list("status", flat=True)),
        "children": sorted(rows.exclude(parent=None).values_list("status", flat=True)),
        "attempts": Attempt.objects.filter(run__in=runs).count(),
        "active": Attempt.objects.filter(run__in=runs, state="active").count(),
        "runs": runs.count(),
        "scores": Score.objects.filter(submission__in=rows).count(),
        "entries": Entry.objects.filter(submission__in=rows).count(),
        "balance": TryEntry.objects.filter(submission__in=rows).aggregate(sum=Sum("amount"))["sum"] or 0,
    }


def board() -> dict[str, Any]:
    """The race of a board, which has processes of its own."""
    return board_race_program.race()


def act(command: str, arguments: list[str], start: Barrier, answers: Connection) -> None:
    """One process: wait for the others where the command is a race, act, answer."""
    sys.stdout = sys.stderr  # the program's own lines are answers
    try:
        if command.startswith("race_"):
            default_queue()  # the connection is open before the start
            start.wait(PATIENCE)
        answers.send({"answer": globals()[command](*arguments)})
    except BaseException:
        answers.send({"fault": traceback.format_exc()})
        raise


def race(commands: list[list[str]]) -> list[dict[str, Any]]:
    """A process for each command, all at once; what each answers, or its fault."""
    processes = multiprocessing.get_context("fork")
    start, racers = processes.Barrier(len(commands)), []
    for command, *arguments in commands:
        here, there = processes.Pipe(duplex=False)
        racer = processes.Process(target=act, args=(command, arguments, start, there))
        racer.start()
        there.close()
        racers.append((racer, here))
    said = []
    for racer, here in racers:
        try:
            said.append(here.recv() if here.poll(PATIENCE) else {"fault": f"no answer within {PATIENCE} s"})
        except EOFError:
            said.append({"fault": "it ended without a word"})
        racer.join(1)
        racer.kill()
    return said


def main() -> None:
    """Race as often as asked, until standard input ends."""
    for line in sys.stdin:
        print(json.dumps(race(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()

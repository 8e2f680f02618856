"""Every page in the states in which it looks different, and who opens it; for the tests that look at all of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from podium.protocol import Cause, Failure, Step, Stream
from podium.site.accounts.models import User
from podium.site.analytics.models import UsageDay
from podium.site.analytics.periods import today
from podium.site.analytics.services import snapshots
from podium.site.competitions.models import Competition, CreationStatus, Page, Participant, ParticipantStatus, Phase
from podium.site.evaluation.models import PhaseWork, Run
from podium.site.evaluation.services import cancel, ledger
from podium.site.leaderboards.models import Entry
from podium.site.pages.models import Announcement, NewsPost
from podium.site.queues.models import Queue, Worker
from podium.site.queues.services import create_token
from podium.site.queues.services.lifecycle import create_queue
from tests.factories import CODE, UserFactory, finished_submission
from tests.site.acting import WorkerDouble, frame, put, scores, submit
from tests.web.test_submission_pages import FACT_SHEET

Addresses = list[tuple[User | None, str]]
MARKDOWN = "# Welcome\n\n## Data\n\n|a|b|\n|--|--|\n|1|2|\n\n`code`, [link](https://example.org)[^1]\n\n"
MARKDOWN += "```\ncode\n```\n\n[^1]: A footnote\n"
LONG = "Averyveryveryveryveryveryverylongwordwithoutanyspaceinit" * 2


def queues_of(owner: User, competition: Competition) -> list[str]:
    """The pages of somebody with queues in every state: served, drained, away, waited for, and with nothing in it."""
    names = ("served", "drained", "away", LONG[:60], "spare")
    made = {name: create_queue(user=owner, name=name, is_public=name == "served") for name in names}
    create_token(queue=made["served"], by=owner, name=LONG[:60])
    now = timezone.now()
    for name, facts in (
        ("served", {"gpus": ["NVIDIA RTX 6000"] * 2, "free_disk_bytes": 10**11, "engine": "docker"}),
        ("drained", {"drained_when": now}),
        ("away", {"last_seen": now - timedelta(hours=9)}),
    ):
        Worker.objects.create(queue=made[name], name=f"{name}-1", **{"last_seen": now, **facts})
    Competition.objects.filter(pk=competition.pk).update(queue=made[LONG[:60]])
    Run.objects.filter(submission__phase__competition=competition).update(queue=made[LONG[:60]])
    lists = ["/queues/", "/queues/?show=public", "/workers/", "/server_status"]
    return [*lists, *(f"/queues/{one.pk}/" for one in made.values())]


@pytest.fixture
def addresses(
    make_competition: Callable[..., Competition], queue: Queue, olivia: User, pat: User, sam: User
) -> Addresses:
    """Who opens what; among it a submission in every state that looks different."""
    worker = WorkerDouble(queue)
    first = make_competition(
        ingestion=True, phases=2, enable_detailed_results=True, reward="A medal", contact_email="o@example.org"
    )
    Competition.objects.filter(pk=first.pk).update(title=f"Sums {LONG}", description="Add numbers up", terms=MARKDOWN)
    Page.objects.update(content=MARKDOWN)
    Phase.objects.filter(competition=first, index=0).update(description=MARKDOWN)
    finished = submit(pat, first, CODE)
    job = worker.job()
    worker.beat(job, frames=[frame("x" * 300 + "\n"), frame("warning\n", stream=Stream.STDERR)])
    worker.finish(job, programs=[])
    job = worker.job()
    put(str(job.detailed_results_url), b"<h1>Report</h1>")
    worker.finish(job, scores(accuracy=0.5), detailed_results_uploaded=True)
    failed = submit(pat, first, CODE)
    failure = Failure(cause=Cause.MEMORY_LIMIT, step=Step.PREDICTION, message="Too much", limit="1 GB", measured="2 GB")
    worker.finish(worker.job(), failure=failure, output=False)
    running = submit(pat, first, CODE)
    job = worker.job()
    worker.beat(job, frames=[frame("step 1\n")])
    waiting, cancelled = submit(pat, first, CODE), submit(pat, first, CODE)
    cancel(submission=cancelled, by=pat)
    for place in range(55):
        finished_submission(first.phases.get(index=0), UserFactory(), place / 100)
    several = make_competition(tasks=3, fact_sheet=FACT_SHEET, participants=(pat,), published=False)
    parent = submit(pat, several, fact_sheet_answers={"method": "trees", "gpu": True, "layers": 1})
    worker.work_off(accuracy=0.25)
    over = make_competition()
    submit(pat, over)
    Phase.objects.filter(competition=over).update(end=timezone.now() - timedelta(days=1))
    NewsPost.objects.create(title="News", text="Text", link="https://example.org/")
    Announcement.objects.create(text="An *announcement*")
    fault = {"message": "Wrong", "file": "competition.yaml", "line": 3, "column": 1, "path": "title", "hint": "Mend it"}
    steps = [
        {"name": "Read", "state": "done"},
        {"name": "Check", "state": "failed"},
        {"name": "Make", "state": "waiting"},
    ]
    bad = CreationStatus.objects.create(
        created_by=olivia,
        status="Failed",
        finished_when=timezone.now(),
        steps=steps,
        faults=[{"severity": "error", **fault}, {"severity": "warning", **fault}],
    )
    good = CreationStatus.objects.create(
        created_by=olivia, status="Finished", finished_when=timezone.now(), resulting_competition=first
    )
    page = Page.objects.filter(competition=first).first()
    assert page is not None
    site = f"/competitions/{first.pk}"
    anonymous = [
        "/",
        "/news/",
        "/search/",
        "/search/?q=sum",
        "/search/?q=nothing+like+it",
        "/search/?in=documentation&q=leaderboard",
        "/about/",
        "/docs/",
        "/docs/organizers/",
        "/docs/participants/commands/",
        "/competitions/public/",
        "/competitions/public/?search=nothing",
    ]
    anonymous += [f"{site}/{tab}" for tab in ("", f"pages/{page.pk}/", "terms/", "files/", "phases/", "submissions/")]
    anonymous += [f"{site}/results/", f"{site}/results/?page=2", f"{site}/results/progress/"]
    anonymous += [f"{site}/results/?as_of={timezone.now():%Y-%m-%dT%H:%M:%S.%fZ}"]
    anonymous += [f"/accounts/{name}/" for name in ("login", "signup", "password/reset", "password/reset/done")]
    mine = [
        "/search/?q=a",
        "/search/?q=sum",
        "/search/?q=pa&in=people",
        f"{site}/submissions/",
        f"{site}/results/",
        f"{site}/files/",
        "/competitions/",
        "/accounts/email/",
    ]
    mine += [f"/competitions/{several.pk}/{tab}/" for tab in ("submissions", "results")]
    standing = Entry.objects.get(phase__competition=first, owner=pat)
    mine += [f"{site}/results/progress/", f"{site}/results/{standing.submission_id}/"]
    mine += [f"{site}/submissions/compare/?submission={finished.pk}&submission={failed.pk}"]
    mine += [f"/competitions/{over.pk}/submissions/", "/accounts/password/change/", "/accounts/logout/"]
    mine += [f"/submissions/{each.pk}/" for each in (finished, failed, running, waiting, cancelled, parent)]
    mine += [f"/submissions/{running.pk}/cancel/", f"/submissions/{finished.pk}/report/"]
    anonymous += ["/search/", "/search/?q=sum", "/search/?q=nothing+like+it"]
    mine += ["/search/?q=a", "/search/?q=sum", "/search/?q=pa&in=people"]
    Participant.objects.create(competition=first, user=sam, status=ParticipantStatus.PENDING)
    organizing = [f"/competitions/{several.pk}/", f"{site}/files/", "/competitions/", "/competitions/upload/"]
    organizing += [
        f"{site}/{page}/" for page in ("participants", "submissions/all", "unpublish", "phases", "archives", "history")
    ]
    organizing += [f"/submissions/{finished.pk}/{page}" for page in ("", "scores/", "delete/")]
    organizing += [f"{site}/statistics/", f"/competitions/{several.pk}/statistics/"]
    place = Participant.objects.select_related("competition", "user").get(competition=first, user=pat)
    phase = first.phases.get(index=0)
    ledger.credit(participant=place, phase=phase, tries=2, note=f"Sorry {LONG}", by=olivia)
    PhaseWork.objects.create(phase=phase, kind="rerun", created_by=olivia, total=40, done=12, until=1, state="running")
    organizing += [f"{site}/participants/{place.pk}/tries/"]
    organizing += [f"/competitions/upload/{status.pk}/" for status in (bad, good)]
    for day in (today() - timedelta(days=1), today()):
        snapshots.take(day_id=UsageDay.objects.create(day=day).pk)
    organizing += ["/", *queues_of(olivia, over)]
    ada = UserFactory(username="ada", is_superuser=True)
    numbers = ["", "storage/", "storage/orphans/", "competitions/", "people/"]
    return [
        *((ada, f"/analytics/{page}") for page in numbers),
        *((None, address) for address in anonymous),
        *((pat, address) for address in mine),
        *((olivia, address) for address in organizing),
        (sam, f"{site}/submissions/"),
    ]

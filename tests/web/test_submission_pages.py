"""Submitting with a plain form, and what the page of a submission says in each state."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from podium.protocol import Cause, Failure, Step, Stream
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation import views
from podium.site.evaluation.models import Submission, TryEntry
from podium.site.evaluation.states import SubmissionStatus
from podium.site.queues.models import Queue
from podium.site.resources import storage
from podium.site.resources.models import Dataset
from tests.factories import CODE, RESULT, finished_submission, zip_of
from tests.site.acting import WorkerDouble, files_in, frame, put, scores, submit, uploaded
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Making = Callable[..., Competition]


def _file(content: bytes = RESULT, name: str = "answer.zip") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "application/zip")


def _form(competition: Competition) -> str:
    return f"/competitions/{competition.pk}/submissions/"


@pytest.fixture
def worker(queue: Queue) -> WorkerDouble:
    """A worker of the default queue."""
    return WorkerDouble(queue)


def test_a_plain_form_submits_and_leads_to_the_submission(
    visitor: Visiting, competition: Competition, pat: User
) -> None:
    somebody = visitor(pat)
    page = somebody.send(_form(competition), {"file": _file()})
    submission = Submission.objects.get()
    assert somebody.url == f"/submissions/{submission.pk}/"
    assert "No worker serves its queue" in page.text
    assert submission.status == SubmissionStatus.SUBMITTED


def test_a_file_uploaded_before_is_submitted_by_its_key(visitor: Visiting, competition: Competition, pat: User) -> None:
    dataset = uploaded(pat, RESULT)
    visitor(pat).send(_form(competition), {"data_key": str(dataset.key)})
    assert Submission.objects.get().data == dataset


def test_somebody_elses_upload_cannot_be_submitted(
    visitor: Visiting, competition: Competition, pat: User, sam: User
) -> None:
    dataset = uploaded(sam, RESULT)
    page = visitor(pat).send(_form(competition), {"data_key": str(dataset.key)}, status=400)
    assert "no longer there" in page.text
    assert not Submission.objects.exists()


@pytest.mark.parametrize("content", [b"no zip at all", zip_of({"../../etc/passwd": "x"}), b""])
def test_an_archive_that_cannot_be_used_is_refused_beside_the_field_and_leaves_nothing(
    visitor: Visiting,
    competition: Competition,
    pat: User,
    content: bytes,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    before = files_in(settings.FILES_DIR)
    rows = Dataset.objects.count()
    somebody = visitor(pat)
    with django_capture_on_commit_callbacks(execute=True):
        somebody.send(_form(competition), {"file": _file(content)}, status=400)
    assert 'data-upload-error role="alert"></div>' not in somebody.response.content.decode()
    assert not Submission.objects.exists()
    assert not TryEntry.objects.exists()
    assert Dataset.objects.count() == rows
    assert files_in(settings.FILES_DIR) == before


def test_a_refusal_for_another_reason_leaves_no_file_either(
    visitor: Visiting, make_competition: Making, pat: User
) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 1})
    somebody = visitor(pat)
    somebody.send(_form(competition), {"file": _file()})
    rows = Dataset.objects.count()
    page = somebody.send(_form(competition), {"file": _file()}, status=400)
    assert "No tries left" in page.text
    assert Dataset.objects.count() == rows
    assert Submission.objects.count() == 1


def test_a_file_that_other_submissions_use_survives_a_refusal(
    visitor: Visiting, make_competition: Making, pat: User
) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 1})
    first = submit(pat, competition)
    visitor(pat).send(_form(competition), {"data_key": str(first.data.key)}, status=400)  # type: ignore[union-attr]
    first.refresh_from_db()
    assert first.data is not None


@pytest.mark.parametrize(
    ("days", "words"),
    [((1, 2), "has not begun"), ((-2, -1), "is over")],
)
def test_the_form_is_there_only_while_the_phase_is_on(
    visitor: Visiting, competition: Competition, pat: User, days: tuple[int, int], words: str
) -> None:
    now = timezone.now()
    Phase.objects.update(start=now + timedelta(days=days[0]), end=now + timedelta(days=days[1]))
    somebody = visitor(pat)
    assert words in somebody.open(_form(competition)).text
    somebody.send(_form(competition), {"file": _file()}, status=400)
    assert not Submission.objects.exists()


def test_only_approved_people_submit(visitor: Visiting, competition: Competition, sam: User) -> None:
    page = visitor(sam).send(_form(competition), {"file": _file()})
    assert "Only approved participants can submit" in page.text
    somebody = visitor()
    somebody.send(_form(competition), {"file": _file()})
    assert somebody.url.startswith("/accounts/login/")
    assert not Submission.objects.exists()


def test_the_tries_left_are_shown(visitor: Visiting, make_competition: Making, pat: User) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 4, "max_submissions": 9})
    submit(pat, competition)
    page = visitor(pat).open(_form(competition))
    assert "3 of 4 left" in page.text
    assert "8 of 9 left" in page.text
    assert "3 tries left now" in page.text


def test_who_has_no_try_left_today_is_told_when_the_next_day_begins(
    visitor: Visiting, make_competition: Making, pat: User
) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 1, "max_submissions": 9})
    submit(pat, competition)
    page = visitor(pat).open(_form(competition)).text
    assert "No tries left. The one try of today is used. The next day begins in" in page
    assert ", 00:00 UTC ." in page
    assert "Compare two" not in page, "there is one alone"


FACT_SHEET = {
    "method": {
        "key": "method",
        "type": "text",
        "title": "Method",
        "selection": "",
        "is_required": "true",
        "is_on_leaderboard": "true",
    },
    "gpu": {
        "key": "gpu",
        "type": "checkbox",
        "title": "Used a GPU",
        "selection": [True, False],
        "is_required": "false",
        "is_on_leaderboard": "false",
    },
    "layers": {
        "key": "layers",
        "type": "select",
        "title": "Layers",
        "selection": [1, 2, 3],
        "is_required": "true",
        "is_on_leaderboard": "false",
    },
}


def test_a_fact_sheet_is_asked_for_and_what_was_typed_stays(
    visitor: Visiting, make_competition: Making, pat: User
) -> None:
    competition = make_competition(fact_sheet=FACT_SHEET)
    somebody = visitor(pat)
    dataset = uploaded(pat, RESULT)
    somebody.send(
        _form(competition), {"fact-method": "trees", "fact-layers": "9", "data_key": str(dataset.key)}, status=400
    )
    html = somebody.response.content.decode()
    assert 'value="trees"' in html
    assert str(dataset.key) in html  # the file need not be uploaded again
    somebody.send(
        _form(competition),
        {"fact-method": "trees", "fact-layers": "2", "fact-gpu": "on", "data_key": str(dataset.key)},
    )
    assert Submission.objects.get().fact_sheet_answers == {"method": "trees", "gpu": True, "layers": 2}


def test_tasks_can_be_chosen_where_there_are_several(visitor: Visiting, make_competition: Making, pat: User) -> None:
    competition = make_competition(tasks=3)
    tasks = [link.task_id for link in competition.phases.get().phase_tasks.all()]
    somebody = visitor(pat)
    assert "Choose at least one task." in somebody.send(_form(competition), {"file": _file()}, status=400).text
    page = somebody.send(_form(competition), {"file": _file(), "tasks": tasks[:2]})
    assert "Task 0" in page.text
    assert "Task 2" not in page.text
    assert Submission.objects.filter(parent__isnull=False).count() == 2


def test_a_task_of_another_phase_cannot_be_chosen(visitor: Visiting, make_competition: Making, pat: User) -> None:
    competition, other = make_competition(tasks=2), make_competition(tasks=1)
    foreign = other.phases.get().phase_tasks.get().task_id
    visitor(pat).send(_form(competition), {"file": _file(), "tasks": [foreign]}, status=400)
    assert not Submission.objects.exists()


def test_a_finished_submission_shows_scores_files_logs_and_report(
    visitor: Visiting, make_competition: Making, pat: User, worker: WorkerDouble
) -> None:
    competition = make_competition(ingestion=True, enable_detailed_results=True)
    submission = submit(pat, competition, CODE)
    job = worker.job()
    worker.beat(job, frames=[frame("Loading <b>data</b>\n"), frame("careful\n", stream=Stream.INGESTION_STDERR)])
    worker.finish(job)
    job = worker.job()
    assert job.detailed_results_url is not None
    worker.beat(job, frames=[frame("accuracy: 0.75\n")])
    put(job.detailed_results_url, b"<h1>Report</h1>")
    worker.finish(job, scores(accuracy=0.75), detailed_results_uploaded=True)
    somebody = visitor(pat)
    page = somebody.open(f"/submissions/{submission.pk}/")
    for words in ("Finished", "0.75", "Loading <b>data</b>", "Scoring: output", "ingestion program, errors"):
        assert words in page.text
    html = somebody.response.content.decode()
    assert 'sandbox="allow-scripts"' in html
    assert "data-live" not in html
    assert sum(link.startswith("/files/") for link in page.links) == 3
    somebody.open(f"/submissions/{submission.pk}/report/")


def _failed(worker: WorkerDouble, failure: Failure) -> None:
    worker.finish(worker.job(), failure=failure, output=False)


@pytest.mark.parametrize("cause", [c for c in Cause if c is not Cause.CANCELLED])
def test_every_cause_is_explained_with_what_to_do_next(
    visitor: Visiting, competition: Competition, pat: User, worker: WorkerDouble, cause: Cause
) -> None:
    submission = submit(pat, competition)
    failure = Failure(cause=cause, step=Step.SCORING, message="It broke <here>.", limit="600 s", measured="601 s")
    while worker.queue.runs.filter(state="queued").exists():  # a fault of the platform is tried again
        _failed(worker, failure)
    page = visitor(pat).open(f"/submissions/{submission.pk}/")
    for words in (
        "It broke <here>.",
        "Limit 600 s",
        "Measured 601 s",
        "Whose fault",
        "did not count",
        "What to do next",
    ):
        assert words in page.text


def test_a_cancelled_submission_is_no_alarm(visitor: Visiting, competition: Competition, pat: User) -> None:
    submission = submit(pat, competition)
    somebody = visitor(pat)
    assert "Cancel submission" in somebody.open(f"/submissions/{submission.pk}/cancel/").text
    submission.refresh_from_db()
    assert submission.status == SubmissionStatus.SUBMITTED  # looking at the question cancels nothing
    somebody.send(f"/submissions/{submission.pk}/cancel/", {})
    assert "cause--calm" in somebody.response.content.decode()
    submission.refresh_from_db()
    assert submission.status == SubmissionStatus.CANCELLED


def test_others_neither_see_nor_cancel_a_submission(
    visitor: Visiting, competition: Competition, pat: User, sam: User
) -> None:
    submission = submit(pat, competition)
    for who in (None, sam):
        visitor(who).open(f"/submissions/{submission.pk}/", status=404)
    visitor(sam).send(f"/submissions/{submission.pk}/cancel/", {}, status=404)
    submission.refresh_from_db()
    assert submission.status == SubmissionStatus.SUBMITTED


def test_a_submission_that_waits_for_the_organizer_says_so_and_can_be_started(
    visitor: Visiting, make_competition: Making, pat: User, olivia: User
) -> None:
    competition = make_competition(auto_run_submissions=False)
    submission = submit(pat, competition)
    address = f"/submissions/{submission.pk}/"
    assert "An organizer will start your submission" in visitor(pat).open(address).text
    visitor(pat).send(f"{address}start/", {})
    submission.refresh_from_db()
    assert submission.status == SubmissionStatus.SUBMITTING
    visitor(olivia).send(f"{address}start/", {})
    submission.refresh_from_db()
    assert submission.status == SubmissionStatus.SUBMITTED


def test_hidden_output_is_shown_to_organizers_alone(
    visitor: Visiting, make_competition: Making, pat: User, olivia: User, worker: WorkerDouble
) -> None:
    competition = make_competition(phase={"hide_output": True})
    submission = submit(pat, competition)
    job = worker.job()
    worker.beat(job, frames=[frame("the answers are 1 2 3\n")])
    worker.finish(job, scores(accuracy=1.0))
    address = f"/submissions/{submission.pk}/"
    assert "the answers" not in visitor(pat).open(address).text
    assert "hide the logs" in visitor(pat).open(address).text
    assert "the answers" in visitor(olivia).open(address).text
    assert visitor(pat).client.get(f"{address}logs/scoring/stdout/").status_code == 404
    assert b"the answers" in visitor(olivia).client.get(f"{address}logs/scoring/stdout/").content


def test_a_long_log_is_cut_to_its_end_and_offered_whole(
    visitor: Visiting, competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submission = submit(pat, competition)
    job = worker.job()
    worker.beat(job, frames=[frame("first line\n" + "x" * 70_000 + "\nlast line\n")])
    worker.finish(job, scores(accuracy=1.0))
    somebody = visitor(pat)
    page = somebody.open(f"/submissions/{submission.pk}/")
    assert "last line" in page.text
    assert "first line" not in page.text
    link = next(link for link in page.links if "/logs/" in link)
    answer = somebody.client.get(link)
    assert answer.content.startswith(b"first line")
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("stream", ["scoring/nothing", "nothing/stdout"])
def test_an_unknown_log_is_not_there(visitor: Visiting, competition: Competition, pat: User, stream: str) -> None:
    submission = submit(pat, competition)
    assert visitor(pat).client.get(f"/submissions/{submission.pk}/logs/{stream}/").status_code == 404


def test_the_list_of_my_submissions_refreshes_what_is_under_way(
    visitor: Visiting, competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submission = submit(pat, competition)
    somebody = visitor(pat)
    somebody.open(_form(competition))
    html = somebody.response.content.decode()
    assert f'hx-get="/submissions/{submission.pk}/row/"' in html
    assert '<noscript><p class="small muted"><a href="">Reload</a>' in html
    worker.work_off(accuracy=0.5)
    row = somebody.client.get(f"/submissions/{submission.pk}/row/").content.decode()
    assert "hx-get" not in row
    assert "0.50" in row
    assert "On the board" in row


def test_all_of_my_submissions_are_found_page_by_page(
    visitor: Visiting, make_competition: Making, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "OWN_PER_PAGE", 3)
    competition = make_competition(phases=2)
    phase = competition.phases.get(index=0)
    made = [finished_submission(phase, pat, place / 10).pk for place in range(7)]
    somebody, seen, address = visitor(pat), [], f"{_form(competition)}?phase={phase.pk}"
    while address:
        somebody.open(address)
        page = somebody.response.content.decode()
        seen.append([int(number) for number in re.findall(r'id="row-(\d+)"', page)])
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = html.unescape(following[1]) if following else ""
    assert seen == [made[:3:-1], made[3:0:-1], made[:1]]
    assert "Nothing submitted" in somebody.open(f"{_form(competition)}?phase={competition.phases.get(index=1).pk}").text


def test_the_list_of_my_submissions_says_why_one_failed(
    visitor: Visiting, competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submit(pat, competition)
    failure = Failure(cause=Cause.TIME_LIMIT, step=Step.SCORING, message="Too slow", limit="10 s", measured="11 s")
    worker.finish(worker.job(), failure=failure, output=False)
    assert "Failed The time limit was reached" in visitor(pat).open(_form(competition)).text


def test_without_scripts_a_page_under_way_offers_to_be_loaded_again_and_an_ended_one_does_not(
    visitor: Visiting, competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submission = submit(pat, competition)
    page = visitor(pat).open(f"/submissions/{submission.pk}/")
    assert "Reload to see more" in page.text
    assert f"/submissions/{submission.pk}/" in page.links
    worker.work_off(accuracy=0.5)
    ended = visitor(pat).open(f"/submissions/{submission.pk}/").text
    assert "Reload" not in ended
    assert "live" not in ended.split()


def test_a_deadline_is_told_with_its_zone(visitor: Visiting, competition: Competition, pat: User) -> None:
    Phase.objects.update(end="2095-01-01T00:00:00Z")
    assert "Ends 1 Jan 2095, 00:00 UTC , in" in visitor(pat).open(_form(competition)).text


def test_the_live_page_fetches_its_state_alone(visitor: Visiting, competition: Competition, pat: User) -> None:
    submission = submit(pat, competition)
    part: Any = visitor(pat).client.get(f"/submissions/{submission.pk}/?part=state")
    assert part.content.decode().startswith('<div id="state"')


def test_a_submission_whose_file_is_gone_still_has_a_page(
    visitor: Visiting, competition: Competition, pat: User
) -> None:
    submission = submit(pat, competition)
    assert submission.data is not None
    assert submission.data.data_file is not None
    storage.remove_content(submission.data.data_file.key)
    Submission.objects.update(data=None)
    assert "Deleted File" in visitor(pat).open(f"/submissions/{submission.pk}/").text


def test_a_phase_that_is_over_leads_to_its_results_and_counts_no_tries(
    visitor: Visiting, make_competition: Making, pat: User
) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 4, "max_submissions": 9})
    Phase.objects.update(end=timezone.now() - timedelta(days=1))
    page = visitor(pat).open(_form(competition))
    assert "See its results" in page.text
    assert f"/competitions/{competition.pk}/results/?phase={competition.phases.get().pk}" in page.links
    assert "4 a day, 9 in all" in page.text
    assert "left" not in page.text

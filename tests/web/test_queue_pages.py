"""The pages of queues, workers and the server's status."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation import status
from podium.site.evaluation.models import Attempt
from podium.site.queues.models import Queue, Worker
from podium.site.queues.services import default_queue, token_of
from podium.site.queues.services.lifecycle import create_queue
from tests.factories import UserFactory
from tests.site.acting import WorkerDouble, submit
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Making = Callable[..., Competition]


def test_a_queue_is_made_shared_and_deleted_after_asking(
    visitor: Visiting, queue: Queue, competition: Competition, olivia: User, sam: User
) -> None:
    somebody = visitor(olivia)
    assert "You have no queue" in somebody.open("/queues/").text
    page = somebody.send("/queues/new/", {"name": "lab", "organizers": "SAM, nobody-at-all"}, status=400)
    assert "Nobody here is called nobody-at-all." in page.text
    page = somebody.send("/queues/new/", {"name": "lab", "organizers": "SAM"})
    lab = Queue.objects.get(name="lab")
    assert somebody.url == f"/queues/{lab.pk}/"
    assert "No worker yet" in page.text
    assert list(lab.organizers.all()) == [sam]
    Competition.objects.filter(pk=competition.pk).update(queue=lab)
    somebody.send(f"/queues/{lab.pk}/edit/", {"name": "renamed", "is_public": "on", "organizers": ""})
    lab.refresh_from_db()
    assert (lab.name, lab.is_public, lab.organizers.count()) == ("renamed", True, 0)
    asked = somebody.open(f"/queues/{lab.pk}/delete/")
    assert "1 competition that uses it goes to the default queue" in asked.text
    assert competition.title in asked.text
    somebody.send(f"/queues/{lab.pk}/delete/", {})
    assert Competition.objects.get(pk=competition.pk).queue is None
    somebody.open(f"/queues/{lab.pk}/", status=404)


def test_the_sixth_queue_is_refused_on_the_form(visitor: Visiting, queue: Queue, olivia: User) -> None:
    for number in range(5):
        create_queue(user=olivia, name=f"q{number}")
    page = visitor(olivia).send("/queues/new/", {"name": "sixth", "organizers": ""}, status=400)
    assert "User has reached queue limit!" in page.text


def test_a_tokens_secret_is_shown_once_with_the_command_that_starts_a_worker(
    visitor: Visiting, queue: Queue, olivia: User
) -> None:
    lab = create_queue(user=olivia, name="lab")
    somebody = visitor(olivia)
    page = somebody.send(f"/queues/{lab.pk}/", {"name": "gpu machine"})
    secret = page.text.split("--token ")[1].split()[0]
    found = token_of(secret)
    assert found is not None
    assert found.queue == lab
    assert "no-store" in somebody.response["Cache-Control"]
    assert secret not in somebody.open(f"/queues/{lab.pk}/").text
    assert "the old one is refused" in somebody.open(f"/queues/{lab.pk}/tokens/{found.pk}/rotate/").text
    page = somebody.send(f"/queues/{lab.pk}/tokens/{found.pk}/rotate/", {})
    assert token_of(secret) is None
    other = page.text.split("--token ")[1].split()[0]
    rotated = token_of(other)
    assert rotated is not None
    somebody.send(f"/queues/{lab.pk}/tokens/{rotated.pk}/revoke/", {})
    assert token_of(other) is None


def test_a_stranger_to_a_public_queue_sees_neither_tokens_nor_workers(
    visitor: Visiting, queue: Queue, olivia: User, sam: User
) -> None:
    lab = create_queue(user=olivia, name="lab", is_public=True)
    Worker.objects.create(queue=lab, name="secret-machine")
    page = visitor(sam).open(f"/queues/{lab.pk}/")
    assert "secret-machine" not in page.text
    assert "Make a token" not in page.text
    assert "secret-machine" not in visitor(sam).open("/workers/").text
    assert "secret-machine" in visitor(olivia).open("/workers/").text


def test_workers_are_listed_with_their_jobs_and_last_error_and_drained(
    visitor: Visiting, queue: Queue, competition: Competition, pat: User, ada: User
) -> None:
    submission = submit(pat, competition)
    WorkerDouble(queue, "machine").job()
    Attempt.objects.create(
        run=submission.runs.get(),
        number=7,
        token_hash="x",
        worker=Worker.objects.get(),
        state="lost",
        cause="worker_lost",
        message="The worker was silent for 30 s.",
        lease_until=timezone.now(),
        deadline=timezone.now(),
        finished_when=timezone.now(),
    )
    Worker.objects.update(gpus=["RTX 1"], free_disk_bytes=5 * 10**9)
    page = visitor(ada).open("/workers/")
    for words in ("machine", "Working", f"#{submission.pk}", "The worker was silent for 30 s.", "RTX 1", "5.0 GB free"):
        assert words in page.text, words
    worker = Worker.objects.get()
    somebody = visitor(ada)
    page = somebody.send(f"/queues/{queue.pk}/workers/{worker.pk}/drain/", {"next": "/workers/"})
    assert somebody.url == "/workers/"
    assert "Drained" in page.text
    worker.refresh_from_db()
    assert worker.drained_when is not None
    Worker.objects.update(last_seen=timezone.now() - timedelta(hours=1))
    Attempt.objects.update(state="lost")
    assert "Away" in visitor(ada).open("/workers/").text


def test_the_queue_tab_moves_what_waits_and_says_how_much(
    visitor: Visiting, competition: Competition, olivia: User, pat: User, sam: User
) -> None:
    lab, closed = create_queue(user=olivia, name="lab"), create_queue(user=sam, name="sam's own")
    submit(pat, competition)
    path, somebody = f"/competitions/{competition.pk}/queue/", visitor(olivia)
    page = somebody.open(path)
    assert "no worker serves this queue" in page.text
    assert "sam's own" not in page.text
    page = somebody.send(path, {"queue": str(lab.pk)})
    assert "1 waiting run went with it." in page.text
    assert Competition.objects.get(pk=competition.pk).queue == lab
    somebody.send(path, {"queue": str(closed.pk)}, status=400)
    assert Competition.objects.get(pk=competition.pk).queue == lab


def test_the_servers_status_is_by_right(
    visitor: Visiting, make_competition: Making, olivia: User, pat: User, ada: User
) -> None:
    sam = UserFactory()
    lab = create_queue(user=sam, name="lab", is_public=True)
    first, second, closed = make_competition(), make_competition(), make_competition(auto_run_submissions=False)
    Competition.objects.filter(pk=second.pk).update(queue=lab, created_by=UserFactory())
    Competition.objects.filter(pk=first.pk).update(created_by=UserFactory())
    default, in_lab, held = (submit(pat, competition) for competition in (first, second, closed))

    def listed(person: User) -> set[int]:
        text = visitor(person).open("/server_status").text
        return {one.pk for one in (default, in_lab, held) if f"#{one.pk}" in text}

    assert listed(ada) == listed(pat) == {default.pk, in_lab.pk, held.pk}
    assert listed(sam) == {in_lab.pk}, "what is in a queue of one's own"
    assert listed(olivia) == {held.pk}, "what is submitted to a competition of one's own"
    assert listed(UserFactory()) == set()
    page = visitor(pat).open("/server_status")
    assert "No worker serves its queue" in page.text
    assert "Held for an organizer" in page.text
    WorkerDouble(default_queue()).job()
    assert "worker-1" in visitor(pat).open("/server_status").text


def test_the_servers_status_goes_back_page_by_page_and_costs_the_same(
    visitor: Visiting,
    competition: Competition,
    ada: User,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    monkeypatch.setattr(status, "PER_PAGE", 3)
    submissions = [submit(competition.participants.get(user__username="pat").user, competition) for _ in range(5)]
    somebody = visitor(ada)
    with django_assert_max_num_queries(20):  # type: ignore[attr-defined]
        page = somebody.open("/server_status")
    assert [f"#{one.pk}" in page.text for one in submissions] == [False, False, True, True, True]
    page = somebody.open(f"/server_status?before={submissions[2].pk}")
    assert [f"#{one.pk}" in page.text for one in submissions] == [True, True, False, False, False]
    somebody.open("/server_status?before=99999999999999999999&show_child_submissions=true")


def test_a_submission_says_how_long_it_may_wait_or_that_nobody_serves_its_queue(
    visitor: Visiting, queue: Queue, competition: Competition, pat: User
) -> None:
    worker = WorkerDouble(queue)
    done, other = submit(pat, competition), submit(pat, competition)
    page = visitor(pat).open(f"/submissions/{other.pk}/")
    assert "No worker serves its queue, default." in page.text
    assert "with 1 run before it" in page.text
    worker.work_off(accuracy=0.5)
    now = timezone.now()
    Attempt.objects.update(claimed_when=now - timedelta(seconds=600), finished_when=now)
    submit(pat, competition)
    worker.job()
    first, last = submit(pat, competition), submit(pat, competition)
    assert "Next in the queue; it starts within 10 min" in " ".join(
        visitor(pat).open(f"/submissions/{first.pk}/").text.split()
    )
    assert "1 run before this one in the queue; it starts in 9 to 21 min" in " ".join(
        visitor(pat).open(f"/submissions/{last.pk}/").text.split()
    )
    assert done.pk < last.pk

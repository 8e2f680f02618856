"""The live stream of a submission: replayed from the start, continued where a reader left, ended when it is over."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient
from rest_framework.authtoken.models import Token

from podium.protocol import Cause, Failure, Step
from podium.site.accounts.callers import Person
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation.events import events as events_of
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from tests.site.acting import WorkerDouble, frame, scores, submit

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Told:
    """One event as a browser's EventSource gives it."""

    id: str
    name: str
    data: dict[str, Any]


def parsed(text: str) -> list[Told]:
    """The events of a stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "data" in fields:
            found.append(Told(fields["id"], fields["event"], json.loads(fields["data"])))
    return found


async def stream(user: User | None, submission: Submission, last: str = "") -> tuple[int, list[Told]]:
    """Read a submission's stream to its end, with the user's token."""
    headers = {"Last-Event-ID": last} if last else {}
    if user is not None:
        token, _ = await Token.objects.aget_or_create(user=user)
        headers["Authorization"] = f"Token {token.key}"
    answer = await AsyncClient().get(f"/api/submissions/{submission.pk}/events/", headers=headers)
    if answer.status_code != 200:
        return answer.status_code, []
    assert answer["Content-Type"] == "text/event-stream"
    pieces = [piece async for piece in answer.streaming_content]
    return 200, parsed(b"".join(pieces).decode())


@pytest.fixture
def finished(competition: Competition, pat: User, queue: Queue) -> Submission:
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    job = worker.job()
    worker.beat(job, frames=[frame("one\n"), frame("two\n", 4)])
    worker.beat(job, frames=[frame("thr\u00e9e\n", 8)])
    worker.finish(job, scores(accuracy=1.0))
    return submission


async def test_who_comes_late_is_told_everything_from_the_start(finished: Submission, pat: User) -> None:
    status, events = await stream(pat, finished)
    assert status == 200
    assert "".join(event.data["text"] for event in events if event.name == "log") == "one\ntwo\nthr\u00e9e\n"
    logs = [event.data for event in events if event.name == "log"]
    assert [(log["step"], log["stream"], log["attempt"], log["offset"]) for log in logs] == [
        ("scoring", "stdout", 1, 0)
    ]
    statuses = [event.data["status"] for event in events if event.name == "status"]
    assert statuses[-1] == "Finished"
    assert (events[-1].name, events[-1].data) == ("end", {"status": "Finished"})


async def test_who_comes_back_continues_after_the_last_event(finished: Submission, pat: User) -> None:
    _, everything = await stream(pat, finished)
    (log,) = [event for event in everything if event.name == "log"]
    _, rest = await stream(pat, finished, last=log.id)
    assert [event.name for event in rest] == ["status", "end"], "nothing is told twice"
    attempt, numbered, end = log.id.split(".")
    assert int(end) == len("one\ntwo\nthr\u00e9e\n".encode())
    _, rest = await stream(pat, finished, last=f"{attempt}.{numbered}.8")
    assert [event.data["text"] for event in rest if event.name == "log"] == ["thr\u00e9e\n"]


@pytest.mark.parametrize("last", ["nonsense", "-5", "9" * 30, "9" * 5000, "\u00b2", "1.9.1", "1.0.-1", "_"])
async def test_a_last_event_id_that_makes_no_sense_is_no_crash(last: str, finished: Submission, pat: User) -> None:
    status, events = await stream(pat, finished, last=last)
    assert status == 200
    assert events[-1].name == "end"


@pytest.mark.parametrize(
    ("hide", "seen"),
    [
        ({"hide_output": True}, []),
        ({"hide_score_output": True}, ["prediction"]),
        ({"hide_prediction_output": True}, ["prediction", "scoring"]),
        ({}, ["prediction", "scoring"]),
    ],
)
async def test_hidden_output_is_not_streamed_to_its_owner_but_to_the_organizer(
    hide: dict[str, bool],
    seen: list[str],
    make_competition: Callable[..., Competition],
    pat: User,
    olivia: User,
    queue: Queue,
) -> None:
    @sync_to_async
    def run() -> Submission:
        competition = make_competition(ingestion=True, phase=hide)
        submission = submit(pat, competition)
        worker = WorkerDouble(queue)
        for given in (None, scores(accuracy=1.0)):
            job = worker.job()
            worker.beat(job, frames=[frame("secret\n")])
            worker.finish(job, given)
        return submission

    submission = await run()
    _, events = await stream(pat, submission)
    assert [event.data["step"] for event in events if event.name == "log"] == seen
    assert events[-1].name == "end", "the status is told all the same"
    _, events = await stream(olivia, submission)
    assert [event.data["step"] for event in events if event.name == "log"] == ["prediction", "scoring"]


async def test_strangers_see_the_status_of_what_stands_on_the_board_and_no_output(
    finished: Submission, sam: User
) -> None:
    for user in (sam, None):
        status, events = await stream(user, finished)
        assert status == 200
        assert [event for event in events if event.name == "log"] == []


async def test_what_one_may_not_see_has_no_stream(competition: Competition, pat: User, sam: User) -> None:
    submission = await sync_to_async(submit)(pat, competition)
    assert (await stream(sam, submission))[0] == 404
    assert (await stream(None, submission))[0] == 404
    await User.objects.filter(pk=pat.pk).aupdate(is_banned=True)
    assert (await stream(pat, submission))[0] == 403


async def test_the_stream_of_several_tasks_names_the_children(
    make_competition: Callable[..., Competition], pat: User, queue: Queue
) -> None:
    @sync_to_async
    def run() -> tuple[Submission, list[int]]:
        parent = submit(pat, make_competition(tasks=2))
        WorkerDouble(queue).work_off(accuracy=1.0)
        return parent, [child.pk for child in parent.children.order_by("pk")]

    parent, children = await run()
    _, events = await stream(pat, parent)
    assert [event.data["child_id"] for event in events if event.name == "child"] == children
    last = {event.data["submission"]: event.data["status"] for event in events if event.name == "status"}
    assert last == {parent.pk: "Finished", **dict.fromkeys(children, "Finished")}


async def test_a_failure_is_streamed_with_its_whole_story(competition: Competition, pat: User, queue: Queue) -> None:
    @sync_to_async
    def run() -> Submission:
        submission = submit(pat, competition)
        worker = WorkerDouble(queue)
        failure = Failure(
            cause=Cause.TIME_LIMIT, step=Step.SCORING, message="Too slow.", limit="600 s", measured="601 s"
        )
        worker.finish(worker.job(), failure=failure)
        return submission

    _, events = await stream(pat, await run())
    story = [event.data for event in events if event.name == "status"][-1]
    assert {name: story[name] for name in ("status", "cause", "fault", "step", "limit", "measured", "counted")} == {
        "status": "Failed",
        "cause": "time_limit",
        "fault": "organizer",
        "step": "scoring",
        "limit": "600 s",
        "measured": "601 s",
        "counted": False,
    }
    assert story["advice"]


async def test_strangers_are_not_told_what_the_owner_was_told_about_a_failure(
    competition: Competition, pat: User, sam: User, olivia: User, queue: Queue
) -> None:
    def fail() -> Submission:
        submission, worker = submit(pat, competition), WorkerDouble(queue)
        reason = Failure(
            cause=Cause.MEMORY_LIMIT, step=Step.SCORING, message="Pat's own words", limit="4 GB", measured="5 GB"
        )
        worker.finish(worker.job(), failure=reason, output=False)
        Submission.objects.filter(pk=submission.pk).update(is_public=True)
        return submission

    submission = await sync_to_async(fail)()
    for insider in (pat, olivia):
        _, told = await stream(insider, submission)
        assert told[-2].data["status_details"] == "Pat's own words"
    for stranger in (sam, None):
        status, told = await stream(stranger, submission)
        assert status == 200
        assert (told[-2].data["status"], told[-2].data["cause"]) == ("Failed", "memory_limit")
        assert [told[-2].data[name] for name in ("status_details", "limit", "measured")] == [None] * 3


async def test_the_stream_of_a_submission_that_is_deleted_meanwhile_ends(finished: Submission, pat: User) -> None:
    following = events_of(Person(pat), finished)
    await sync_to_async(Submission.objects.filter(pk=finished.pk).delete)()
    assert [event async for event in following] == []


async def test_a_reader_is_woken_by_what_happens(competition: Competition, pat: User, queue: Queue) -> None:
    """The stream is open before the worker begins and ends by itself when the submission does."""
    submission = await sync_to_async(submit)(pat, competition)
    worker = WorkerDouble(queue)
    told = events_of(Person(pat), submission)
    first = await anext(told)
    assert first is not None
    assert first.data["status"] == "Submitted"
    job = await sync_to_async(worker.job)()
    await sync_to_async(worker.beat)(job, "running", [frame("live\n")])
    await sync_to_async(worker.finish)(job, scores(accuracy=1.0))
    rest = [event async for event in told if event is not None]
    assert "live\n" in [event.data.get("text") for event in rest]
    assert rest[-1].name == "end"


async def test_other_methods_are_refused(finished: Submission) -> None:
    answer = await AsyncClient().post(f"/api/submissions/{finished.pk}/events/")
    assert answer.status_code in {403, 405}

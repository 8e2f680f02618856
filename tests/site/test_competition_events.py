"""The live stream of a competition: what it tells whom, and how a reader goes on where they left."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.authtoken.models import Token

from podium.site.accounts.callers import Person
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant
from podium.site.competitions.services.deleting import delete_competition
from podium.site.competitions.services.participation import set_participant_status, set_published
from podium.site.evaluation import competition_events, following
from podium.site.evaluation.competition_events import events as events_of
from podium.site.evaluation.following import Event
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Leaderboard
from podium.site.queues.models import Queue
from tests.factories import finished_submission
from tests.site.acting import WorkerDouble, phase_of, submit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A reader looks again at once, and says when there is nothing new."""
    monkeypatch.setattr(following, "KEEPALIVE_SECONDS", 0.0)
    monkeypatch.setattr(settings.CONFIG, "wakeup_fallback_seconds", 0.01)


async def told(stream: AsyncIterator[Event | None]) -> list[Event]:
    """What a stream tells until there is nothing new, or until it ends."""
    found: list[Event] = []
    async for event in stream:
        if event is None:
            return found
        found.append(event)
    return found


async def all_told(user: Any, competition: Competition, last: str = "", **more: str) -> list[Event]:
    """What somebody is told who opens the stream now."""
    async with aclosing(cast(Any, events_of(Person(user), competition, last, **more))) as stream:
        return await told(stream)


def submissions_in(events: list[Event]) -> list[tuple[int, str]]:
    return [(event.data["submission"], event.data["status"]) for event in events if event.name == "submission"]


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


async def test_it_begins_with_how_things_stand(competition: Competition, pat: User) -> None:
    phase = await sync_to_async(phase_of)(competition)
    first, second = await all_told(pat, competition)
    assert (first.name, first.data) == (
        "competition",
        {"competition": competition.pk, "title": competition.title, "published": True},
    )
    assert (second.name, second.data["phase"], second.data["status"]) == ("phase", phase.pk, "Current")
    assert second.data["name"] == phase.name


async def test_a_submission_is_told_from_state_to_state_and_its_board_with_it(
    competition: Competition, pat: User, queue: Queue
) -> None:
    """The stream is open before the submission is made, and is woken by what happens."""
    phase = await sync_to_async(phase_of)(competition)
    async with aclosing(cast(Any, events_of(Person(pat), competition))) as stream:
        await told(stream)
        submission = await sync_to_async(submit)(pat, competition)
        assert submissions_in(await told(stream)) == [(submission.pk, "Submitted")]
        worker = WorkerDouble(queue)
        job = await sync_to_async(worker.job)()
        assert submissions_in(await told(stream)) == [(submission.pk, "Preparing")]
        await sync_to_async(worker.beat)(job)
        (running,) = await told(stream)
        assert running.data["status"] == "Scoring"
        assert running.data["owner"] == "pat"
        await sync_to_async(worker.finish)(job, {"accuracy": _score(1.0)})
        end = await told(stream)
        assert names(end) == ["leaderboard", "submission"]
        assert end[0].data == {"competition": competition.pk, "phase": phase.pk}, "which board, not what is on it"
        assert submissions_in(end) == [(submission.pk, "Finished")]


def _score(value: float) -> Any:
    from podium.protocol import Score  # noqa: PLC0415

    return Score(value=value, text=repr(value))


async def test_a_submission_to_several_tasks_is_told_as_one(
    make_competition: Callable[..., Competition], pat: User, queue: Queue
) -> None:
    competition = await sync_to_async(make_competition)(tasks=2)
    async with aclosing(cast(Any, events_of(Person(pat), competition))) as stream:
        await told(stream)
        parent = await sync_to_async(submit)(pat, competition)
        await sync_to_async(WorkerDouble(queue).work_off)(accuracy=1.0)
        assert submissions_in(await told(stream))[-1] == (parent.pk, "Finished")


async def test_each_is_told_of_the_submissions_that_their_list_has(
    make_competition: Callable[..., Competition], pat: User, sam: User, olivia: User, ada: User
) -> None:
    def prepare() -> tuple[Competition, list[int]]:
        competition = make_competition(participants=(pat, sam))
        made = [submit(person, competition) for person in (pat, pat, sam)]
        Submission.objects.filter(pk=made[1].pk).update(is_public=True)
        return competition, [one.pk for one in made]

    competition, (mine, public, sams) = await sync_to_async(prepare)()
    expected = {pat: {mine, public}, sam: {public, sams}, olivia: {mine, public, sams}, ada: {mine, public, sams}}
    for person, theirs in expected.items():
        found = submissions_in(await all_told(person, competition))
        assert {pk for pk, _ in found} == theirs, person.username
        client = AsyncClient()
        await client.aforce_login(person)
        listed = await client.get(f"/api/submissions/?phase__competition={competition.pk}")
        assert {one["id"] for one in listed.json()} == theirs, person.username


async def test_a_hidden_board_is_told_to_organizers_alone(
    make_competition: Callable[..., Competition], pat: User, olivia: User
) -> None:
    def prepare() -> Competition:
        competition = make_competition()
        Leaderboard.objects.filter(competition=competition).update(hidden=True)
        return competition

    competition = await sync_to_async(prepare)()
    known = {person: (await all_told(person, competition))[-1].id for person in (pat, olivia)}
    await sync_to_async(lambda: _finish(competition, pat))()
    assert "leaderboard" not in names(await all_told(pat, competition, known[pat]))
    assert "leaderboard" in names(await all_told(olivia, competition, known[olivia]))


def _finish(competition: Competition, owner: User) -> None:
    submit(owner, competition)
    WorkerDouble(competition.queue or Queue.objects.get()).work_off(accuracy=1.0)


async def test_who_comes_back_is_told_what_has_changed_since_and_nothing_else(
    competition: Competition, pat: User, olivia: User
) -> None:
    everything = await all_told(pat, competition)
    assert await all_told(pat, competition, everything[-1].id) == []

    def change() -> None:
        _finish(competition, pat)
        set_published(competition=competition, by=olivia, published=False)
        phase = phase_of(competition)
        phase.end = timezone.now() - timedelta(seconds=1)
        phase.start = phase.end - timedelta(days=1)
        phase.save()

    await sync_to_async(change)()
    missed = await all_told(pat, competition, everything[-1].id)
    assert names(missed) == ["competition", "phase", "leaderboard", "submission"]
    assert missed[0].data["published"] is False
    assert missed[1].data["status"] == "Previous"
    assert missed[3].data["status"] == "Finished"


async def test_what_is_committed_after_later_changes_is_told_all_the_same(competition: Competition, pat: User) -> None:
    """Two transactions need not commit in the order of their moments."""
    first, second = [await sync_to_async(submit)(pat, competition) for _ in range(2)]
    async with aclosing(cast(Any, events_of(Person(pat), competition))) as stream:
        last = (await told(stream))[-1]
        before = timezone.now() - timedelta(seconds=20)
        await Submission.objects.filter(pk=first.pk).aupdate(status="Preparing", changed_when=before)
        assert submissions_in(await told(stream)) == [(first.pk, "Preparing")]
        assert await told(stream) == [], "once"
    await Submission.objects.filter(pk=second.pk).aupdate(status="Running", changed_when=before)
    assert (second.pk, "Running") in submissions_in(await all_told(pat, competition, last.id))


async def test_many_changes_are_told_piece_by_piece(
    competition: Competition, olivia: User, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(competition_events, "PIECE", 2)

    def prepare() -> list[int]:
        phase = phase_of(competition)
        made = [finished_submission(phase, pat, number).pk for number in range(5)]
        # Of one moment, as what one statement changes.
        Submission.objects.filter(pk__in=made).update(changed_when=timezone.now())
        return made

    known = (await all_told(olivia, competition))[-1].id
    made = await sync_to_async(prepare)()
    assert [pk for pk, _ in submissions_in(await all_told(olivia, competition, known))] == made


def test_a_look_asks_as_much_for_many_changes_as_for_one(competition: Competition, pat: User) -> None:
    phase = phase_of(competition)

    def asked() -> int:
        reader = competition_events._Reader(Person(pat), competition.pk, competition_events._Known.of(""))
        with CaptureQueriesContext(connection) as queries:
            assert reader.look().events
        return len(queries)

    finished_submission(phase, pat, 1.0)
    few = asked()
    for number in range(20):
        finished_submission(phase, pat, number)
    assert asked() == few <= 4


async def test_a_phase_that_ends_is_told_when_its_time_has_come(
    competition: Competition, pat: User, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """By the clock alone: nobody wakes the reader, and it does not look unasked."""
    monkeypatch.setattr(settings.CONFIG, "wakeup_fallback_seconds", 600)

    def set_end() -> None:
        phase = phase_of(competition)
        phase.end = timezone.now() + timedelta(seconds=1)
        phase.save()

    await sync_to_async(set_end)()
    statuses = []
    async with aclosing(cast(Any, events_of(Person(pat), competition))) as stream:
        async for event in stream:
            if event is not None and event.name == "phase":
                statuses.append(event.data["status"])
                if event.data["status"] == "Previous":
                    break
    assert statuses == ["Current", "Previous"]


async def test_it_ends_for_who_may_not_see_the_competition_any_more(
    make_competition: Callable[..., Competition], pat: User, sam: User, olivia: User
) -> None:
    competition = await sync_to_async(make_competition)()

    @sync_to_async
    def act(what: Callable[..., Any], **facts: Any) -> None:
        what(by=olivia, **facts)

    pats, sams, olivias = (cast(Any, events_of(Person(person), competition)) for person in (pat, sam, olivia))
    for stream in (pats, sams, olivias):
        await told(stream)
    await act(set_published, competition=competition, published=False)
    (end,) = await told(sams)
    assert (end.name, end.data["reason"]) == ("end", "not_visible")
    assert [event async for event in sams] == []
    assert names(await told(pats)) == ["competition"]
    participant = await Participant.objects.select_related("competition", "user").aget(user=pat)
    await act(set_participant_status, participant=participant, status="denied")
    assert names(await told(pats)) == ["end"]
    assert names(await told(olivias)) == ["competition"]
    await act(delete_competition, competition=competition)
    assert names(await told(olivias)) == ["end"]


async def test_a_secret_key_opens_it_until_it_is_exchanged(
    make_competition: Callable[..., Competition], sam: User
) -> None:
    competition = await sync_to_async(make_competition)(published=False)
    key = str(competition.secret_key)
    assert names(await all_told(sam, competition)) == ["end"]
    assert names(await all_told(sam, competition, secret_key=key)) == ["competition", "phase"]
    await Competition.objects.filter(pk=competition.pk).aupdate(secret_key="6d1f4a0a-50d3-4a0c-9c0e-1b2f3c4d5e6f")
    assert names(await all_told(sam, competition, secret_key=key)) == ["end"]


@pytest.mark.parametrize(
    "last", ["nonsense", "-5", "9" * 30, "9" * 5000, "²", "99999999999999999.1.", "0.1.1X1", "1.2.", "1.1.9C9_x_"]
)
async def test_a_last_event_id_that_makes_no_sense_is_no_crash(last: str, competition: Competition, pat: User) -> None:
    assert "phase" in names(await all_told(pat, competition, last))


async def test_by_http_it_is_an_event_stream_with_ids(competition: Competition, pat: User, sam: User) -> None:
    token = await Token.objects.acreate(user=pat)
    path, headers = f"/api/competitions/{competition.pk}/events/", {"Authorization": f"Token {token.key}"}
    answer = await AsyncClient().get(path, headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/event-stream")
    assert answer["Cache-Control"] == "no-store"
    text = b""
    async for piece in cast(Any, answer.streaming_content):
        text += piece
        if b"event: phase" in text:
            break
    block = next(block for block in text.decode().split("\n\n") if "event: phase" in block)
    fields = dict(line.split(": ", 1) for line in block.splitlines())
    assert json.loads(fields["data"])["status"] == "Current"
    again = await AsyncClient().get(path, headers={**headers, "Last-Event-ID": fields["id"]})
    pieces = cast(Any, again.streaming_content)
    assert [await anext(pieces), await anext(pieces)] == [b"retry: 1000\n\n", b": still here\n\n"]
    await Competition.objects.filter(pk=competition.pk).aupdate(published=False)
    stranger = AsyncClient()
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.post(path)).status_code in {403, 405}

"""What programs print: kept in few rows, sealed into one file, read alike from both, shown to whom it is for."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import gc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from podium.protocol import Cause, Failure, Step, Stream
from podium.site.accounts.callers import Person
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation import logs, queries, streaming
from podium.site.evaluation.events import events as events_of
from podium.site.evaluation.models import Attempt, LogChunk, Submission
from podium.site.evaluation.services import attempts, deletion, output
from podium.site.evaluation.sweeper import Sweeper
from podium.site.queues.models import Queue
from podium.site.resources.models import StoredFile
from tests.site.acting import WorkerDouble, files_in, frame, put, scores, submit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(queue: Queue) -> WorkerDouble:
    return WorkerDouble(queue)


def print_bit_by_bit(worker: WorkerDouble, job: Any, text: str, size: int, stream: Stream = Stream.STDOUT) -> None:
    data = text.encode()
    for start in range(0, len(data), size):
        piece = frame("", start, stream).model_copy(update={"data": data[start : start + size]})
        worker.beat(job, frames=[piece])


def text_of(submission: Submission, stream: str = "stdout", step: str = "scoring") -> str:
    return queries.log_text(submission, step, stream)


async def heard(user: User, submission: Submission, last: str = "") -> str:
    """All text that the stream tells."""
    found = [event async for event in events_of(Person(user), submission, last) if event is not None]
    return "".join(event.data["text"] for event in found if event.name == "log")


# Rows


@pytest.mark.slow
def test_a_program_that_prints_a_line_at_a_time_makes_few_rows(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submission = submit(pat, competition)
    line = "a line of forty characters, or about so.\n"
    print_bit_by_bit(worker, worker.job(), line * 2000, len(line))
    assert LogChunk.objects.count() <= len(line) * 2000 // output.CHUNK + 1
    assert text_of(submission) == line * 2000


def test_a_stream_is_cut_at_the_cap_with_a_mark_whatever_a_worker_sends(
    competition: Competition, pat: User, worker: WorkerDouble, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.CONFIG, "max_log_bytes", 4096)
    submission, job = submit(pat, competition), worker.job()
    for start in range(0, 200_000, 1000):
        worker.beat(job, frames=[frame("x" * 1000, start)])
        worker.beat(job, frames=[frame("y" * 1000, start + 1)])
    text = text_of(submission)
    assert len(text) < 4096 + 2 * output.ROOM_FOR_MARKS
    assert text.endswith("[output truncated at 4096 bytes]\n")
    assert sum(len(bytes(data)) for data in LogChunk.objects.values_list("data", flat=True)) == len(text)


def test_the_mark_of_a_worker_is_kept(
    competition: Competition, pat: User, worker: WorkerDouble, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.CONFIG, "max_log_bytes", 4096)
    submission, job = submit(pat, competition), worker.job()
    worker.beat(job, frames=[frame("x" * 4096)])
    worker.beat(job, frames=[frame("\n[output truncated at 4096 bytes]\n", 4096)])
    assert text_of(submission) == "x" * 4096 + "\n[output truncated at 4096 bytes]\n"


# Sealing


def test_when_an_attempt_has_ended_its_output_lies_in_one_file_and_in_no_row(
    competition: Competition, pat: User, worker: WorkerDouble, files: Path
) -> None:
    submission, job = submit(pat, competition), worker.job()
    print_bit_by_bit(worker, job, "one\ntwo\nthrée\n" * 3000, 7777)
    worker.beat(job, frames=[frame("oh\n", 0, Stream.STDERR)])
    assert output.seal_ended() == 0, "not while it is under way"
    assert not output.seal(attempt_id=job.attempt)
    before = (text_of(submission), text_of(submission, "stderr"))
    worker.finish(job, scores(accuracy=1.0))
    assert output.seal_ended() == 1
    assert LogChunk.objects.count() == 0
    assert (text_of(submission), text_of(submission, "stderr")) == before == ("one\ntwo\nthrée\n" * 3000, "oh\n")
    (name,) = [name for name in files_in(files) if name.startswith("log/")]
    with zipfile.ZipFile(files / name) as archive:
        assert sorted(archive.namelist()) == ["stderr.txt", "stdout.txt"]
    assert output.seal_ended() == 0, "once is enough"


def test_the_output_of_a_worker_that_died_is_kept_and_sealed(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submission, job = submit(pat, competition), worker.job()
    worker.beat(job, frames=[frame("last words\n")])
    attempt = Attempt.objects.get(pk=job.attempt)
    Attempt.objects.update(lease_until=attempt.claimed_when)
    assert attempts.sweep() == 1
    assert text_of(submission) == "last words\n"
    assert output.seal_ended() == 1
    assert text_of(submission) == "last words\n"


def test_the_site_worker_seals(competition: Competition, pat: User, worker: WorkerDouble, settings: Any) -> None:
    submit(pat, competition)
    job = worker.job()
    worker.beat(job, frames=[frame("words\n")])
    worker.finish(job, scores(accuracy=1.0))
    sweeper = Sweeper()

    class Once:
        """Lets the sweeper go round once."""

        def __init__(self) -> None:
            self.rounds = 0

        def wait(self, _seconds: float) -> bool:
            self.rounds += 1
            return self.rounds > 1

    sweeper._stopped = Once()  # type: ignore[assignment]
    sweeper.run()
    assert LogChunk.objects.count() == 0
    assert Attempt.objects.get(pk=job.attempt).log is not None


def test_of_two_that_seal_at_once_one_has_sealed_and_no_file_is_left_over(
    competition: Competition, pat: User, worker: WorkerDouble, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission, job = submit(pat, competition), worker.job()
    worker.beat(job, frames=[frame("words\n")])
    worker.finish(job, scores(accuracy=1.0))
    really, sealed_inside = output._sealed, []

    def another_is_quicker(attempt: Attempt, key: str) -> bool:
        if not sealed_inside:
            sealed_inside.append(True)
            assert output.seal(attempt_id=attempt.pk)
        return really(attempt, key)

    monkeypatch.setattr(output, "_sealed", another_is_quicker)
    assert not output.seal(attempt_id=job.attempt)
    assert text_of(submission) == "words\n"
    assert len([name for name in files_in(files) if name.startswith("log/")]) == 1


def test_a_sealing_that_fails_leaves_no_file_and_is_done_again(
    competition: Competition, pat: User, worker: WorkerDouble, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission, job = submit(pat, competition), worker.job()
    worker.beat(job, frames=[frame("words\n")])
    worker.finish(job, scores(accuracy=1.0))
    with monkeypatch.context() as broken:
        broken.setattr(output, "_sealed", lambda *_: (_ for _ in ()).throw(OSError("the disk is full")))
        with pytest.raises(OSError, match="full"):
            output.seal(attempt_id=job.attempt)
    assert not [name for name in files_in(files) if name.startswith("log/")]
    assert output.seal(attempt_id=job.attempt)
    assert text_of(submission) == "words\n"


def test_a_sealed_log_goes_with_its_submission(
    competition: Competition, pat: User, olivia: User, worker: WorkerDouble, files: Path
) -> None:
    gone, emptied = submit(pat, competition), submit(pat, competition)
    for _ in range(2):
        job = worker.job()
        worker.beat(job, frames=[frame("words\n")])
        worker.finish(job, failure=Failure(cause=Cause.EXIT_CODE, step=Step.SCORING, message="No."))
    assert output.seal_ended() == 2
    deletion.delete(submission=gone, by=olivia)
    deletion.soft_delete(submission=emptied, by=pat)
    assert not [name for name in files_in(files) if name.startswith("log/")]
    assert not StoredFile.objects.filter(key__startswith="log/").exists()
    assert text_of(emptied) == ""


# Reading


async def test_the_replay_is_the_same_before_and_after_sealing_from_every_place(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    text = "grüße\n" * 20

    def run() -> tuple[Submission, int]:
        submission, job = submit(pat, competition), worker.job()
        print_bit_by_bit(worker, job, text, 5)
        worker.finish(job, scores(accuracy=1.0))
        return submission, job.attempt

    submission, attempt = await sync_to_async(run)()
    places = [len(text[:n].encode()) for n in (0, 1, 3, 50, len(text))]
    expected = [text.encode()[place:].decode() for place in places]
    assert [await heard(pat, submission, f"{attempt}.0.{place}") for place in places] == expected
    assert await sync_to_async(output.seal_ended)() == 1
    assert [await heard(pat, submission, f"{attempt}.0.{place}") for place in places] == expected


def test_a_log_that_is_sealed_while_it_is_read_is_read_to_its_end(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    text = "".join(f"line {number}\n" for number in range(30_000))
    submit(pat, competition)
    job = worker.job()
    print_bit_by_bit(worker, job, text, output.CHUNK)
    worker.finish(job, scores(accuracy=1.0))
    attempt = Attempt.objects.get(pk=job.attempt)
    assert output.seal(attempt_id=job.attempt)
    assert attempt.log_id is None, "what the reader knows is older than the sealing"
    assert b"".join(logs.pieces(attempt, "stdout")).decode() == text


async def test_a_character_that_comes_in_two_pieces_is_told_once_and_whole(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    submission = await sync_to_async(submit)(pat, competition)
    job = await sync_to_async(worker.job)()
    await sync_to_async(print_bit_by_bit)(worker, job, "é€😀", 1)
    told = events_of(Person(pat), submission)
    first = await anext(told)
    assert first is not None
    assert first.data["text"] == "é€😀"
    await told.aclose()

    def half() -> None:
        piece = frame("", 9).model_copy(update={"data": b"\xf0\x9f"})
        worker.beat(job, frames=[piece])

    await sync_to_async(half)()
    told = events_of(Person(pat), submission, first.id)
    second = await anext(told)
    assert second is not None
    assert second.name == "status", "half a character waits"
    await told.aclose()
    await sync_to_async(worker.finish)(job, scores(accuracy=1.0))
    assert await heard(pat, submission, first.id) == "\ufffd", "nothing follows it any more"


async def test_a_log_of_many_megabytes_is_told_piece_by_piece(
    competition: Competition, pat: User, worker: WorkerDouble
) -> None:
    text = "".join(f"{n:09d}\n" for n in range(200_000))

    def run() -> Submission:
        submission, job = submit(pat, competition), worker.job()
        print_bit_by_bit(worker, job, text, 200_000)
        worker.finish(job, scores(accuracy=1.0))
        output.seal_ended()
        return submission

    submission = await sync_to_async(run)()
    pieces = [e.data["text"] async for e in events_of(Person(pat), submission) if e is not None and e.name == "log"]
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= 2 * 256 * 1024, "never the whole of it at once"


def test_the_page_reads_the_end_of_a_long_log_and_no_more(
    competition: Competition, pat: User, worker: WorkerDouble, django_assert_max_num_queries: Any
) -> None:
    submission, job = submit(pat, competition), worker.job()
    print_bit_by_bit(worker, job, "".join(f"{n:09d}\n" for n in range(300_000)), 250_000)
    attempt = Attempt.objects.get(pk=job.attempt)
    with django_assert_max_num_queries(1):
        text, cut = logs.tail(attempt, "stdout", 5000)
    assert cut
    assert (text[:10], text[-10:]) == ("000299501\n", "000299999\n")
    worker.finish(job, scores(accuracy=1.0))
    output.seal_ended()
    attempt.refresh_from_db()
    assert logs.tail(attempt, "stdout", 5000) == (text, True)
    assert text_of(submission).endswith(text)


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=400),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    start=st.integers(0, 500),
)
def test_however_output_is_cut_it_reads_the_same(text: str, sizes: list[int], start: int) -> None:
    data = text.encode()
    told, place = "", 0
    while place < len(data):
        piece = data[place : place + sizes[len(told) % len(sizes)] + 4]
        words, size = logs.decoded(piece, whole=place + len(piece) == len(data))
        told, place = told + words, place + size
    assert told == text


# Who sees it

HIDING = {
    "hide_output": {"prediction": False, "scoring": False},
    "hide_score_output": {"prediction": True, "scoring": False},
}


@pytest.mark.parametrize("sealed", [False, True], ids=["in chunks", "sealed"])
@pytest.mark.parametrize("flag", HIDING)
async def test_hidden_output_is_hidden_by_every_route(
    flag: str,
    sealed: bool,
    make_competition: Callable[..., Competition],
    pat: User,
    olivia: User,
    worker: WorkerDouble,
    client_of: Callable[[User | None], APIClient],
) -> None:
    def run() -> Submission:
        competition = make_competition(ingestion=True, enable_detailed_results=True)
        Phase.objects.filter(competition=competition).update(**{flag: True})
        submission = submit(pat, competition)
        for given_scores in (None, scores(accuracy=1.0)):
            job = worker.job()
            worker.beat(job, frames=[frame(f"secret of {job.step}\n")])
            if job.detailed_results_url:
                put(job.detailed_results_url, b"<p>secret report</p>")
            worker.finish(job, given_scores, detailed_results_uploaded=job.step == "scoring")
        if sealed:
            output.seal_ended()
        return submission

    submission = await sync_to_async(run)()

    def seen_by(person: User) -> dict[str, dict[str, bool]]:
        client, pk = client_of(person), submission.pk
        page = client.get(f"/submissions/{pk}/").content.decode()
        state = client.get(f"/submissions/{pk}/?part=state").content.decode()
        details = client.get(f"/api/submissions/{pk}/get_details/")
        named = [log["name"] for log in details.json()["logs"]] if details.status_code == 200 else []
        found: dict[str, dict[str, bool]] = {}
        for step in ("prediction", "scoring"):
            words = f"secret of {step}"
            text = client.get(f"/api/submissions/{pk}/logs/{step}_stdout/")
            download = client.get(f"/submissions/{pk}/logs/{step}/stdout/")
            found[step] = {
                "page": words in page,
                "state": words in state,
                "API": words in text.content.decode(),
                "download": words in download.content.decode(),
                "details": f"{step}_stdout" in named,
            }
        report = client.get(f"/submissions/{pk}/report/").status_code == 200
        found["scoring"]["report"] = report
        found["scoring"]["report in details"] = details.status_code == 200 and bool(details.json()["detailed_result"])
        return found

    for person, rights in ((pat, HIDING[flag]), (olivia, {"prediction": True, "scoring": True})):
        found = await sync_to_async(seen_by)(person)
        told = await heard(person, submission)
        for step, may in rights.items():
            found[step]["stream"] = f"secret of {step}" in told
            assert found[step] == dict.fromkeys(found[step], may), (person.username, step)


async def test_a_report_that_grows_is_told_to_whom_it_is_for(
    make_competition: Callable[..., Competition], pat: User, sam: User, worker: WorkerDouble
) -> None:
    competition = await sync_to_async(make_competition)(
        enable_detailed_results=True, show_detailed_results_in_leaderboard=False
    )
    submission = await sync_to_async(submit)(pat, competition)
    await Submission.objects.filter(pk=submission.pk).aupdate(is_public=True)
    job = await sync_to_async(worker.job)()
    await sync_to_async(worker.beat)(job)
    mine, others = events_of(Person(pat), submission), events_of(Person(sam), submission)
    assert job.detailed_results_url
    versions = set()
    for page in (b"<p>one</p>", b"<p>one, two</p>"):
        await sync_to_async(put)(job.detailed_results_url, page)
        while (event := await anext(mine)) is None or event.name != "detailed_results":
            pass
        versions.add(event.data["version"])
        assert event.data["url"].startswith("/files/")
    assert len(versions) == 2
    await sync_to_async(worker.finish)(job, scores(accuracy=1.0), detailed_results_uploaded=True)
    assert "detailed_results" not in [event.name async for event in others if event is not None]
    await mine.aclose()


# How many may follow


async def _open(user: User | None, submission: Submission) -> Any:
    headers = {}
    if user is not None:
        token, _ = await Token.objects.aget_or_create(user=user)
        headers["Authorization"] = f"Token {token.key}"
    return await AsyncClient().get(f"/api/submissions/{submission.pk}/events/", headers=headers)


async def test_one_person_follows_so_many_submissions_and_others_still_may(
    competition: Competition, pat: User, olivia: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.CONFIG, "max_streams_per_person", 2)
    submission = await sync_to_async(submit)(pat, competition)
    following = [await _open(pat, submission) for _ in range(3)]
    assert [answer.status_code for answer in following] == [200, 200, 429]
    assert "Close some of those pages" in following[2].json()["detail"]
    assert following[2]["Retry-After"]
    following.append(await _open(olivia, submission))
    assert following[3].status_code == 200, "others are not concerned"
    following.clear()
    gc.collect()
    following.append(await _open(pat, submission))
    assert following[0].status_code == 200, "a place is free when its stream has ended"


async def test_a_server_serves_so_many_streams(
    competition: Competition, pat: User, olivia: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gc.collect()
    monkeypatch.setattr(settings.CONFIG, "max_streams", streaming.open_streams.total + 1)
    submission = await sync_to_async(submit)(pat, competition)
    first = await _open(pat, submission)
    assert first.status_code == 200
    assert (await _open(olivia, submission)).status_code == 429

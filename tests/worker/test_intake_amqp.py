"""What a slot does with its message, whatever the platform answers."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from podium.protocol import Ceilings, FileRef, Job, JobLimits, Step
from podium.worker.intake import IntakeUnavailableError
from podium.worker.intake_amqp import AmqpIntake, Held
from podium.worker.settings import SettingsError, WorkerSettings, without_password

SECRET = "581bbcfe-076d-4fec-b102-971224a83ec7"
JOB = Job(
    attempt=7,
    token="t" * 40,
    lease_seconds=30,
    run=3,
    number=1,
    label="submission-1-scoring-1",
    step=Step.SCORING,
    image="x",
    limits=JobLimits(wall_seconds=60),
    program=FileRef(url="/files/program"),
    output_url="/files/output",
)


def message(**changes: Any) -> bytes:
    """A job's message, as Celery writes it."""
    secret = {"__type__": "uuid", "__value__": {"hex": SECRET.replace("-", "")}}
    args = {"id": 1, "secret": secret, "submissions_api_url": "http://site/api", **changes}
    return json.dumps([[args], {}, {}]).encode()


class Site:
    """Answers a take, and keeps what was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((str(request.url), request.headers["Authorization"], json.loads(request.content)))
        if self.status == 200:
            return httpx.Response(200, content=JOB.model_dump_json())
        return httpx.Response(self.status)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def intake(site: Site) -> AsyncIterator[AmqpIntake]:
    """An intake of one slot whose consumer is not started: the tests put the messages there."""
    settings = WorkerSettings.from_environment({}, broker="amqp://u:p@127.0.0.1:9/v", slots=1)
    async with httpx.AsyncClient(transport=httpx.MockTransport(site)) as client:
        yield AmqpIntake(settings, client, name="w", engine="e", hostname="h", ceilings=Ceilings())


def arrive(intake: AmqpIntake, body: bytes) -> Held:
    held = Held(body)
    intake._slots[0].arrived.put_nowait(held)
    return held


async def test_a_message_becomes_a_job_with_whole_addresses_and_is_done_when_the_job_is(
    intake: AmqpIntake, site: Site
) -> None:
    held = arrive(intake, message())
    job = await intake.claim(0)
    assert job is not None
    assert (job.program.url, job.output_url) == ("http://site/files/program", "http://site/files/output")
    ((url, secret, asked),) = site.asked
    assert (url, secret) == ("http://site/api/worker/take", f"Bearer {SECRET}")
    assert (asked["submission"], asked["token"]) == (1, held.token)
    assert not held.done.is_set(), "acknowledged late"
    arrive(intake, message(id=2))
    assert await intake.claim(0) is not None
    assert held.done.is_set()
    assert not held.give_back


@pytest.mark.parametrize("status", [403, 404, 409, 410])
async def test_a_job_that_is_not_to_be_done_is_dropped(status: int, intake: AmqpIntake, site: Site) -> None:
    site.status = status
    held = arrive(intake, message())
    assert await intake.claim(0) is None
    assert held.done.is_set()
    assert not held.give_back


async def test_a_platform_that_is_away_is_asked_again_with_the_same_token(intake: AmqpIntake, site: Site) -> None:
    site.status = 503
    held = arrive(intake, message())
    with pytest.raises(IntakeUnavailableError):
        await intake.claim(0)
    assert not held.done.is_set()
    site.status = 200
    assert await intake.claim(0) is not None
    assert site.asked[0][2]["token"] == site.asked[1][2]["token"]


async def test_a_worker_that_may_not_or_cannot_gives_the_message_back(intake: AmqpIntake, site: Site) -> None:
    site.status = 204
    drained = arrive(intake, message())
    assert await intake.claim(0) is None
    assert drained.give_back
    assert drained.done.is_set()
    asked = len(site.asked)
    full = arrive(intake, message())
    assert await intake.claim(0, "the disk is full") is None
    assert full.give_back
    assert full.done.is_set()
    assert len(site.asked) == asked, "the platform is not asked for a job that could not be done"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[[]]",
        b"[[1]]",
        message(id="1"),
        message(secret=None),
        message(secret="short"),
        message(submissions_api_url="file:///etc"),
        b"[" * 100_000,
        b" " * 2**21,
    ],
)
async def test_what_is_no_job_is_dropped_and_told(
    body: bytes, intake: AmqpIntake, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    held = arrive(intake, body)
    with caplog.at_level(logging.ERROR):
        assert await intake.claim(0) is None
    assert held.done.is_set()
    assert not site.asked
    assert "no job" in caplog.text


def test_broker_and_token_are_told_apart() -> None:
    environment = {"BROKER_URL": "amqp://u:p@h/v"}
    assert WorkerSettings.from_environment(environment).broker == "amqp://u:p@h/v"
    both = {**environment, "PODIUM_WORKER_SERVER": "http://s", "PODIUM_WORKER_TOKEN": "t"}
    assert WorkerSettings.from_environment(both).broker == "", "a queue's token says what is meant"
    assert WorkerSettings.from_environment(both, broker="amqp://u:p@h/w").broker == "amqp://u:p@h/w"
    with pytest.raises(SettingsError, match="amqp://"):
        WorkerSettings.from_environment({"BROKER_URL": "http://u:secret@h"})


def test_a_broker_s_password_is_not_shown() -> None:
    settings = WorkerSettings.from_environment({"BROKER_URL": "amqp://u:secret@h:5672/v"})
    assert "secret" not in repr(settings)
    assert without_password(settings.broker) == "amqp://h:5672/v"

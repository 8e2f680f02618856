"""Streams that are open are cut when what let their reader in has ended; each is read from the whole application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as site_settings
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token

from podium.site.accounts.models import ApiToken, User
from podium.site.accounts.services.deletion import delete_account
from podium.site.accounts.services.people import set_banned
from podium.site.accounts.services.tokens import create_token, revoke_plain_token, revoke_token
from podium.site.asgi import application
from podium.site.competitions.models import Competition, Participant
from podium.site.competitions.services.participation import set_participant_status, set_published
from podium.site.evaluation.models import Submission
from tests.site.acting import submit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]
BACKEND = "podium.site.accounts.backends.NameOrEmailBackend"


@pytest.fixture(autouse=True)
def _never_unasked(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Nobody looks unasked, so that what is cut was woken."""
    monkeypatch.setattr(settings.CONFIG, "wakeup_fallback_seconds", 600)


class Reader:
    """One stream as a browser or a script has it open."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        self.scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "server": ("testserver", 80),
            "client": ("127.0.0.1", 5000),
            "headers": [
                (b"host", b"testserver"),
                *((name.lower().encode(), value.encode()) for name, value in headers.items()),
            ],
        }
        self.status = 0
        self.text = b""
        self.heard = asyncio.Event()
        self.over = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()  # stays until the server ends it
        raise AssertionError

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.text += message.get("body", b"")
            if not message.get("more_body"):
                self.over.set()
        if b"data: " in self.text or self.status != 200:
            self.heard.set()


@asynccontextmanager
async def open_stream(path: str, **headers: str) -> AsyncIterator[Reader]:
    """A stream from which something has been read already."""
    reader = Reader(path, headers)
    task = asyncio.create_task(application(reader.scope, reader.receive, reader.send))  # type: ignore[arg-type]
    try:
        await reader.heard.wait()
        yield reader
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def session_of(person: User) -> tuple[Client, dict[str, str]]:
    """A browser that is logged in, and the headers that it sends."""
    browser = Client()
    browser.force_login(person, backend=BACKEND)
    name = site_settings.SESSION_COOKIE_NAME
    return browser, {"cookie": f"{name}={browser.cookies[name].value}"}


@pytest.fixture
def submission(competition: Competition, pat: User) -> Submission:
    return submit(pat, competition)


async def _cut(paths: list[str], headers: dict[str, str], act: Callable[[], Any]) -> None:
    """Open the streams, see them go on, act, and see them end."""
    for path in paths:
        async with open_stream(path, **headers) as reader:
            assert reader.status == 200, path
            assert not reader.over.is_set()
            await sync_to_async(act)()
            await reader.over.wait()


async def _paths(submission: Submission, *, both: bool = True) -> list[str]:
    of_competition = f"/api/competitions/{submission.phase.competition_id}/events/"
    return [f"/api/submissions/{submission.pk}/events/", *([of_competition] if both else [])]


async def test_a_stream_goes_on_while_nothing_has_ended(submission: Submission, pat: User, sam: User) -> None:
    _, headers = await sync_to_async(session_of)(pat)
    other, _ = await sync_to_async(session_of)(pat)
    for path in await _paths(submission):
        async with open_stream(path, **headers) as reader:
            # Another session of the same person ends, which wakes the reader, and a submission of theirs is made.
            await sync_to_async(other.logout)()
            before = reader.text
            await sync_to_async(submit)(pat, submission.phase)
            await Submission.objects.filter(pk=submission.pk).aupdate(status="Preparing", changed_when=timezone.now())
            await sync_to_async(_wake)(submission)
            while reader.text == before:
                await asyncio.sleep(0)
            assert not reader.over.is_set()
            await Submission.objects.filter(pk=submission.pk).aupdate(status="Submitted", changed_when=timezone.now())


def _wake(submission: Submission) -> None:
    from podium.site.evaluation import wakeups  # noqa: PLC0415

    wakeups.tell(wakeups.submission_topic(submission.pk))
    wakeups.tell(wakeups.competition_topic(submission.phase.competition_id))


@pytest.mark.parametrize("which", [0, 1], ids=["submission", "competition"])
async def test_a_stream_ends_with_the_session(which: int, submission: Submission, pat: User) -> None:
    browser, headers = await sync_to_async(session_of)(pat)
    path = (await _paths(submission))[which]
    await _cut([path], headers, lambda: browser.post("/accounts/logout/"))
    async with open_stream(path, **headers) as again:
        assert again.status in {200, 404}, "it is a stranger's now"
        assert again.status == 404 or which == 1


@pytest.mark.parametrize("which", [0, 1], ids=["submission", "competition"])
async def test_a_stream_ends_with_the_token(which: int, submission: Submission, pat: User) -> None:
    path = (await _paths(submission))[which]
    row, secret = await sync_to_async(create_token)(user=pat, name="script", scope="read")
    await _cut([path], {"authorization": f"Bearer {secret}"}, lambda: revoke_token(user=pat, pk=row.pk))
    plain = await Token.objects.acreate(user=pat)
    await _cut([path], {"authorization": f"Token {plain.key}"}, lambda: revoke_plain_token(user=pat))

    def expire() -> None:
        ApiToken.objects.filter(pk=other.pk).update(expires_when=timezone.now() - timedelta(seconds=1))
        _wake(submission)  # nobody is told of the time; the next look sees it

    other, secret = await sync_to_async(create_token)(user=pat, name="script", scope="read")
    await _cut([path], {"authorization": f"Bearer {secret}"}, expire)


@pytest.mark.parametrize("which", [0, 1], ids=["submission", "competition"])
@pytest.mark.parametrize("by", ["session", "token"])
async def test_a_stream_ends_for_who_is_banned(
    which: int, by: str, submission: Submission, pat: User, ada: User
) -> None:
    _, headers = await sync_to_async(session_of)(pat)
    if by == "token":
        token = await Token.objects.acreate(user=pat)
        headers = {"authorization": f"Token {token.key}"}
    path = (await _paths(submission))[which]
    await _cut([path], headers, lambda: set_banned(user=pat, by=ada, banned=True))
    async with open_stream(path, **headers) as again:
        assert again.status == 403


@pytest.mark.parametrize("which", [0, 1], ids=["submission", "competition"])
async def test_a_stream_ends_with_the_account(which: int, submission: Submission, pat: User) -> None:
    _, headers = await sync_to_async(session_of)(pat)
    await _cut([(await _paths(submission))[which]], headers, lambda: delete_account(user=pat))


@pytest.mark.parametrize("which", [0, 1], ids=["submission", "competition"])
async def test_a_stream_ends_with_the_right(which: int, submission: Submission, sam: User, olivia: User) -> None:
    """What sam, a stranger, may see while the competition is published and the submission public."""
    await Submission.objects.filter(pk=submission.pk).aupdate(is_public=True)
    _, headers = await sync_to_async(session_of)(sam)
    competition = submission.phase.competition

    def hide() -> None:
        set_published(competition=competition, by=olivia, published=False)

    path = (await _paths(submission))[which]
    await _cut([path], headers, hide)
    async with open_stream(path, **headers) as again:
        assert again.status == 404


async def test_the_stream_of_a_hidden_competition_ends_for_who_is_denied(
    submission: Submission, pat: User, olivia: User
) -> None:
    competition = submission.phase.competition
    await Competition.objects.filter(pk=competition.pk).aupdate(published=False)
    _, headers = await sync_to_async(session_of)(pat)
    participant = await Participant.objects.select_related("competition", "user").aget(user=pat)

    def deny() -> None:
        set_participant_status(participant=participant, by=olivia, status="denied")

    async with open_stream(f"/api/competitions/{competition.pk}/events/", **headers) as reader:
        await sync_to_async(deny)()
        await reader.over.wait()
        assert b'"reason": "not_visible"' in reader.text

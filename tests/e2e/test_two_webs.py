"""Two web processes of one site: what is done at one wakes those who wait at the other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from podium.protocol import Beat, Claim, Frame, Job, Outcome, Phase, Score, Stream
from podium.protocol import Step as JobStep

from . import bundles
from .conftest import MakePlatform
from .people import Person, sign_up
from .running import Platform, free_port, own_database

pytestmark = [pytest.mark.slow, pytest.mark.service, pytest.mark.xdist_group("e2e-two-webs")]

NEVER = {"PODIUM_WAKEUP_FALLBACK_SECONDS": "600"}
"""Nobody looks unasked, so that what arrives was told."""
PATIENCE = 60.0


@pytest.fixture(params=["postgresql", "redis"], scope="module")
def platform(request: pytest.FixtureRequest, new_platform: MakePlatform) -> Iterator[Platform]:
    """On PostgreSQL, with a second web server beside the first; wake-ups by the database or by Redis."""
    with own_database() as url:
        redis = {"REDIS_URL": "redis://127.0.0.1:6379"} if request.param == "redis" else {}
        made = new_platform(database_url=url, settings={**NEVER, **redis})
        made.start(workers=0)
        made.other_port = free_port()  # type: ignore[attr-defined]
        made.start_web("web-2", made.other_port)  # type: ignore[attr-defined]
        yield made
        made.stop()


def _other(platform: Platform) -> str:
    return f"http://127.0.0.1:{platform.other_port}"  # type: ignore[attr-defined]


class _Watcher:
    """Reads a submission's stream at the second web server, as a browser does."""

    def __init__(self, platform: Platform, person: Person, submission: int) -> None:
        self._url = f"{_other(platform)}/api/submissions/{submission}/events/"
        self._headers = {"Authorization": f"Token {person.client.token}"}
        self.open = threading.Event()
        self.seen: list[tuple[str, dict[str, object]]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        timeout = httpx.Timeout(30, read=PATIENCE)
        with httpx.stream("GET", self._url, headers=self._headers, timeout=timeout) as answer:
            name = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    with self._changed:
                        self.seen.append((name, json.loads(line.removeprefix("data: "))))
                        self._changed.notify_all()

    def until(self, name: str, **facts: object) -> dict[str, object]:
        """Wait for an event of that name and with those facts."""

        def found() -> dict[str, object] | None:
            return next((d for n, d in self.seen if n == name and facts.items() <= d.items()), None)

        with self._changed:
            assert self._changed.wait_for(found, PATIENCE), f"no {name} {facts}, only {self.seen}"
        event = found()
        assert event is not None
        return event


def _claim(platform: Platform, url: str, answers: list[Job]) -> threading.Thread:
    """A worker that waits for a job at one of the web servers."""

    def ask() -> None:
        headers = {"Authorization": f"Bearer {platform.worker_token}"}
        claim = Claim(worker="double", wait=60)
        answer = httpx.post(f"{url}/api/worker/claim", content=claim.model_dump_json(), headers=headers, timeout=90)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        answers.append(Job.model_validate_json(answer.content))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    return thread


def _say(url: str, job: Job, verb: str, message: Beat | Outcome) -> None:
    headers = {"Authorization": f"Bearer {job.token}"}
    path = f"{url}/api/worker/attempts/{job.attempt}/{verb}"
    answer = httpx.post(path, content=message.model_dump_json(), headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("claims_at_first", [True, False], ids=["claims at the first", "claims at the second"])
def test_one_submits_at_one_and_watches_at_the_other(platform: Platform, tmp_path: Path, claims_at_first: bool) -> None:
    olivia, pat = (sign_up(platform, f"{name}{int(claims_at_first)}") for name in ("olivia", "pat"))
    folder = bundles.bundle(tmp_path / "bundle", "Two webs", image=platform.image)
    competition = olivia.publish(folder)
    pat.take_part(competition)
    worker_at, tells = (platform.url, _other(platform)) if claims_at_first else (_other(platform), platform.url)
    jobs: list[Job] = []
    waiting = _claim(platform, worker_at, jobs)
    submission = pat.submit(competition, bundles.write(tmp_path / "answer", {"answer.txt": "0.5"}))
    waiting.join(PATIENCE)
    (job,) = jobs
    watcher = _Watcher(platform, pat, submission.id)
    watcher.until("status", status="Preparing")
    frame = Frame.model_construct(stream=Stream.STDOUT, offset=0, data=b"told at the other\n")
    _say(tells, job, "beat", Beat(phase=Phase.RUNNING, frames=[frame]))
    watcher.until("log", text="told at the other\n")
    assert job.step is JobStep.SCORING
    httpx.put(job.output_url if "://" in job.output_url else f"{tells}{job.output_url}", content=_EMPTY_ZIP)
    scores = {job.columns[0]: Score(value=0.5, text="0.5")}
    _say(tells, job, "finish", Outcome(scores=scores, output_uploaded=True))
    watcher.until("end", status="Finished")
    for one in (olivia, pat):
        one.client.close()


_EMPTY_ZIP = b"PK\x05\x06" + b"\0" * 18

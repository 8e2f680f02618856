"""How the tests of the site act: upload and submit as a participant, claim and finish as a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django_tasks_db.models import DBTaskResult

from podium.protocol import Beat, BeatAnswer, Claim, Failure, Frame, Job, Outcome, Phase, Score, Stream
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.competitions.models import Phase as CompetitionPhase
from podium.site.evaluation import services
from podium.site.evaluation.jobs import job_for
from podium.site.evaluation.models import Submission
from podium.site.queues.models import Queue
from podium.site.resources import grants, storage
from podium.site.resources.models import Dataset
from podium.site.resources.services import announce_upload
from tests.factories import RESULT, dataset, zip_of

OUTPUT = zip_of({"scores.json": "{}"})


def scores(**values: float) -> dict[str, Score]:
    """Scores as a worker reports them."""
    return {key: Score(value=value, text=repr(value)) for key, value in values.items()}


def phase_of(competition: Competition, index: int = 0) -> CompetitionPhase:
    """A phase as the site fetches it for a submission."""
    return CompetitionPhase.objects.select_related("competition", "leaderboard").get(
        competition=competition, index=index
    )


def put(url_or_key: str, content: bytes) -> None:
    """Upload what a PUT address takes."""
    key = grants.read(url_or_key.rsplit("/", 1)[-1]).key if "/files/" in url_or_key else url_or_key
    incoming = storage.receive(key)
    incoming.write(content)
    incoming.commit()


def uploaded(user: User, content: bytes, *, type: str = "submission", file_name: str = "answer.zip") -> Dataset:
    """A dataset whose file has arrived and is not sealed yet, as before `completed`."""
    made = announce_upload(user=user, type=type, file_name=file_name, size=max(1, len(content)))
    put(made.incoming_key, content)
    return made


def submit(user: User, where: Competition | CompetitionPhase, content: bytes = RESULT, **more: Any) -> Submission:
    """Submit to a phase, or to the first phase of a competition."""
    phase = phase_of(where) if isinstance(where, Competition) else where
    return services.submit(user=user, phase=phase, data=dataset(user, content), **more)


def fresh(submission: Submission) -> Submission:
    """The submission as it is in the database now."""
    return Submission.objects.select_related("phase__competition", "phase__leaderboard").get(pk=submission.pk)


class WorkerDouble:
    """Claims, beats and finishes as a worker would, through the services."""

    def __init__(self, queue: Queue, name: str = "worker-1") -> None:
        self.queue = queue
        self.name = name

    def claim(self) -> Job | None:
        """The next job, None when nothing waits."""
        claimed = services.claim_run(queue=self.queue, claim=Claim(worker=self.name, wait=0))
        return job_for(*claimed) if claimed else None

    def job(self) -> Job:
        """The next job, which must be there."""
        job = self.claim()
        assert job is not None, "no run waits in the queue"
        return job

    def beat(self, job: Job, phase: str = "running", frames: Iterable[Frame] = ()) -> BeatAnswer:
        """Renew the lease and hand over output."""
        return services.beat(
            attempt_id=job.attempt, token=job.token, message=Beat(phase=Phase(phase), frames=list(frames))
        )

    def finish(
        self,
        job: Job,
        given: Mapping[str, Score] | None = None,
        *,
        failure: Failure | None = None,
        output: bool = True,
        **more: Any,
    ) -> None:
        """Upload an output and report the end."""
        if output:
            put(job.output_url, OUTPUT)
        outcome = Outcome(scores=dict(given or {}), failure=failure, output_uploaded=output, **more)
        services.finish(attempt_id=job.attempt, token=job.token, outcome=outcome)

    def work_off(self, **values: float) -> int:
        """Finish everything that waits, each scoring with these scores; returns how many jobs there were."""
        count = 0
        while (job := self.claim()) is not None:
            self.finish(job, scores(**values) if job.step == "scoring" else None)
            count += 1
        return count


def frame(text: str, offset: int = 0, stream: Stream = Stream.STDOUT) -> Frame:
    """A frame of output."""
    return Frame.model_construct(stream=stream, offset=offset, data=text.encode())


def files_in(folder: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def background() -> int:
    """Do all background tasks that wait, as the site-worker does; returns how many there were."""
    done = 0
    while (waiting := DBTaskResult.objects.ready().first()) is not None:
        waiting.claim("the tests")
        arguments = waiting.args_kwargs
        waiting.set_successful(waiting.task.call(*arguments["args"], **arguments["kwargs"]))
        done += 1
    return done


def shape(answer: Any) -> Any:
    """Codabench's part of a refusal: its body without the code and the hint that Podium puts beside."""
    body = answer.json()
    return (
        {key: value for key, value in body.items() if key not in {"code", "hint"}} if isinstance(body, dict) else body
    )

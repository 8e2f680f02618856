"""The job message: a Celery task of one argument, the "run args" of Codabench's worker.

Absent things are absent keys. The worker reads all of its PUT addresses without asking whether they are there, so they
always are; they lead to the attempt's own files, and nothing counts before the attempt is settled. Scoring is
published only when the prediction's output is stored, so that no worker fetches what has not arrived.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from podium.protocol import FileRef, Job, Step, Stream
from podium.site.evaluation.codabench_worker.outputs import MAX_LOG_FILE
from podium.site.evaluation.codabench_worker.services import Offer
from podium.site.evaluation.jobs import job_for
from podium.site.evaluation.models import Delivery
from podium.site.resources import grants

TASK = "compute_worker_run"
QUEUE = "compute-worker"
MAX_PRIORITY = 10
_SOFT_EXTRA_SECONDS = 1200
"""What Codabench adds to the time limit for Celery's own soft limit."""


@dataclass(frozen=True)
class Message:
    """What is published: a body, headers, and the priority in the broker."""

    message_id: uuid.UUID
    body: tuple[list[Any], dict[str, Any], dict[str, None]]
    headers: Mapping[str, Any]
    priority: int


def message_for(offer: Offer) -> Message:
    """The message of an offer. Raises LookupError when a file that the job needs is gone."""
    attempt = offer.delivery.attempt
    config = settings.CONFIG
    waits = config.broker_start_seconds + config.broker_preparing_seconds + config.broker_grace_seconds
    job = job_for(attempt, "", offer.limit, waits=waits + config.broker_upload_seconds)
    run_args = _run_args(job, offer)
    name = str(offer.delivery.message_id)
    headers = {
        "lang": "py",
        "task": TASK,
        "id": name,
        "root_id": name,
        "parent_id": None,
        "group": None,
        "timelimit": [None, int(offer.limit) + _SOFT_EXTRA_SECONDS],
        # Celery repeats the arguments here for monitors; these hold a secret and signed addresses.
        "argsrepr": f"({{'id': {run_args['id']}, 'is_scoring': {run_args['is_scoring']}}},)",
        "kwargsrepr": "{}",
        "origin": f"{os.getpid()}@{socket.gethostname()}",
        "retries": 0,
        "eta": None,
        "expires": None,
        "ignore_result": True,
    }
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    priority = MAX_PRIORITY if job.step is Step.SCORING else 0
    return Message(offer.delivery.message_id, ([run_args], {}, embed), headers, priority)


def _run_args(job: Job, offer: Offer) -> dict[str, Any]:
    submission = offer.delivery.attempt.run.submission
    scoring = job.step is Step.SCORING
    args: dict[str, Any] = {
        "user_pk": submission.owner_id,
        "submissions_api_url": grants.absolute_url("/api"),
        "secret": offer.secret,  # kombu writes it as its typed UUID, as the worker expects it
        "docker_image": job.image,
        "execution_time_limit": int(offer.limit),
        "id": submission.pk,
        "is_scoring": scoring,
        "ingestion_only_during_scoring": job.ingestion_only_during_scoring,
        "program_data": _address(job.program),
        **_logs(offer.delivery, scoring),
    }
    parts = {"ingestion_program": job.ingestion_program, "input_data": job.input_data}
    if scoring:
        parts |= {"reference_data": job.reference_data, "prediction_result": job.results}
        args["scoring_result"] = grants.absolute_url(job.output_url)
        if job.detailed_results_url:
            args["detailed_results_url"] = grants.absolute_url(job.detailed_results_url)
    else:
        args["prediction_result"] = grants.absolute_url(job.output_url)
    return args | {name: _address(part) for name, part in parts.items() if part is not None}


def _address(file: FileRef) -> str:
    return grants.absolute_url(file.url)


def _logs(delivery: Delivery, scoring: bool) -> dict[str, str]:
    step, config = "scoring" if scoring else "prediction", settings.CONFIG
    seconds = config.broker_start_seconds + config.max_execution_seconds + config.broker_preparing_seconds
    return {
        f"{step}_{stream.value}": grants.upload_url(
            delivery.log_key(stream), max_bytes=MAX_LOG_FILE, seconds=seconds, absolute=True
        )
        for stream in Stream
    }

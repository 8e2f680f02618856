"""Many submissions at once: their rows as CSV, their files in one zip, both made while they are sent."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from podium.protocol import Step
from podium.site.evaluation import policies
from podium.site.evaluation.models import Run, Submission
from podium.site.resources import storage
from podium.site.resources.models import StoredFile
from podium.site.spreadsheets import plain
from podium.site.streamed_zip import Member, safe_name
from podium.site.threads import pieces

PIECE = 200
"""Rows that are read at once."""


class Part(StrEnum):
    """What of a submission a zip may hold."""

    SUBMISSION = "submission"
    PREDICTION_RESULT = "prediction_result"
    SCORING_RESULT = "scoring_result"


def in_pieces(rows: QuerySet[Submission]) -> Iterator[list[Submission]]:
    """All rows, newest first, some at a time; what comes or goes meanwhile moves no other."""
    found = list(rows.order_by("-pk")[:PIECE])
    while found:
        yield found
        found = list(rows.filter(pk__lt=found[-1].pk).order_by("-pk")[:PIECE])


def as_csv(rows: QuerySet[Submission], user: Any) -> Iterator[bytes]:
    """Codabench's six columns; the name of a file is empty where `user` may not have it."""
    told = policies.file_told_to(user)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Submission ID", "File Name", "Owner", "Created When", "Status", "Phase"])
    yield text.getvalue().encode()
    for piece in in_pieces(rows.select_related("data", "owner", "phase")):
        text.seek(0)
        text.truncate()
        named = set(Submission.objects.filter(told, pk__in=[one.pk for one in piece]).values_list("pk", flat=True))
        for one in piece:
            name = plain(one.file_name) if one.pk in named else ""
            when = one.created_when.isoformat().replace("+00:00", "Z")
            names = [name, plain(one.owner.username), when, one.status, plain(one.phase.name)]
            writer.writerow([one.pk, *names])
        yield text.getvalue().encode()


def attached(content: Iterator[bytes], kind: str, name: str) -> StreamingHttpResponse:
    """A file that is made while it is sent."""
    response = StreamingHttpResponse(pieces(content), content_type=kind, headers={"Cache-Control": "no-store"})
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    return response


def file_name(submission: Submission) -> str:
    """What the downloaded file of a submission is called (Codabench's pattern)."""
    when = submission.created_when.strftime("%Y-%m-%d:%M-%S")
    return f"{submission.pk}_{submission.owner.username}_PhaseId{submission.phase_id}_{when}_{submission.file_name}"


def members(rows: QuerySet[Submission], user: Any, parts: Collection[Part]) -> Iterator[Member]:
    """The files of submissions that `user` may have, for a zip; what is gone is named in a list at its end.

    rows: whole submissions. parts: what of each; more than one of them share a folder.
    """
    missing: list[str] = []
    rows = rows.select_related("phase__competition", "phase__leaderboard", "owner", "data__data_file")
    for piece in in_pieces(rows.prefetch_related("phase__competition__collaborators")):
        outputs = _outputs(piece) if set(parts) != {Part.SUBMISSION} else {}
        for submission in piece:
            rights = policies.output_rights(user, submission)
            base = safe_name(file_name(submission), otherwise=str(submission.pk))
            alone = len(parts) == 1 and not submission.has_children
            if Part.SUBMISSION in parts and rights.submission_file:
                file = submission.data.data_file if submission.data else None
                folder = "" if len(parts) == 1 else f"{base}/"
                yield from _member(submission, f"{folder}{base}", file, missing)
            for part, leaf, file in outputs.get(submission.pk, ()):
                allowed = rights.prediction_output if part is Part.PREDICTION_RESULT else rights.score_output
                if part in parts and allowed:
                    of_task = "" if leaf == submission.pk else f"_{leaf}"
                    name = f"{base}_{part}.zip" if alone else f"{base}/{part}{of_task}.zip"
                    yield from _member(submission, name, file, missing)
    if missing:
        yield Member("MISSING.txt", timezone.now(), ["\n".join(missing).encode() + b"\n"])


def _outputs(piece: Sequence[Submission]) -> dict[int, list[tuple[Part, int, StoredFile]]]:
    """Of each submission the outputs of its runs, or of its parts' runs: which, whose, and the file."""
    by_step = {Step.PREDICTION: Part.PREDICTION_RESULT, Step.SCORING: Part.SCORING_RESULT}
    runs = Run.objects.filter(Q(submission__in=piece) | Q(submission__parent__in=piece), output__isnull=False)
    found: dict[int, list[tuple[Part, int, StoredFile]]] = {}
    for run in runs.select_related("submission", "output").order_by("submission", "pk"):
        assert run.output is not None  # noqa: S101 - filtered above
        whole = run.submission.parent_id or run.submission_id
        found.setdefault(whole, []).append((by_step[Step(run.step)], run.submission_id, run.output))
    return found


def _member(submission: Submission, name: str, file: StoredFile | None, missing: list[str]) -> Iterator[Member]:
    if file is None:
        missing.append(f"{name}: the file was deleted")
        return
    try:
        stream = storage.open_file(file)
    except FileNotFoundError:
        missing.append(f"{name}: the file was deleted")  # after the row was read
        return
    with stream:
        yield Member(name, submission.created_when, iter(lambda: stream.read(storage.CHUNK), b""), packed=True)

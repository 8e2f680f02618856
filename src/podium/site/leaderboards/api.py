"""Boards in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import permissions, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from podium.ranking.display import round_score
from podium.site import conditional
from podium.site.accounts.api_organizations import OrganizationLinkSerializer
from podium.site.api_fields import ID_REGEX, Cap
from podium.site.competitions import policies as competitions
from podium.site.competitions.models import Phase
from podium.site.evaluation.api import visible_phase
from podium.site.leaderboards import queries, stamps
from podium.site.leaderboards.cells import Cell
from podium.site.leaderboards.history import NoSuchMoment, PastBoard, board_at, read_moment
from podium.site.leaderboards.noise import within_noise
from podium.site.leaderboards.queries import Board, Row
from podium.site.threads import pieces


class PhaseBoardViewSet(viewsets.GenericViewSet[Phase]):
    """The leaderboard of a phase."""

    queryset = Phase.objects.none()
    permission_classes = (permissions.AllowAny,)
    lookup_value_regex = ID_REGEX

    @extend_schema(
        parameters=[
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int),
            OpenApiParameter("as_of", OpenApiTypes.DATETIME, description="the board as it was at that moment"),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    @action(detail=True, methods=["get"])
    def get_leaderboard(self, request: Request, pk: str) -> Response | StreamingHttpResponse:
        """The board's rows in the order of their ranks; `count` and `pages` are Podium's own.

        All of them, as in Codabench, unless `page` and `page_size` (1000 at most) ask for some. With `as_of` the board
        as it was, in pages: who was deleted, banned or turned away since has a rank and no name.
        """
        phase = visible_phase(request.user, int(pk))
        paged = bool({"page", "page_size"} & set(request.query_params))
        size, page = _int(request, "page_size", Cap.most), _int(request, "page", 1)
        asked = request.query_params.get("as_of")
        tag = None if asked else _tag(request, phase)
        known = None if tag is None else conditional.not_modified(request, tag)
        if known is not None:
            return known
        board: Board | None
        if asked:
            paged = True
            try:
                board = board_at(phase, request.user, read_moment(asked), page, min(size, Cap.most))
            except NoSuchMoment as problem:
                raise ValidationError({"as_of": [str(problem)]}) from problem
        else:
            board = queries.board(phase, request.user, page=page, per_page=min(size, Cap.most))
        if board is None:
            raise Http404
        answer: Response | StreamingHttpResponse
        if paged or board.pages == 1:
            answer = Response(as_codabench(board))
        else:
            answer = StreamingHttpResponse(pieces(_whole(board, request.user)), content_type="application/json")
        return answer if tag is None else conditional.tagged(answer, tag)


def _tag(request: Request, phase: Phase) -> str | None:
    """The tag of the board as it is now; None where the caller sees none."""
    board = queries.visible_board(request.user, phase)
    if board is None:
        return None
    board.competition = phase.competition
    organizer = competitions.can_administer(request.user, phase.competition)
    asked = ["phase", *sorted(request.query_params.items())]
    only = Phase.objects.filter(pk=phase.pk)
    return conditional.weak_tag(stamps.stamp(board, only, organizer=organizer, asked=asked))


def _int(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return max(1, int(text)) if text.isdecimal() and len(text) < 10 else default


def _whole(board: Board, user: Any) -> Iterator[bytes]:
    """A large board in Codabench's shape, all rows, in pieces."""
    head, tail = json.dumps(as_codabench(replace(board, rows=[], page=1, pages=1)), cls=JSONEncoder).split(
        '"submissions": []'
    )
    yield f'{head}"submissions": ['.encode()
    comma = ""
    for rows in queries.all_rows(board, user):
        noise = within_noise(board, rows)
        yield (comma + ", ".join(json.dumps(_row(row, board, noise), cls=JSONEncoder) for row in rows)).encode()
        comma = ", "
    yield f"]{tail}".encode()


def as_codabench(board: Board) -> dict[str, Any]:
    """A board in Codabench's shape; of a board of the past also its moment, and since when the record is complete."""
    then = {"as_of": board.moment, "complete_since": board.incomplete_before} if isinstance(board, PastBoard) else {}
    noise = set() if then else within_noise(board)
    return {
        **then,
        "title": board.leaderboard.title,
        "id": board.phase.pk,
        "submissions": [_row(row, board, noise) for row in board.rows],
        "tasks": [
            {
                "name": group.task.name if group.task else "",
                "id": group.task.pk if group.task else -2,
                "colWidth": len(group.columns),
                "columns": [
                    {
                        "id": column.pk,
                        "title": column.title,
                        "key": column.key,
                        "index": column.index,
                        "sorting": column.sorting,
                        "precision": column.precision,
                        "hidden": column.hidden,
                    }
                    for column in group.columns
                ],
            }
            for group in board.groups
        ],
        "fact_sheet_keys": [list(pair) for pair in board.fact_keys] or None,
        "primary_index": board.leaderboard.primary_index,
        "count": board.count,
        "page": board.page,
        "pages": board.pages,
    }


def _row(row: Row, board: Board, noise: set[int]) -> dict[str, Any]:
    if not row.owner_name:
        return {**dict.fromkeys(_FIELDS), "rank": row.rank, "scores": [], "detailed_results": []}  # removed since
    answers = row.entry.submission.fact_sheet_answers
    return {
        "id": row.submission_id,
        "within_noise": row.submission_id in noise,
        "rank": row.rank,
        "owner": row.owner_name,
        "scores": [
            {
                "id": cell.score_id,
                "index": cell.column.index,
                "score": str(round_score(cell.value, cell.column.precision)),
                "column_key": cell.column.key,
                "task_id": cell.task.pk if cell.task else None,
                **_uncertainty(cell),
            }
            for cell in row.cells
            if cell.value is not None
        ],
        "detailed_results": [{"task": task, "id": submission} for task, submission in row.detailed],
        "fact_sheet_answers": answers if board.may_administer else queries.facts_for_all(board.phase, answers),
        "slug_url": f"/profiles/user/{row.entry.owner.username}/",
        "organization": row.organization and OrganizationLinkSerializer(row.organization).data,
        "created_when": row.created_when,
    }


_FIELDS = ("id", "within_noise", "rank", "owner", "fact_sheet_answers", "slug_url", "organization", "created_when")


def _uncertainty(cell: Cell) -> dict[str, Any]:
    """The fields of a score that has an interval; others keep Codabench's shape."""
    interval = cell.interval
    return {} if interval is None else {"low": interval.low, "high": interval.high, "interval": interval.source}

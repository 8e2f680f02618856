"""Leaderboards by themselves in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import permissions, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site import conditional
from podium.site.api_fields import ID_REGEX, Cap
from podium.site.competitions import policies as competitions
from podium.site.errors import Forbidden
from podium.site.evaluation.api_shapes import ScoreSerializer
from podium.site.evaluation.models import Run, Submission
from podium.site.leaderboards import queries, stamps
from podium.site.leaderboards.models import Entry, Leaderboard, Score
from podium.site.resources.grants import download_url

ROW: dict[str, serializers.Field[Any, Any, Any, Any]] = {
    "id": serializers.IntegerField(),
    "parent": serializers.IntegerField(allow_null=True),
    "owner": serializers.CharField(),
    "leaderboard_id": serializers.IntegerField(),
    "fact_sheet_answers": serializers.DictField(allow_null=True),
    "task": serializers.IntegerField(allow_null=True),
    "scores": ScoreSerializer(many=True),
    "display_name": serializers.CharField(),
    "slug_url": serializers.CharField(),
    "organization": serializers.DictField(allow_null=True),
    "detailed_result": serializers.URLField(allow_null=True),
    "created_when": serializers.DateTimeField(),
}


class LeaderboardViewSet(viewsets.GenericViewSet[Leaderboard]):
    """What stands on a leaderboard, in all phases that use it."""

    queryset = Leaderboard.objects.none()
    permission_classes = (permissions.AllowAny,)
    pagination_class = Cap
    filter_backends = ()
    lookup_value_regex = ID_REGEX

    @extend_schema(responses={200: {"type": "array", "items": {"type": "object"}}})
    def list(self, request: Request) -> Response:
        """Always empty, as in Codabench: leaderboards are listed with their competition."""
        return Response([])

    @extend_schema(
        responses=inline_serializer(
            "LeaderboardSubmissions", {"submissions": inline_serializer("LeaderboardSubmission", ROW, many=True)}
        ),
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """The submissions on a leaderboard, phase by phase in the order of their ranks; a part for each task.

        200 entries unless `page_size` (1000 at most) says otherwise, with `page` for further ones.
        """
        boards = Leaderboard.objects.filter(competition__in=competitions.visible_to(request.user))
        board = get_object_or_404(boards.select_related("competition"), pk=pk)
        organizer = competitions.can_administer(request.user, board.competition)
        if board.hidden and not organizer:
            if not request.user.is_authenticated:
                raise Http404
            raise Forbidden("This leaderboard is hidden.")
        asked = sorted(request.query_params.items())
        tag = conditional.weak_tag(stamps.stamp(board, board.phases.all(), organizer=organizer, asked=asked))
        if (known := conditional.not_modified(request, tag)) is not None:
            return known
        entries = Entry.objects.filter(leaderboard=board).order_by("phase__index", "phase", "sort_key")
        rows: Any = entries.select_related("submission", "owner", "phase__competition")
        found: Any = self.paginate_queryset(rows) or []
        return conditional.tagged(Response({"submissions": _rows(board, found, organizer)}), tag)


def _rows(board: Leaderboard, entries: Sequence[Entry], organizer: bool) -> list[dict[str, Any]]:
    wholes = [entry.submission_id for entry in entries]
    parts: dict[int, list[Submission]] = defaultdict(list)
    for part in Submission.objects.filter(parent__in=wholes).order_by("pk"):
        parts[part.parent_id or 0].append(part)
    leaves = [leaf.pk for entry in entries for leaf in parts[entry.submission_id] or [entry.submission]]
    columns = board.columns.all() if organizer else board.columns.filter(hidden=False)
    scores: dict[int, list[Score]] = defaultdict(list)
    rows = Score.objects.filter(submission__in=leaves, column__in=columns).select_related("column")
    for score in rows.order_by("column__index"):
        scores[score.submission_id].append(score)
    reports = _reports(entries, organizer)
    return [
        {
            "id": leaf.pk,
            "parent": leaf.parent_id,
            "owner": entry.owner.username,
            "leaderboard_id": board.pk,
            "fact_sheet_answers": leaf.fact_sheet_answers
            if organizer
            else queries.facts_for_all(entry.phase, leaf.fact_sheet_answers),
            "task": leaf.task_id,
            "scores": ScoreSerializer(scores[leaf.pk], many=True).data,
            "display_name": entry.owner.shown_name,
            "slug_url": f"/profiles/user/{entry.owner.username}/",
            "organization": None,
            "detailed_result": reports.get(leaf.pk),
            "created_when": leaf.submitted_when,
        }
        for entry in entries
        for leaf in parts[entry.submission_id] or [entry.submission]
    ]


def _reports(entries: Sequence[Entry], organizer: bool) -> dict[int, str]:
    """Short-lived addresses of the detailed results that the board links to, by submission."""
    shown: set[int] = set()
    for phase in {entry.phase_id: entry.phase for entry in entries}.values():
        of_phase = [entry for entry in entries if entry.phase_id == phase.pk]
        for links in queries.detailed_of(phase, of_phase, organizer).values():
            shown.update(submission for _, submission in links)
    runs = Run.objects.filter(submission__in=shown, detailed_results__isnull=False).select_related("detailed_results")
    return {
        run.submission_id: download_url(
            run.detailed_results, name="detailed_results.html", content_type="text/html", absolute=True
        )
        for run in runs.order_by("pk")
        if run.detailed_results
    }

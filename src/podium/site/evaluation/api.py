"""Submissions in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

import builtins
from contextlib import AbstractContextManager
from typing import Any

from django.db.models import Case, Prefetch, QuerySet, Value, When
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django_filters import FilterSet, ModelChoiceFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import exceptions, permissions, renderers, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site import conditional
from podium.site.accounts.authentication import refuse_narrower_for_others
from podium.site.accounts.models import Organization
from podium.site.api_fields import (
    ID_REGEX,
    MAX_ID,
    Cap,
    caller,
    refuse_change_by_reading,
    search_text,
    wants,
)
from podium.site.competitions import policies as competitions
from podium.site.competitions.api_serializers import LeaderboardSerializer
from podium.site.competitions.models import Competition, Phase
from podium.site.errors import Forbidden, Refused
from podium.site.evaluation import downloads, log_links, policies, queries, services
from podium.site.evaluation.api_shapes import (
    CAN,
    DETAILS,
    SubmissionCreatedSerializer,
    SubmissionCreateSerializer,
    SubmissionSerializer,
    TaskKeySerializer,
    Viewer,
)
from podium.site.evaluation.downloads import Part
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import deletion, reruns
from podium.site.fetching import KeysFirst, Merged
from podium.site.idempotency import keeping
from podium.site.leaderboards import services as leaderboards
from podium.site.resources import grants
from podium.site.resources import policies as resource_policies
from podium.site.resources.models import Dataset, Task, TaskVersion
from podium.site.streamed_zip import zipped

_KEYS_SCHEMA = {"application/json": {"type": "array", "items": {"type": "integer"}, "maxItems": 1000}}
_FOUND_ITEM = inline_serializer(
    "DownloadItem", {"name": serializers.CharField(), "url": serializers.URLField()}, many=True
)
_PKS = inline_serializer(
    "SubmissionNumbers", {"pks": serializers.ListField(child=serializers.IntegerField(), max_length=1000)}
)
_ZIP_REQUEST = inline_serializer(
    "SubmissionZip",
    {
        "pks": serializers.ListField(child=serializers.IntegerField(), max_length=1000),
        "include": serializers.ListField(
            child=serializers.ChoiceField([part.value for part in Part]), required=False, max_length=len(Part)
        ),
    },
)
_SHOW_DELETED = OpenApiParameter(
    "show_is_soft_deleted",
    bool,
    description="also those that their owner has deleted, for the owner and the organizers",
)
_SEARCH = OpenApiParameter("search", str, description="each word in the file's name, description, name or owner")
_FOR_CHANGE = (
    "phase__competition__queue",
    "owner",
    "data",
    "task",
    "parent__phase__competition__queue",
    "parent__data",
)


class CsvRenderer(renderers.BaseRenderer):
    """Lets `?format=csv` and `.csv` through; the rows are written by `downloads`."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """A refusal, which is JSON in any format."""
        return renderers.JSONRenderer().render(data)


def _organization(pk: int | None) -> Organization | None:
    """The organization to submit as; whether the user may is settled by the use case."""
    if pk is None:
        return None
    found = Organization.objects.filter(pk=pk).first()
    if found is None:
        raise exceptions.NotFound("No organization has this id.")
    return found


class SubmissionFilter(FilterSet):
    """The list's filters; a competition or phase that the caller does not see is refused like one that is not there."""

    phase__competition = ModelChoiceFilter(
        queryset=lambda request: competitions.visible_to(request.user), method="of_competition"
    )
    phase = ModelChoiceFilter(
        queryset=lambda request: Phase.objects.filter(competition__in=competitions.visible_to(request.user))
    )

    class Meta:
        model = Submission
        fields = ["phase__competition", "phase", "status", "is_soft_deleted"]

    def of_competition(self, rows: QuerySet[Submission], name: str, competition: Competition) -> QuerySet[Submission]:
        """Those of the competition's phases, asked for by their ids: for a phase there is an index."""
        return rows.filter(phase__in=[phase.pk for phase in competition.phases.all()])


class SubmissionViewSet(viewsets.GenericViewSet[Submission]):
    """Submissions: make, follow, cancel, read."""

    queryset = Submission.objects.none()
    permission_classes = (permissions.IsAuthenticatedOrReadOnly,)
    serializer_class = SubmissionSerializer
    pagination_class = Cap
    lookup_value_regex = ID_REGEX
    filterset_class = SubmissionFilter

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Submission.objects.none()
        return self._rows(deleted=self.action in {"list", "retrieve"} and wants(self.request, "show_is_soft_deleted"))

    def _rows(self, *, deleted: bool) -> Any:
        run = self._run
        return self._joined(
            policies.seen_by_organizers(run, deleted=deleted)
            if run is not None
            else policies.visible_to(self.request.user, deleted=deleted)
        )

    def _joined(self, rows: QuerySet[Submission]) -> QuerySet[Submission]:
        """Submissions with what is told of them."""
        versions = TaskVersion.objects.select_related(*TaskVersion.PARTS)
        return (
            rows.select_related("data", "entry", "parent__entry")
            # What many rows share is fetched once, not joined to each of them.
            .prefetch_related("phase__competition__collaborators", "phase__leaderboard", "owner")
            .prefetch_related("organization")
            .prefetch_related("scores__column", "children__scores__column")
            .prefetch_related("task__shared_with", Prefetch("task_version", queryset=versions))
            .order_by("-pk")
        )

    @cached_property
    def _run(self) -> Competition | None:
        """The competition that a list is asked of, where the caller runs it; its submissions are found by index."""
        asked = self.request.query_params
        for name, field in (("phase__competition", "pk"), ("phase", "phases")):
            value = asked.get(name, "")
            if self.action == "list" and value.isdecimal() and len(value) < 19:
                return competitions.administered_by(self.request.user).filter(**{field: int(value)}).first()
        return None

    def get_renderers(self) -> builtins.list[Any]:
        return [*super().get_renderers(), *([CsvRenderer()] if self.action == "list" else [])]

    def get_serializer_context(self) -> dict[str, Any]:
        user = self.request.user
        return {**super().get_serializer_context(), "user": user, "viewer": Viewer(user)}

    def _to_change(self) -> Submission:
        """The submission that the address names, as far as the caller's token may change it."""
        submission: Submission = self.get_object()
        refuse_narrower_for_others(self.request, [submission.owner_id])
        return submission

    def _searched(self, request: Request, rows: Any) -> Any:
        """What the parameters of the address leave of these."""
        rows = self.filter_queryset(rows)
        if not (text := search_text(request)):
            return rows
        if self._run is not None:  # who is told every file's name
            return queries.saying(rows, text, "data__file_name", "description", "name")
        told = Case(When(policies.file_told_to(request.user), then="data__file_name"), default=Value(""))
        return queries.saying(rows.annotate(told_file_name=told), text, "told_file_name", "description", "name")

    @extend_schema(
        parameters=[_SHOW_DELETED, _SEARCH], responses={(200, "application/json"): SubmissionSerializer(many=True)}
    )
    def list(self, request: Request) -> Response | StreamingHttpResponse:
        """The submissions that the caller sees, newest first; with `.csv` or `?format=csv` all rows as a table."""
        rows = self._searched(request, self.get_queryset())
        if request.accepted_renderer.format == "csv":
            rows = rows.select_related(None).prefetch_related(None)
            return downloads.attached(
                downloads.as_csv(rows, request.user), "text/csv; charset=utf-8", "submissions.csv"
            )
        found: KeysFirst[Submission] = KeysFirst(rows)
        if self._run is None:
            ways = policies.ways_to_see(request.user, deleted=wants(request, "show_is_soft_deleted"))
            every = self._joined(Submission.objects.all())
            found = Merged(every, [self._searched(request, way) for way in ways], rows)
        return self.get_paginated_response(self.get_serializer(self.paginate_queryset(found), many=True).data)

    @extend_schema(parameters=[_SHOW_DELETED])
    def retrieve(self, request: Request, pk: str) -> Response:
        """One submission."""
        shown = self.get_serializer(self.get_object()).data
        return conditional.answered(request, shown, shown)

    def _unless_changed(self, submission: Submission) -> AbstractContextManager[None]:
        """Asks for the order of locks in which a submission is deleted."""
        return conditional.unless_changed(
            self.request,
            lock=lambda: deletion.lock(submission),
            state=lambda: self.get_serializer(get_object_or_404(self._rows(deleted=True), pk=submission.pk)).data,
        )

    @extend_schema(
        parameters=[keeping.HEADER], request=SubmissionCreateSerializer, responses={201: SubmissionCreatedSerializer}
    )
    @keeping.idempotent
    def create(self, request: Request) -> Response:
        """Submit an uploaded file to a phase."""
        asked = SubmissionCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user, facts = caller(request), asked.validated_data
        phase = visible_phase(user, facts["phase"])
        data = Dataset.objects.filter(key=facts["data"]).select_related("data_file").first()
        if data is None or not resource_policies.datasets_usable_by(user).filter(pk=data.pk).exists():
            raise serializers.ValidationError({"data": [f'You have no uploaded file with the key "{facts["data"]}".']})
        tasks = list(Task.objects.filter(pk__in=facts.get("tasks") or []))
        if len(tasks) != len(set(facts.get("tasks") or [])):
            raise serializers.ValidationError({"non_field_errors": ["All tasks must be part of the current phase."]})
        submission = services.submit(
            user=user,
            phase=phase,
            data=data,
            tasks=tasks,
            fact_sheet_answers=facts.get("fact_sheet_answers"),
            organization=_organization(facts.get("organization")),
        )
        return Response(SubmissionCreatedSerializer(submission).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=DETAILS)
    @action(detail=True, methods=["get"])
    def get_details(self, request: Request, pk: str) -> Response:
        """Short-lived addresses of logs and outputs, as far as the caller may have them."""
        submission = self.get_object()
        found = queries.details(request.user, submission, absolute=True)
        if not found.rights.details:
            hidden = submission.phase.hide_output
            raise Forbidden(
                "Cannot access submission details while phase marked to hide output."
                if hidden
                else "Only its owner and the organizers see the details of this submission."
            )

        def url(file: queries.File | None) -> str | None:
            return file.url if file else None

        return Response(
            {
                "logs": [{"name": log.name, "data_file": log_links.url(submission, log.name)} for log in found.logs],
                "data_file": url(found.submission_file),
                "prediction_result": url(found.prediction_result),
                "detailed_result": url(found.detailed_result),
                "scoring_result": url(found.scoring_result),
                "private_result": url(found.private_result),
                "leaderboards": self._boards_of(submission),
                "fact_sheet_answers": self.get_serializer(submission).data["fact_sheet_answers"],
            }
        )

    def _boards_of(self, submission: Submission) -> Any:
        """The boards for whose columns the submission has scores, as far as the caller sees them; Codabench's null."""
        organizer = competitions.can_administer(self.request.user, submission.phase.competition)
        found = queries.boards_of(submission, organizer=organizer)
        return LeaderboardSerializer(found, many=True, context={"organizer": organizer}).data or None

    @extend_schema(
        parameters=[OpenApiParameter("grant", str, description="as `get_details` gives it, instead of a log-in")],
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    @action(detail=True, methods=["get"], url_path=r"logs/(?P<name>[a-z_]+)")
    def logs(self, request: Request, pk: str, name: str) -> HttpResponse:
        """One stored log as plain text; the names are Codabench's eight."""
        wanted = next(((step, stream) for (step, stream), known in queries.LOG_NAMES.items() if known == name), None)
        if wanted is None:
            raise Http404
        if log_links.opens(request.query_params.get("grant", ""), pk, name):
            return plain_text(queries.log_text(get_object_or_404(Submission, pk=pk), *wanted))
        submission = self.get_object()
        rights = policies.output_rights(request.user, submission)
        if not rights.logs_of(wanted[0]):
            raise Forbidden("Logs are hidden in this phase, or belong to somebody else.")
        return plain_text(queries.log_text(submission, *wanted))

    @extend_schema(responses={200: OpenApiTypes.URI})
    @action(detail=True, methods=["get"])
    def get_detail_result(self, request: Request, pk: str) -> Response:
        """A short-lived address of the detailed results."""
        submission = self.get_object()
        if not submission.phase.competition.enable_detailed_results:
            return Response({"error_msg": "Detailed results are disabled for this competition!"}, status=404)
        found = queries.details(request.user, submission, absolute=True)
        if not found.rights.detailed_results:
            return Response({"error_msg": "You may not see the detailed results of this submission."}, status=403)
        return Response(found.detailed_result.url if found.detailed_result else None)

    @extend_schema(request=None, responses=inline_serializer("CancelAnswer", {"canceled": serializers.BooleanField()}))
    @action(detail=True, methods=["get", "post"])
    def cancel_submission(self, request: Request, pk: str) -> Response:
        """Cancel a submission.

        GET works with a token, for Codabench's scripts.
        """
        refuse_change_by_reading(request, "Use POST to cancel.")
        return Response({"canceled": services.cancel(submission=self._to_change(), by=caller(request))})

    @extend_schema(request=None, responses=inline_serializer("RunAnswer", {"id": serializers.IntegerField()}))
    @action(detail=True, methods=["post"])
    def run_submission(self, request: Request, pk: str) -> Response:
        """Start a submission that waits for the organizer."""
        submission = self.get_object()
        services.start_held(submission=submission, by=caller(request))
        return Response({"id": submission.pk})

    @extend_schema(
        request=None,
        parameters=[
            OpenApiParameter("task_key", OpenApiTypes.UUID, description="Run on this task alone, off the board.")
        ],
        responses=inline_serializer("RerunAnswer", {"id": serializers.IntegerField()}),
    )
    @action(detail=True, methods=["post"])
    def re_run_submission(self, request: Request, pk: str) -> Response:
        """Evaluate a submission that has ended again, on its tasks as they are now, as a new submission."""
        submission, user = self.get_object(), caller(request)
        if not reruns.may_rerun(user, submission.phase.competition):
            raise Forbidden(reruns.NO_RIGHT)
        asked = TaskKeySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        key = asked.validated_data.get("task_key")
        try:
            made = reruns.rerun(submission=submission, by=user, task=reruns.chosen_task(user, key) if key else None)
        except Refused as refused:
            if refused.status != status.HTTP_404_NOT_FOUND:
                raise
            return Response({"error_msg": refused.message, "code": refused.code}, status=refused.status)
        return Response({"id": made.pk})

    @extend_schema(request=_KEYS_SCHEMA, responses={200: OpenApiTypes.OBJECT})
    @action(detail=False, methods=["post"], pagination_class=None, filter_backends=())
    def re_run_many_submissions(self, request: Request) -> Response:
        """Evaluate a selection again, all or none by right; those that have not ended are left out."""
        reruns.rerun_many(found=self._chosen(request), by=caller(request))
        return Response({})

    @extend_schema(request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["patch"])
    def update_fact_sheet(self, request: Request, pk: str) -> Response:
        """Give other answers to the fact sheet; the body is the answers, checked as with a new submission."""
        if not isinstance(request.data, dict):
            raise serializers.ValidationError({"non_field_errors": ["The answers are an object, by question."]})
        answers = dict(request.data.items())
        submission = self._to_change()
        with self._unless_changed(submission):
            services.update_fact_sheet(submission=submission, by=caller(request), answers=answers)
        return Response({})

    @extend_schema(request=_PKS, responses=_FOUND_ITEM)
    @action(detail=False, methods=["post"], pagination_class=None, filter_backends=())
    def download_many(self, request: Request) -> Response:
        """Short-lived addresses of the files of submissions; of what is deleted there is none."""
        found = self._to_download(request)
        items = []
        for one in found:
            if one.data is not None and one.data.data_file is not None:
                name = downloads.file_name(one)
                items.append({"name": name, "url": grants.download_url(one.data.data_file, name=name, absolute=True)})
        return Response(items)

    def _to_download(self, request: Request) -> builtins.list[Submission]:
        """The submissions named by `pks`. Refused in Codabench's words where one is not the caller's to have."""
        if request.user.is_anonymous:
            raise exceptions.NotAuthenticated
        given = request.data if isinstance(request.data, dict) else {}
        if "pks" not in given:
            raise Refused("`pks` field is required", field="error", code="required")
        pks = given.getlist("pks") if hasattr(given, "getlist") else given["pks"]
        if not isinstance(pks, list):
            raise Refused("`pks` must be a list", field="error", code="not_a_list")
        number = serializers.IntegerField(min_value=1, max_value=MAX_ID)
        wanted = set(serializers.ListField(child=number, max_length=1000).run_validation(pks))
        rows = policies.visible_to(request.user, deleted=True).filter(pk__in=wanted)
        rows = rows.select_related("phase__competition", "phase__leaderboard", "owner", "data__data_file").order_by(
            "pk"
        )
        found = list(rows.prefetch_related("phase__competition__collaborators"))
        if len(found) != len(wanted):
            raise exceptions.NotFound("One or more submission IDs are invalid")
        if not all(policies.output_rights(request.user, one).submission_file for one in found):
            raise Forbidden("You do not have permission to download one or more of the requested submissions")
        return found

    @extend_schema(
        methods=["GET"],
        parameters=[
            _SEARCH,
            OpenApiParameter("include", {"type": "array", "items": {"enum": [p.value for p in Part]}}),
        ],
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    @extend_schema(methods=["POST"], request=_ZIP_REQUEST, responses={(200, "application/zip"): OpenApiTypes.BINARY})
    @action(detail=False, methods=["get", "post"], pagination_class=None)
    def download_zip(self, request: Request) -> StreamingHttpResponse:
        """Files of many submissions in one zip, made while it is sent.

        GET takes the list's parameters, of which one must name a phase or a competition; POST takes `pks`. `include`
        says what of each: `submission` (if nothing is said), `prediction_result`, `scoring_result`. What the caller may
        not have is left out; what was deleted is named in `MISSING.txt`.
        """
        user = caller(request)
        if request.method == "POST":
            chosen = Submission.objects.filter(pk__in=[one.pk for one in self._to_download(request)])
            asked = request.data.get("include") or [] if isinstance(request.data, dict) else []
        else:
            if not {"phase", "phase__competition"} & set(request.query_params):
                raise Refused("Say of which `phase` or `phase__competition`.", field="phase", code="required")
            chosen = Submission.objects.filter(
                pk__in=self._searched(request, self.get_queryset()).order_by().values("pk")
            )
            chosen = chosen.filter(parent__isnull=True)
            asked = request.query_params.getlist("include")
        one_of = serializers.ChoiceField([part.value for part in Part])
        parts = serializers.ListField(child=one_of, max_length=len(Part)).run_validation(asked) or [Part.SUBMISSION]
        content = zipped(downloads.members(chosen, user, {Part(part) for part in parts}))
        return downloads.attached(content, "application/zip", "submissions.zip")

    def _chosen(self, request: Request) -> builtins.list[Submission]:
        """The submissions whose ids are in the body. Raises Http404 when one of them is not to be seen."""
        keys = serializers.ListField(child=serializers.IntegerField(min_value=1, max_value=MAX_ID), max_length=1000)
        wanted = set(keys.run_validation(request.data))
        found = list(policies.visible_to(request.user, deleted=True).filter(pk__in=wanted).select_related(*_FOR_CHANGE))
        missing = sorted(wanted - {one.pk for one in found})
        if missing or not wanted:
            raise Http404(
                f"There is no submission {missing[0]} that you may see." if missing else "No submission named."
            )
        return found

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a submission and its files for good."""
        found = get_object_or_404(policies.visible_to(request.user, deleted=True), pk=pk)
        refuse_narrower_for_others(request, [found.owner_id])
        with self._unless_changed(found):
            deletion.delete(submission=found, by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=_KEYS_SCHEMA, responses={200: OpenApiTypes.OBJECT})
    @action(detail=False, methods=["delete"], pagination_class=None, filter_backends=())
    def delete_many(self, request: Request) -> Response:
        """Delete a selection for good, all or none."""
        found = self._chosen(request)
        refuse_narrower_for_others(request, [one.owner_id for one in found])
        deletion.delete_many(found=found, by=caller(request))
        return Response({})

    @extend_schema(request=None, responses=inline_serializer("SoftDeleteAnswer", {"message": serializers.CharField()}))
    @action(detail=True, methods=["delete"])
    def soft_delete(self, request: Request, pk: str) -> Response:
        """Remove the files of one's own submission; its row and scores stay."""
        found = get_object_or_404(policies.visible_to(request.user, deleted=True), pk=pk)
        with self._unless_changed(found):
            try:
                deletion.soft_delete(submission=found, by=caller(request))
            except Refused as refused:
                return Response({"error": refused.message, "code": refused.code}, status=refused.status)
        return Response({"message": "Submission deleted successfully"})

    @extend_schema(request=None, responses=inline_serializer("PublicAnswer", {"is_public": serializers.BooleanField()}))
    @action(detail=True, methods=["get", "post"])
    def toggle_public(self, request: Request, pk: str) -> Response:
        """Show a submission to whoever sees the competition, or to nobody else again; GET works with a token."""
        refuse_change_by_reading(request, "Use POST to change who sees a submission.")
        return Response({"is_public": deletion.toggle_public(submission=self._to_change(), by=caller(request))})

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post", "delete"])
    def submission_leaderboard_connection(self, request: Request, pk: str) -> Response:
        """Put a submission on the leaderboard, or take it away, where the rule allows."""
        found = self.get_object()
        submission = found.parent or found
        organizer = competitions.can_administer(request.user, submission.phase.competition)
        if submission.owner_id != request.user.pk and not organizer:
            raise Forbidden("You cannot perform this action, contact the competition organizer!")
        refuse_narrower_for_others(request, [submission.owner_id])
        change = leaderboards.add_by_hand if request.method == "POST" else leaderboards.remove_by_hand
        change(submission=submission, by=caller(request), privileged=request.user.is_superuser)
        return Response({})


def plain_text(text: str) -> HttpResponse:
    """A log as a response that no browser takes for anything else."""
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    return response


def visible_phase(user: Any, pk: int) -> Phase:
    """A phase of a competition that `user` may see. Raises Http404."""
    phases = Phase.objects.select_related("competition", "leaderboard").prefetch_related("competition__collaborators")
    return get_object_or_404(phases.filter(competition__in=competitions.visible_to(user)), pk=pk)


class CanMakeSubmissionView(APIView):
    """Whether the caller may submit to a phase now."""

    @extend_schema(responses=CAN)
    def get(self, request: Request, phase: int) -> Response:
        """Codabench's reasons, and Podium's own for a phase that is not open."""
        found = visible_phase(request.user, phase)
        reason = services.reason_against(user=caller(request), phase=found)
        return Response({"can": reason is None, "reason": reason})

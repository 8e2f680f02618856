"""Phases in the REST API: what organizers do with a whole phase (Codabench's paths)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from django.db.models import Q
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import exceptions, permissions, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site import conditional
from podium.site.api_fields import ID_REGEX, caller, refuse_change_by_reading
from podium.site.competitions import policies
from podium.site.competitions.api_editor import MOVES, EditorPhaseSerializer, body
from podium.site.competitions.api_serializers import PhaseSerializer
from podium.site.competitions.models import Competition, Phase
from podium.site.competitions.services import editing, migration
from podium.site.competitions.services.editor_payload import FieldsRefused, nested
from podium.site.errors import Forbidden
from podium.site.evaluation import comparison, comparison_api
from podium.site.evaluation.models import PhaseWork
from podium.site.evaluation.services import limits as settling
from podium.site.evaluation.services import reruns
from podium.site.leaderboards.models import Leaderboard
from podium.site.resources.models import Dataset
from podium.site.resources.policies import datasets_visible_to


class PhaseWorkSerializer(serializers.ModelSerializer[PhaseWork]):
    """Work on all submissions of a phase, as it stands."""

    class Meta:
        model = PhaseWork
        fields = ["id", "kind", "state", "total", "done", "details", "created_when", "finished_when"]


class PhaseRowSerializer(serializers.ModelSerializer[Phase]):
    """A phase by itself: its tasks by key, its leaderboard and files by id."""

    status = serializers.CharField(read_only=True)
    tasks = serializers.SerializerMethodField()
    is_final_phase = serializers.BooleanField(read_only=True)
    public_data = serializers.SerializerMethodField()
    starting_kit = serializers.SerializerMethodField()

    class Meta:
        model = Phase
        fields = [
            "id",
            "index",
            "start",
            "end",
            "name",
            "description",
            "status",
            "execution_time_limit",
            "tasks",
            "has_max_submissions",
            "max_submissions_per_day",
            "max_submissions_per_person",
            "auto_migrate_to_this_phase",
            "hide_output",
            "hide_prediction_output",
            "hide_score_output",
            "leaderboard",
            "public_data",
            "starting_kit",
            "is_final_phase",
        ]

    def to_representation(self, instance: Phase) -> dict[str, Any]:
        data = super().to_representation(instance)
        board = instance.leaderboard
        if board is not None and board.hidden and not self.context["organizer"]:
            data["leaderboard"] = None
        return data

    @extend_schema_field({"type": "array", "items": {"type": "string", "format": "uuid"}})
    def get_tasks(self, phase: Phase) -> list[str]:
        return [str(link.task.key) for link in phase.phase_tasks.all()]

    def get_public_data(self, phase: Phase) -> int | None:
        return phase.public_data_id if self.context["takes_part"] else None

    def get_starting_kit(self, phase: Phase) -> int | None:
        return phase.starting_kit_id if self.context["takes_part"] else None


class PhaseChangeSerializer(EditorPhaseSerializer):
    """A phase as it is to be; what is not given stays."""

    tasks = serializers.ListField(child=serializers.UUIDField())  # type: ignore[assignment]  # objects there
    public_data = serializers.IntegerField(allow_null=True, required=False)  # type: ignore[assignment]
    starting_kit = serializers.IntegerField(allow_null=True, required=False)  # type: ignore[assignment]


class PhaseViewSet(viewsets.GenericViewSet[Phase]):
    """Phases, for those who see their competition; changed by its organizers."""

    queryset = Phase.objects.none()
    permission_classes = (permissions.IsAuthenticated,)
    serializer_class = PhaseSerializer
    pagination_class = None
    filter_backends = ()
    lookup_value_regex = ID_REGEX

    def get_queryset(self) -> Any:
        phases = Phase.objects.select_related("competition__queue").prefetch_related("competition__collaborators")
        return phases.filter(competition__in=policies.visible_to(self.request.user))

    @extend_schema(responses=PhaseRowSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Always empty, as in Codabench: phases are listed with their competition."""
        return Response([])

    def _shown(self, pk: int) -> dict[str, Any]:
        found = self.get_queryset().select_related("leaderboard").prefetch_related("phase_tasks__task").get(pk=pk)
        organizer = policies.can_administer(self.request.user, found.competition)
        takes_part = organizer or policies.is_approved(self.request.user, found.competition)
        context = {"organizer": organizer, "takes_part": takes_part}
        return dict(PhaseRowSerializer(found, context=context).data)

    @extend_schema(responses=PhaseRowSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One phase of a competition that the caller sees."""
        shown = self._shown(self.get_object().pk)
        return conditional.answered(request, shown, conditional.without(shown, MOVES))

    def _unless_changed(self, phase: Phase) -> AbstractContextManager[None]:
        competitions = Competition.objects.select_for_update(of=("self",)).filter(pk=phase.competition_id)
        return conditional.unless_changed(
            self.request,
            lock=lambda: list(competitions),
            state=lambda: conditional.without(self._shown(phase.pk), MOVES),
        )

    @extend_schema(request=PhaseChangeSerializer, responses={201: PhaseRowSerializer})
    def create(self, request: Request) -> Response:
        """Add a phase to the competition whose `leaderboard` it names."""
        given = body(request)
        board = given.get("leaderboard")
        boards = Leaderboard.objects.filter(competition__in=policies.administered_by(request.user))
        text = str(board)
        found = boards.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
        if found is None:
            raise exceptions.ValidationError({"leaderboard": ["Phases require a leaderboard"]})
        phases = list(found.competition.phases.order_by("index"))
        new = {"index": phases[-1].index + 1 if phases else 0, **given, "id": None}
        before = {phase.pk for phase in phases}
        self._change(found.competition, [*({"id": pk} for pk in sorted(before)), new], new)
        made = found.competition.phases.exclude(pk__in=before).get()
        return Response(self._shown(made.pk), status=201)

    def _edit(self, request: Request) -> Response:
        phase, given = self.get_object(), body(request)
        if not policies.can_administer(request.user, phase.competition):
            raise Forbidden("You do not have permission to perform this action.")
        others = phase.competition.phases.exclude(pk=phase.pk).values_list("pk", flat=True)
        changed = {**given, "id": phase.pk}
        with self._unless_changed(phase):
            self._change(phase.competition, [*({"id": pk} for pk in others), changed], changed)
        shown = self._shown(phase.pk)
        tag = conditional.strong_tag(request, shown, conditional.without(shown, MOVES))
        return conditional.tagged(Response(shown), tag)

    def _change(self, competition: Competition, phases: Sequence[dict[str, Any]], own: dict[str, Any]) -> None:
        """Change a competition's phases; what is wrong with this one is told as its own."""
        for name in ("public_data", "starting_kit"):
            if own.get(name) is not None:
                own[name] = _key_of(own[name], competition, self.request.user)
        try:
            editing.update_competition(competition=competition, by=caller(self.request), given={"phases": phases})
        except FieldsRefused as refused:
            here = ("phases", len(phases) - 1)
            told = [(path[2:] if path[:2] == here else path, text) for path, text in refused.messages]
            raise exceptions.ValidationError(nested(told)) from refused

    @extend_schema(request=PhaseChangeSerializer, responses=PhaseRowSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a phase; for the organizers of its competition."""
        return self._edit(request)

    @extend_schema(request=PhaseChangeSerializer, responses=PhaseRowSerializer)
    def update(self, request: Request, pk: str) -> Response:
        """The same as PATCH: what is not given stays."""
        return self._edit(request)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a phase that has no submissions and is not the only one."""
        phase = self.get_object()
        with self._unless_changed(phase):
            editing.delete_phase(phase=phase, by=caller(request))
        return Response(status=204)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def settle_limits(self, request: Request, pk: str) -> Response:
        """Settle the limits of the phase anew, at what site and workers give now; for organizers."""
        settling.settle_anew(phase=self.get_object(), by=caller(request))
        return Response(status=204)

    @extend_schema(request=None, responses=inline_serializer("RerunCount", {"count": serializers.IntegerField()}))
    @action(detail=True, methods=["get", "post"])
    def rerun_submissions(self, request: Request, pk: str) -> Response:
        """Evaluate all submissions of the phase again, behind everything else that waits; GET works with a token."""
        refuse_change_by_reading(request, "Use POST to re-run the submissions.")
        return Response({"count": reruns.rerun_phase(phase=self.get_object(), by=caller(request))})

    @extend_schema(responses=comparison_api.ANSWER)
    @action(detail=True, methods=["get"])
    def rerun_comparison(self, request: Request, pk: str) -> Response:
        """Old and new scores and ranks of what was run again, by participant; for organizers."""
        phase = self.get_object()
        if not policies.can_administer(request.user, phase.competition):
            raise Forbidden("Only the organizers compare what was run again.")
        return Response(comparison_api.represent(comparison.compare(phase)))

    @extend_schema(responses=PhaseWorkSerializer(many=True))
    @action(detail=True, methods=["get"])
    def works(self, request: Request, pk: str) -> Response:
        """How far reruns and migrations of the phase have come, newest first; for its organizers."""
        phase = self.get_object()
        if not policies.can_administer(request.user, phase.competition):
            raise Forbidden("Only the organizers see this.")
        return Response(PhaseWorkSerializer(phase.works.all()[:20], many=True).data)

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def manually_migrate(self, request: Request, pk: str) -> Response:
        """Submit what stands on the phase's board to the next phase, each entry once."""
        migration.migrate_by_hand(phase=self.get_object(), by=caller(request))
        return Response({})


def _key_of(given: Any, competition: Competition, user: Any) -> Any:
    """The key of a dataset that is named by its id, if the caller may see it or a phase has it."""
    text = str(given)
    pk = int(text) if text.isdecimal() and len(text) < 19 else 0
    files = Q(public_data=pk) | Q(starting_kit=pk)
    if competition.phases.filter(files).exists():
        return str(Dataset.objects.get(pk=pk).key)
    found = datasets_visible_to(user).filter(pk=pk).first()
    return str(found.key) if found else given

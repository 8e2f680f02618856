"""What a request may change of a board, in Codabench's shape."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation.services import boards
from podium.site.leaderboards.models import Leaderboard, SubmissionRule


class ColumnChangeSerializer(serializers.Serializer[Any]):
    """A column as it is to be; with `id` where it is one that is there already."""

    id = serializers.IntegerField(required=False, allow_null=True)
    title = serializers.CharField(max_length=64)
    key = serializers.CharField(max_length=64)
    index = serializers.IntegerField(min_value=0, max_value=9999)
    sorting = serializers.ChoiceField(choices=["asc", "desc"], default="desc")
    computation = serializers.ChoiceField(choices=["avg", "sum", "min", "max"], required=False, allow_null=True)
    computation_indexes = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=9999), required=False, allow_null=True, max_length=100
    )
    hidden = serializers.BooleanField(default=False)
    precision = serializers.IntegerField(min_value=0, max_value=17, default=2)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Codabench's null is no computation here."""
        computation = attrs.get("computation") or ""
        return {
            **attrs,
            "computation": computation,
            "computation_indexes": (attrs.get("computation_indexes") or []) if computation else [],
        }


class BoardChangeSerializer(serializers.Serializer[Any]):
    """What changes of a board; `columns`, where given, are all of them."""

    id = serializers.IntegerField()
    title = serializers.CharField(max_length=64, required=False)
    key = serializers.CharField(max_length=36, required=False)
    hidden = serializers.BooleanField(required=False)
    primary_index = serializers.IntegerField(min_value=0, max_value=9999, required=False)
    submission_rule = serializers.ChoiceField(choices=SubmissionRule.choices, required=False)
    columns = ColumnChangeSerializer(many=True, required=False, allow_empty=False)

    def validate_columns(self, columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Keys and indexes are each column's own."""
        for name in ("key", "index", "id"):
            given = [column[name] for column in columns if column.get(name) is not None]
            if twice := {value for value in given if given.count(value) > 1}:
                raise serializers.ValidationError(f"Two columns have the {name} {min(twice)}.")
        return columns


def change_boards(competition: Competition, given: Any, by: User) -> None:
    """Change boards of a competition as a request says; all or none."""
    wanted = BoardChangeSerializer(data=given, many=True)
    if not isinstance(given, list):
        raise serializers.ValidationError({"leaderboards": ["Send a list of leaderboards."]})
    if not wanted.is_valid():
        raise serializers.ValidationError({"leaderboards": wanted.errors})
    for values in wanted.validated_data:
        board = Leaderboard.objects.filter(competition=competition, pk=values.pop("id")).first()
        if board is None:
            raise serializers.ValidationError({"leaderboards": ["This competition has no such leaderboard."]})
        boards.change_board(board=board, by=by, columns=values.pop("columns", None), values=values)

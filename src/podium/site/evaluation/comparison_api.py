"""The comparison of a rerun in the REST API; Podium's own."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from podium.site.evaluation.comparison import Comparison, Side


def _side(name: str) -> serializers.Serializer[Any]:
    return inline_serializer(
        name,
        {
            "submission": serializers.IntegerField(),
            "status": serializers.CharField(),
            "cause": serializers.CharField(allow_null=True),
            "scores": serializers.ListField(child=serializers.FloatField(allow_null=True)),
            "rank": serializers.IntegerField(allow_null=True),
        },
    )


ANSWER = inline_serializer(
    "RerunComparison",
    {
        "column": serializers.CharField(),
        "under_way": serializers.IntegerField(),
        "failed": serializers.IntegerField(),
        "participants": inline_serializer(
            "RerunComparisonLine",
            {
                "owner": serializers.CharField(),
                "old": _side("RerunComparisonOld"),
                "new": _side("RerunComparisonNew"),
                "rank_change": serializers.IntegerField(allow_null=True),
            },
            many=True,
        ),
    },
)


def represent(found: Comparison) -> dict[str, Any]:
    """A comparison as JSON."""
    return {
        "column": found.column,
        "under_way": found.under_way,
        "failed": found.failed,
        "participants": [
            {
                "owner": line.owner_name,
                "old": _represented(line.old),
                "new": _represented(line.new),
                "rank_change": line.change,
            }
            for line in found.lines
        ],
    }


def _represented(side: Side) -> dict[str, Any]:
    return {
        "submission": side.submission.pk,
        "status": side.submission.status,
        "cause": side.submission.cause or None,
        "scores": list(side.scores),
        "rank": side.rank,
    }

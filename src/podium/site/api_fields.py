"""Pieces that the API's serializers share: Codabench's types on the wire, pagination, images."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions, pagination
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site.accounts.models import User
from podium.site.resources import grants
from podium.site.resources.models import StoredFile

MAX_ID = 2**63 - 1
ID_REGEX = r"[0-9]{1,18}"
"""Ids in addresses: what every database can compare with."""
MAX_SEARCH = 200
IMAGE_TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}


def image_url(file: StoredFile | None) -> str | None:
    """A short-lived address of an image, None where there is none."""
    if file is None:
        return None
    name = file.key.rsplit("/", 1)[-1]
    content_type = IMAGE_TYPES.get(name.rsplit(".", 1)[-1].lower(), "application/octet-stream")
    return grants.download_url(file, name=name, seconds=grants.HOUR * 24, content_type=content_type, absolute=True)


def decimal_text(value: float) -> str:
    """A score as Codabench writes it: a string with ten decimals."""
    return f"{value:.10f}"


def search_text(request: Request) -> str:
    """What is searched for: bounded, since SQLite refuses long patterns, and without NUL, which PostgreSQL refuses."""
    return request.query_params.get("search", "").replace("\0", "")[:MAX_SEARCH]


def caller(request: Request) -> User:
    """The authenticated user of a request. Raises NotAuthenticated for anonymous ones."""
    if isinstance(request.user, User):
        return request.user
    raise exceptions.NotAuthenticated


class BasicPagination(pagination.PageNumberPagination):
    """`page`, `page_size` (10 by default, 1000 at most)."""

    page_size = 10
    page_size_query_param = "page_size"
    max_page_size = 1000


class LargePagination(BasicPagination):
    """As Codabench's public lists: 20 by default, with the page size in the answer."""

    page_size = 20

    def get_paginated_response(self, data: Any) -> Response:
        response = super().get_paginated_response(data)
        results = response.data.pop("results")
        size = self.get_page_size(self.request) if self.request else self.page_size
        return Response({**response.data, "page_size": size, "results": results})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        described["properties"]["page_size"] = {"type": "integer", "example": 20}
        return described


class Cap(pagination.BasePagination):
    """Codabench's bare arrays, bounded: 200 rows (1000 at most by `page_size`), `page` for further ones."""

    limit, most = 200, 1000

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        size = min(_positive(request.query_params.get("page_size"), self.limit), self.most)
        page = _positive(request.query_params.get("page"), 1)
        return list(queryset[(page - 1) * size : page * size])

    def get_paginated_response(self, data: Any) -> Response:
        return Response(data)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return schema

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        integer = {"type": "integer", "minimum": 1}
        return [
            {"name": "page", "in": "query", "required": False, "schema": integer},
            {"name": "page_size", "in": "query", "required": False, "schema": {**integer, "maximum": self.most}},
        ]


def _positive(text: str | None, default: int) -> int:
    return max(1, int(text)) if text and text.isdecimal() and len(text) < 10 else default

"""Pieces that the API's serializers share: Codabench's types on the wire, pagination, images."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import exceptions, pagination, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from podium.site.accounts.models import User
from podium.site.fetching import SEARCHED, KeysFirst, KeysPaginator, fetched
from podium.site.resources import grants
from podium.site.resources.models import StoredFile
from podium.site.searching import matching, search_words

Row = TypeVar("Row", bound=Model)
MAX_ID = 2**63 - 1
ID_REGEX = r"[0-9]{1,18}"
"""Ids in addresses: what every database can compare with."""
IMAGE_TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}


def image_url(file: StoredFile | None) -> str | None:
    """An address of an image that is good for half a day at least, None where there is none."""
    if file is None:
        return None
    name = file.key.rsplit("/", 1)[-1]
    content_type = IMAGE_TYPES.get(name.rsplit(".", 1)[-1].lower(), "application/octet-stream")
    day = grants.HOUR * 24
    return grants.download_url(file, name=name, seconds=day, content_type=content_type, absolute=True, steady=True)


def decimal_text(value: float) -> str:
    """A score as Codabench writes it: a string with ten decimals."""
    return f"{value:.10f}"


def search_text(request: Request) -> str:
    """What a list is searched for."""
    return search_words(request.query_params.get("search", ""))


def searched(rows: QuerySet[Row], request: Request, *fields: str) -> QuerySet[Row]:
    """The rows that `search` finds in one of the fields."""
    return matching(rows, search_text(request), *fields)


def wants(request: Request, name: str) -> bool:
    """Whether a parameter of an address says yes."""
    return request.query_params.get(name, "").lower() in {"true", "1", "yes"}


def numbers_in(request: Request) -> set[int]:
    """The ids that a request's body lists. Raises ValidationError for anything else."""
    number = serializers.IntegerField(min_value=1, max_value=MAX_ID)
    return set(serializers.ListField(child=number, min_length=1, max_length=1000).run_validation(request.data))


def refuse_change_by_reading(request: Request, advice: str) -> None:
    """Refuse a change that Codabench makes by GET, unless a token asks for it.

    By a browser's session any picture or link that a person is shown would make it for them; HEAD never changes
    anything. advice: what to do. Raises MethodNotAllowed.
    """
    if request.method == "HEAD" or (request.method == "GET" and request.auth is None):
        raise exceptions.MethodNotAllowed(request.method, advice)


def caller(request: Request) -> User:
    """The authenticated user of a request. Raises NotAuthenticated for anonymous ones."""
    if isinstance(request.user, User):
        return request.user
    raise exceptions.NotAuthenticated


class BasicPagination(pagination.PageNumberPagination):
    """`page`, `page_size` (10 by default, 1000 at most)."""

    django_paginator_class = KeysPaginator
    page_size = 10

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        if isinstance(queryset, QuerySet) and search_text(request):
            queryset = KeysFirst(queryset, few=SEARCHED)
        return super().paginate_queryset(queryset, request, view)

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
    """Codabench's bare arrays, bounded: 200 rows (1000 at most by `page_size`), `page` for further ones.

    Where there are more, the header `Link` leads to them.
    """

    limit, most = 200, 1000
    _next: str | None = None

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        size = min(_positive(request.query_params.get("page_size"), self.limit), self.most)
        page = _positive(request.query_params.get("page"), 1)
        rows = queryset[(page - 1) * size : page * size + 1]
        found = fetched(rows, size + 1) if isinstance(rows, QuerySet) else list(rows)
        if len(found) > size:
            self._next = replace_query_param(request.build_absolute_uri(), "page", page + 1)
        return found[:size]

    def get_paginated_response(self, data: Any) -> Response:
        return Response(data, headers={"Link": f'<{self._next}>; rel="next"'} if self._next else None)

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

"""Public datasets and tasks, for everybody."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from podium.site.fetching import KeysPaginator
from podium.site.resources import queries
from podium.site.resources.forms import PublicFilterForm
from podium.site.resources.views_tasks import described

PER_PAGE = 25


@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    """Public data, with search and order."""
    form = PublicFilterForm(request.GET)
    chosen = {name: value for name, value in (form.cleaned_data if form.is_valid() else {}).items() if value}
    rows = queries.public_datasets(**chosen)
    page = KeysPaginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    asked = {name: "on" if value is True else value for name, value in chosen.items()}
    more = {"form": form, "filtered": bool(set(chosen) - {"ordering"}), "page": page, **_pages(page.number, asked)}
    return render(request, "resources/public_datasets.html", {"section": "datasets", **more})


def _pages(number: int, asked: dict[str, Any]) -> dict[str, str]:
    """The addresses of the pages before and after."""
    return {name: "?" + urlencode({**asked, "page": number + step}) for name, step in (("before", -1), ("after", 1))}


@require_safe
def tasks(request: HttpRequest) -> HttpResponse:
    """Public tasks, with search."""
    search = request.GET.get("search", "")[:200]
    page = KeysPaginator(queries.public_tasks(search=search).select_related("created_by"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    more = {"search": search, "page": page, "rows": described(request, list(page))}
    asked = {"search": search} if search else {}
    return render(request, "resources/public_tasks.html", {"section": "tasks", **more, **_pages(page.number, asked)})

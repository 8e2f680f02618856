"""The page of the search over everything, and what search fields of forms offer."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from podium.site.accounts.choosing import ORGANIZATIONS
from podium.site.choosing import options
from podium.site.pages import finding
from podium.site.queues.choosing import QUEUES
from podium.site.resources.choosing import FILES, PARTS, SOLUTION, TASKS
from podium.site.searching import search_words

PER_PAGE = 20
_CHOICES = {kind.name: kind for kind in (TASKS, *PARTS.values(), SOLUTION, *FILES.values(), QUEUES, ORGANIZATIONS)}


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """What the words `q` are found in, the best of each kind, or with `in` all of that kind page by page."""
    asked = search_words(request.GET.get("q", "")).strip()
    words = finding.words_of(asked)
    kind = finding.KINDS.get(request.GET.get("in", ""))
    here = reverse("search")
    context: dict[str, Any] = {
        "section": "search",
        "q": asked,
        "words": words,
        "kind": kind,
        "shortest": finding.SHORTEST,
        "all_url": f"{here}?{urlencode({'q': asked})}",
        "kinds": [(each, f"{here}?{urlencode({'q': asked, 'in': each.name})}") for each in finding.KINDS.values()],
    }
    if words and kind:
        page = Paginator(finding.of_kind(request.user, words, kind), PER_PAGE).get_page(request.GET.get("page"))
        address = {"q": asked, "in": kind.name}
        context |= {"page": page, "groups": [finding.Group(kind, list(page), more=False)] if page.object_list else []}
        for name, step in (("before", -1), ("after", 1)):
            context[name] = "?" + urlencode({**address, "page": str(page.number + step)})
    elif words:
        context["groups"] = finding.everything(request.user, words)
    htmx = cast("Any", request).htmx
    part = bool(htmx) and not htmx.history_restore_request
    return render(request, "pages/_search_found.html" if part else "pages/search.html", context)


@login_required
@require_safe
def choices(request: HttpRequest, chosen: str) -> HttpResponse:
    """What a search field offers for what was written so far, which is its only parameter, by whatever name."""
    found = _CHOICES.get(chosen)
    if found is None:
        raise Http404(_("There is nothing of this kind to choose."))
    return HttpResponse(options(found.offered(request.user, next((str(text) for text in request.GET.values()), ""))))

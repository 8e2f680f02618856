"""The pages of the documentation."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from podium.site.pages import handbook


@require_safe
def docs(request: HttpRequest, chapter: str = "index") -> HttpResponse:
    """A page of the documentation, beside the others of its section."""
    if chapter in handbook.SECTIONS:
        chapter = f"{chapter}/index"
    try:
        found = handbook.chapter(chapter)
    except KeyError:
        raise Http404(_("The documentation has no page of this name.")) from None
    section = chapter.partition("/")[0]
    _title, names = handbook.SECTIONS.get(section, ("", ()))
    tabs = [
        (title, handbook.address_of(f"{folder}/index"), folder == section)
        for folder, (title, _names) in handbook.SECTIONS.items()
    ]
    beside = [
        (
            handbook.title_of(f"{section}/{name}"),
            handbook.address_of(f"{section}/{name}"),
            f"{section}/{name}" == chapter,
        )
        for name in names
    ]
    return render(request, "pages/docs.html", {"chapter": found, "tabs": tabs, "beside": beside})

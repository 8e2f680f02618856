"""The pages of the editor for what a competition says of itself: details, participation, pages, people, fact sheet."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from podium.formats.images import MAX_IMAGE_BYTES
from podium.site.accounts.models import User
from podium.site.accounts.policies import people_to_name
from podium.site.competitions.editor.forms import (
    CollaboratorForm,
    DetailsForm,
    NewForm,
    PageForm,
    ParticipationForm,
    QuestionFormSet,
    Section,
)
from podium.site.competitions.editor.saving import edited, facts_of, mark, save, shown
from podium.site.competitions.services import editing, page_pictures
from podium.site.competitions.services.editor_payload import FieldsRefused
from podium.site.competitions.shell import Shell
from podium.site.errors import Refused
from podium.site.pages.markdown import render as rendered
from podium.site.resources.choosing import has_task, only_task
from podium.site.resources.models import Task
from podium.site.resources.policies import tasks_visible_to
from podium.site.throttling import count, who_of

_READ_OR_SEND = ["GET", "HEAD", "POST"]
MOST_DIGITS = 19
"""Of a number that a database takes."""
PREVIEWS = 20
"""Previews of pages that a person gets in a minute: a long one keeps a processor busy for a second."""


STILL = gettext_lazy(
    "Who asked to take part or has submitted still takes part: deny that on the page Participants where they are not "
    "to. The secret link, and where webhooks lead to, they know; tasks that they made stay theirs to change."
)


def _sent(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _task_named(request: HttpRequest, user: User) -> Task | None:
    """The task that was made for the competition just now."""
    number = request.GET.get("task", "")
    known = number.isdecimal() and len(number) < MOST_DIGITS
    return tasks_visible_to(user).filter(pk=int(number)).first() if known else None


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def new(request: HttpRequest) -> HttpResponse:
    """Make a competition of the least that it needs, unpublished."""
    user = cast("User", request.user)
    start = timezone.now().replace(minute=0, second=0, microsecond=0)
    initial = {"task": _task_named(request, user) or only_task(user), "start": start}
    form = NewForm(_sent(request), user=user, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = editing.create_competition(user=user, given=form.given())
        except FieldsRefused as refused:
            form.refuse(refused.messages)
        except Refused as refused:
            form.add_error(None, refused.message)
        else:
            messages.success(request, _("The competition is made; nobody else sees it until you publish it."))
            return redirect("competitions:edit", made.pk)
    context = {"section": "upload", "form": form, "has_task": has_task(user)}
    return render(request, "competitions/editor/new.html", context, status=400 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def details(request: HttpRequest, pk: int) -> HttpResponse:
    """Title, description, logo, type, image, reward and contact."""
    viewed = edited(request, pk)
    now = facts_of(viewed.competition)
    part = {name: now[name] for name in DetailsForm.base_fields if name in now}
    form = DetailsForm(_sent(request), request.FILES or None, initial={**part, "seen": mark(part)})
    if request.method == "POST" and form.is_valid() and save(request, viewed, form, form.given(), part=part):
        return redirect(viewed.url("competitions:edit"))
    return shown(request, viewed, "form", "edit", form=form, heading=_("Details"), files=True)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def participation(request: HttpRequest, pk: int) -> HttpResponse:
    """Terms, approved addresses, and what participants may."""
    viewed = edited(request, pk)
    now = facts_of(viewed.competition)
    form = ParticipationForm()
    part = {name: now[name] for name in form.fields if name in now}
    initial = {**part, "whitelist_emails": "\n".join(now["whitelist_emails"]), "seen": mark(part)}
    form = ParticipationForm(_sent(request), initial=initial)
    if request.method == "POST" and form.is_valid() and save(request, viewed, form, form.given(), part=part):
        return redirect(viewed.url("competitions:edit-participation"))
    return shown(request, viewed, "form", "edit-participation", form=form, heading=_("Participation"))


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def pages(request: HttpRequest, pk: int) -> HttpResponse:
    """The list of the pages, and of the pictures that texts of the competition show; those that none shows may go."""
    viewed = edited(request, pk)
    if request.method == "POST":
        number = request.POST.get("picture", "")
        try:
            page_pictures.delete_picture(
                competition=viewed.competition,
                by=cast("User", request.user),
                picture_id=int(number) if number.isdecimal() and len(number) < MOST_DIGITS else 0,
            )
        except Refused as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, _("The picture was deleted."))
        return redirect(viewed.url("competitions:edit-pages"))
    more = {"pages": facts_of(viewed.competition)["pages"], "pictures": _pictures(viewed)}
    return shown(request, viewed, "pages", "edit-pages", **more)


def _pictures(viewed: Shell) -> list[dict[str, Any]]:
    """The pictures of a competition with their addresses, and the titles of the texts that show each."""
    titles = page_pictures.shown_on(viewed.competition)
    rows = viewed.competition.pictures.select_related("file")
    return [
        {"row": row, "url": viewed.picture_addresses().get(row.name, ""), "on": titles.get(row.name, [])}
        for row in rows
    ]


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def page(request: HttpRequest, pk: int, page_id: int | None = None) -> HttpResponse:
    """Write a page, put pictures into it, look at it before it is saved, or delete it."""
    viewed = edited(request, pk)
    there = facts_of(viewed.competition)["pages"]
    part: dict[str, Any] | None = None
    if page_id is not None:
        part = next((one for one in there if one["id"] == page_id), None)
        if part is None:
            raise Http404(_("This competition has no such page."))
    start = part or {"title": "", "content": "", "index": len(there)}
    form = PageForm(_sent(request), request.FILES or None, initial={**start, "seen": mark(part)})
    if "add" in request.POST:
        form.fields["title"].required = False  # a picture may come first
    preview = None
    if request.method == "POST" and form.is_valid() and _takes_picture(request, viewed, form):
        facts = form.given()
        if "preview" in request.POST:
            if count("preview", who_of(request), PREVIEWS).exceeded:
                form.add_error(None, _("Too many previews at once: what you wrote is here, look again in a minute."))
            else:
                preview = rendered(facts["content"], viewed.picture_addresses)
        elif "add" not in request.POST and _save_page(request, viewed, form, facts, there, part):
            return redirect(viewed.url("competitions:edit-pages"))
    return shown(
        request, viewed, "page", "edit-pages", form=form, page=part, preview=preview, pictures=_pictures(viewed)
    )


def _takes_picture(request: HttpRequest, viewed: Shell, form: PageForm) -> bool:
    """Keep the picture that comes with a page, and put it into its text; whether there is none that is refused."""
    file = form.cleaned_data["picture"]
    if not file:
        if "add" in request.POST:
            form.add_error("picture", _("Choose a picture first."))
        return "add" not in request.POST
    try:
        content = file.read(MAX_IMAGE_BYTES + 1)
        by = cast("User", request.user)
        form.show(page_pictures.add_picture(competition=viewed.competition, by=by, content=content, name=file.name))
    except Refused as refused:
        form.add_error("picture", refused.message)
        return False
    return True


def _save_page(  # noqa: PLR0917 - the parts of one request
    request: HttpRequest,
    viewed: Shell,
    form: PageForm,
    facts: dict[str, Any],
    there: list[dict[str, Any]],
    part: dict[str, Any] | None,
) -> bool:
    """Save or delete the page."""
    page_id = part["id"] if part else None
    others = [{"id": one["id"], "index": one["index"]} for one in there if one["id"] != page_id]
    if "delete" in request.POST:
        return save(request, viewed, form, {"pages": others}, part=part)
    place = min(facts["index"] if facts["index"] is not None else len(others), len(others))
    rows = [*others[:place], {**facts, "id": page_id}, *others[place:]]
    given = {"pages": [{**row, "index": index} for index, row in enumerate(rows)]}
    return save(request, viewed, form, given, part=part, prefix=("pages", place))


def _selection(row: dict[str, Any]) -> Any:
    if row["type"] == "checkbox":
        return [True, False]
    if row["type"] == "text":
        return ""
    return [line.strip() for line in row["selection"].strip("\r\n").splitlines()]


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def fact_sheet(request: HttpRequest, pk: int) -> HttpResponse:
    """The questions that are asked with each submission."""
    viewed = edited(request, pk)
    part = facts_of(viewed.competition)["fact_sheet"]
    initial = [
        {
            **question,
            "selection": "\n".join(map(str, question["selection"])) if question["type"] == "select" else "",
            "is_required": str(question["is_required"]).lower() == "true",
            "is_on_leaderboard": str(question["is_on_leaderboard"]).lower() == "true",
        }
        for question in (part or {}).values()
    ]
    form = Section(_sent(request), initial={"seen": mark(part)})
    rows = QuestionFormSet(_sent(request), initial=initial)
    if request.method == "POST" and rows.is_valid() and form.is_valid():
        kept = [row for row in rows.cleaned_data if row.get("key", "").strip() and not row["remove"]]
        sheet = {
            row["key"].strip(): {
                "key": row["key"].strip(),
                "type": row["type"],
                "title": row["title"],
                "selection": _selection(row),
                "is_required": str(row["is_required"]).lower(),
                "is_on_leaderboard": str(row["is_on_leaderboard"]).lower(),
            }
            for row in kept
        }
        if len(sheet) < len(kept):
            form.add_error(None, _("Two questions have the same key."))
        elif save(request, viewed, form, {"fact_sheet": sheet or None}, part=part):
            return redirect(viewed.url("competitions:edit-fact-sheet"))
    return shown(request, viewed, "fact_sheet", "edit-fact-sheet", form=form, rows=rows)


@login_required
@never_cache
@require_http_methods(_READ_OR_SEND)
def people(request: HttpRequest, pk: int) -> HttpResponse:
    """Who organizes the competition: add by user name, take away."""
    viewed = edited(request, pk)
    part = facts_of(viewed.competition)["collaborators"]
    form = CollaboratorForm(initial={"seen": mark(part)})
    here = viewed.url("competitions:edit-people")
    if request.method == "POST" and "remove" in request.POST:
        form = Section(request.POST)  # type: ignore[assignment]
        kept = [one for one in part if str(one) != request.POST["remove"]]
        if form.is_valid() and save(request, viewed, form, {"collaborators": kept}, part=part):
            gone = request.POST["remove"] == str(request.user.pk)
            if not gone:
                messages.info(request, STILL)
            return redirect(viewed.url("competitions:detail") if gone else here)
    elif request.method == "POST":
        form = CollaboratorForm(request.POST)
        if form.is_valid():
            found = people_to_name().filter(username__iexact=form.cleaned_data["username"]).first()
            if found is None:
                form.add_error("username", _("There is nobody of that name."))
            elif save(request, viewed, form, {"collaborators": [*part, found.pk]}, part=part):
                return redirect(here)
    people = viewed.competition.collaborators.all()
    return shown(request, viewed, "people", "edit-people", form=form, people=people, seen=mark(part))

"""What all parts of the editor share: who may, what was seen, and saving."""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from podium.site.accounts.models import User
from podium.site.competitions.editor.forms import Section
from podium.site.competitions.models import Competition
from podium.site.competitions.services import editing
from podium.site.competitions.services.editor_payload import FieldsRefused, Path, present
from podium.site.competitions.shell import Shell, shell
from podium.site.errors import Refused

CHANGED = gettext_lazy(
    "Somebody has changed this since you opened the page. What you wrote is still here; "
    "compare it with theirs in another window. Saving again puts yours in its place."
)
MENU = (
    (gettext_lazy("Details"), "edit"),
    (gettext_lazy("Participation"), "edit-participation"),
    (gettext_lazy("Pages"), "edit-pages"),
    (gettext_lazy("Phases"), "edit-phases"),
    (gettext_lazy("Leaderboards"), "edit-boards"),
    (gettext_lazy("Fact sheet"), "edit-fact-sheet"),
    (gettext_lazy("Administrators"), "edit-people"),
)


def edited(request: HttpRequest, pk: int) -> Shell:
    """The competition that is edited. Raises Http404, and PermissionDenied for others than its organizers."""
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers may do this."))
    return viewed


def facts_of(competition: Competition) -> dict[str, Any]:
    """The competition as the service would take it unchanged."""
    return present(competition)


def mark(part: Any) -> str:
    """A word for what a part of a competition is now."""
    return hashlib.sha256(json.dumps(part, sort_keys=True, cls=DjangoJSONEncoder).encode()).hexdigest()[:32]


def save(
    request: HttpRequest, viewed: Shell, form: Section, given: dict[str, Any], *, part: Any, prefix: Path = ()
) -> bool:
    """Save a part and say so; what is refused, or was changed by somebody else meanwhile, is said in the form.

    part: what it is now, for `seen` of the form. prefix: where in `given` the form's own fields are.
    """
    now = mark(part)
    if form.cleaned_data["seen"] not in {"", now}:
        form.add_error(None, CHANGED)
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["seen"] = now  # type: ignore[index]
        return False
    try:
        editing.update_competition(competition=viewed.competition, by=cast("User", request.user), given=given)
    except FieldsRefused as refused:
        form.refuse(refused.messages, prefix)
    except Refused as refused:
        form.add_error(refused.field if refused.field in form.fields else None, refused.message)
    else:
        messages.success(request, _("Saved."))
        return True
    return False


def shown(request: HttpRequest, viewed: Shell, name: str, current: str, **more: Any) -> HttpResponse:
    """A page of the editor; 400 where a form of it has errors."""
    menu = [(label, viewed.url(f"competitions:{route}"), route) for label, route in MENU]
    bad = any(one.is_bound and not one.is_valid() for one in more.values() if hasattr(one, "is_bound"))
    context = viewed.context("edit", menu=menu, current=current, **more)
    return render(request, f"competitions/editor/{name}.html", context, status=400 if bad else 200)

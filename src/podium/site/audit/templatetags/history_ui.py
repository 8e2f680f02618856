"""How an entry of the history tells what was before and after."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from django import template
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from podium.site.audit.models import AuditEntry

register = template.Library()

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


@register.inclusion_tag("audit/_changes.html")
def changes(entry: AuditEntry) -> dict[str, Any]:
    """The changed fields of an entry: name, value before and value after; None where there is none on that side."""
    names = dict.fromkeys([*entry.before, *entry.after])
    return {"rows": [(name.replace("_", " "), _side(entry.before, name), _side(entry.after, name)) for name in names]}


def _side(side: dict[str, Any], name: str) -> dict[str, Any] | None:
    if name not in side:
        return None
    shown = _shown(side[name])
    return {"moment": shown} if isinstance(shown, datetime) else {"text": shown}


def _shown(value: Any) -> str | datetime:
    """A value in words; a moment as one, so that it is shown in the viewer's zone."""
    if value is None:
        return _("nothing")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        return ", ".join(str(_shown(each)) for each in value) or _("nothing")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return parse_datetime(value) or value
    return str(value) or _("nothing")

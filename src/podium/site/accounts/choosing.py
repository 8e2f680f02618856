"""Choosing people and organizations in forms, by their names."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _

from podium.site.accounts import policies
from podium.site.choosing import Kind

MOST = 100

ORGANIZATIONS = Kind(
    "organization",
    lambda user: [policies.submitting_for(user)],
    lambda organization, user: str(organization.name),
    ("name",),
    lambda: _("You may submit for no organization like that. Choose one that the list offers."),
)
"""In whose name somebody may submit."""


class PeopleField(forms.CharField):
    """User names, separated by spaces or commas; the value is the people. Every name that nobody has is told."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"rows": 2, "autocomplete": "off", "spellcheck": "false"}
        super().__init__(**{"max_length": MOST * 60, "widget": forms.Textarea(attrs=attrs), **kwargs})

    def clean(self, value: Any) -> Any:
        """Look the names up in one query; capitals count as small letters."""
        names = list(dict.fromkeys(str(super().clean(value)).replace(",", " ").replace(";", " ").split()))
        if len(names) > MOST:
            raise forms.ValidationError(_("Name %(most)s people at most.") % {"most": MOST})
        wanted = Q(pk__in=[])
        for name in names:
            wanted |= Q(username__iexact=name)
        found = {one.username.lower(): one for one in policies.people_to_name().filter(wanted)}
        missing = [name for name in names if name.lower() not in found]
        if missing:
            raise forms.ValidationError(_("Nobody here is called %(missing)s.") % {"missing": ", ".join(missing[:10])})
        return list(found.values())

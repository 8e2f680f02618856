"""What pages of numbers are asked for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from podium.site.analytics.periods import LAST_DAY, Span, Unit, last_four_weeks
from podium.site.analytics.plots import MOST_BARS
from podium.site.words import Words


def _day(label: Words) -> forms.DateField:
    return forms.DateField(
        required=False, label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


_TOO_MANY = {
    Unit.DAY: _("That makes more than %(most)s days. Choose a longer unit."),
    Unit.WEEK: _("That makes more than %(most)s weeks. Choose a longer unit."),
    Unit.MONTH: _("That makes more than %(most)s months. Choose a longer unit."),
}


class SpanForm(forms.Form):
    """Two days (UTC), both of which count whole; the last four weeks for what is not said."""

    start_date = _day(_("From (UTC)"))
    end_date = _day(_("To (UTC)"))
    time_unit = forms.ChoiceField(required=False, label=_("By"), choices=Unit.choices)

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError where no day lies between the two, or more periods than a page can draw."""
        usual = last_four_weeks()
        asked: dict[str, Any] = super().clean() or {}
        first, last = asked.get("start_date") or usual.first, asked.get("end_date") or usual.last
        unit = asked.get("time_unit") or Unit.DAY
        if self.errors:
            return asked
        if last < first or last > LAST_DAY:
            self.add_error(
                "end_date", _("The last day must not lie before the first.") if last < first else _("Too late.")
            )
        elif Span(first, last).count(unit) > MOST_BARS:
            self.add_error("time_unit", _TOO_MANY[unit] % {"most": MOST_BARS})
        return {"start_date": first, "end_date": last, "time_unit": unit}

    def read(self) -> tuple[Span, str]:
        """The span and its unit; the usual ones where what was asked for cannot be."""
        if self.is_valid():
            asked = self.cleaned_data
            return Span(asked["start_date"], asked["end_date"]), asked["time_unit"]
        return last_four_weeks(), Unit.DAY


class SearchForm(forms.Form):
    """What a list is searched for."""

    search = forms.CharField(required=False, max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))

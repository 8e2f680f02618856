"""Forms of the webhooks' pages."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from podium.site.errors import Refused
from podium.site.webhooks.models import WebhookEvent


class WebhookForm(forms.Form):
    """Where to, and what about."""

    url = forms.CharField(
        label=_("Address"),
        max_length=1000,
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}),
        help_text=_("Begins with https://. It gets a POST with JSON, and has to answer with a status from 200 to 299."),
    )
    events = forms.MultipleChoiceField(
        label=_("Tell it when"), choices=WebhookEvent.choices, widget=forms.CheckboxSelectMultiple
    )

    def refuse(self, refused: Refused) -> None:
        """Show a refusal, beside its field where it has one."""
        self.add_error(refused.field if refused.field in self.fields else None, refused.message)

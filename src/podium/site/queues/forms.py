"""Forms of the queues' pages."""

from __future__ import annotations

import re
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from podium.site.accounts.models import User
from podium.site.accounts.policies import people_to_name
from podium.site.choosing import SearchField
from podium.site.errors import Refused
from podium.site.queues.choosing import QUEUES
from podium.site.queues.models import Queue
from podium.site.queues.services.lifecycle import MAX_ORGANIZERS
from podium.site.queues.services.names import MAX_NAME


class _Refusable(forms.Form):
    def refuse(self, refused: Refused) -> None:
        """Show a refusal, beside its field where it has one."""
        self.add_error(refused.field if refused.field in self.fields else None, refused.message)


class QueueForm(_Refusable):
    """What an owner sets of a queue."""

    name = forms.CharField(max_length=MAX_NAME, label=_("Name"), widget=forms.TextInput(attrs={"autocomplete": "off"}))
    is_public = forms.BooleanField(
        required=False,
        label=_("Public"),
        help_text=_(
            "Everybody may use a public queue for their competitions; a private one is for you and its organizers."
        ),
    )
    organizers = forms.CharField(
        required=False,
        label=_("Organizers"),
        max_length=MAX_ORGANIZERS * 60,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "User names, separated by spaces or commas. Organizers use the queue, make tokens and see its "
            "workers; only you can change or delete it."
        ),
    )

    def clean_organizers(self) -> list[User]:
        """The people named; every name that nobody has is told."""
        names = [name for name in re.split(r"[\s,;]+", self.cleaned_data["organizers"]) if name]
        people = people_to_name()
        found = {person.username.lower(): person for person in people.filter(username__in=names)}
        missing = []
        for name in names:
            if name.lower() not in found and (person := people.filter(username__iexact=name).first()):
                found[name.lower()] = person
            elif name.lower() not in found:
                missing.append(name)
        if missing:
            raise forms.ValidationError(_("Nobody here is called %(missing)s.") % {"missing": ", ".join(missing)})
        return list(found.values())

    @staticmethod
    def values_of(queue: Queue) -> dict[str, Any]:
        """What the form shows of a queue."""
        names = ", ".join(queue.organizers.order_by("username").values_list("username", flat=True))
        return {"name": queue.name, "is_public": queue.is_public, "organizers": names}


class TokenForm(_Refusable):
    """The name of a new token."""

    name = forms.CharField(
        max_length=MAX_NAME,
        label=_("Name"),
        help_text=_("For you, such as the machine that will use it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ChooseQueueForm(_Refusable):
    """Which queue a competition uses."""

    queue = SearchField(
        QUEUES,
        required=False,
        label=_("Queue"),
        help_text=_("Write a part of its name or its owner's and choose. Left empty, it is the default queue."),
    )

    def __init__(self, *args: Any, user: User, present: Queue | None, **kwargs: Any) -> None:
        """present: what the competition uses; it may stay, whosever it is."""
        super().__init__(*args, **{"initial": {"queue": present}, **kwargs})
        cast("SearchField", self.fields["queue"]).of(user, present)

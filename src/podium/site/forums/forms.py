"""Forms of the forum; that a text is too long or empty is said by the use case as well."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from podium.site.errors import Refused
from podium.site.forums.services.posting import MAX_CONTENT, MAX_REASON, MAX_TITLE

_MARKDOWN = _("Markdown: headings, lists, links, tables, `code`.")


class SearchForm(forms.Form):
    """Words in the titles of threads."""

    search = forms.CharField(
        required=False, max_length=200, widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"})
    )


class _Refusable(forms.Form):
    def refuse(self, refused: Refused) -> None:
        """Show a refusal, beside its field where it has one."""
        self.add_error(refused.field if refused.field in self.fields else None, refused.message)


class PostForm(_Refusable):
    """A post; `preview_url` is asked for what it will look like while it is written."""

    content = forms.CharField(
        label=_("Text"),
        max_length=MAX_CONTENT,
        help_text=_MARKDOWN,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "true"}),
    )

    def __init__(self, *args: Any, preview_url: str, label: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if label:
            self.fields["content"].label = label
        self.fields["content"].widget.attrs |= {
            "hx-post": preview_url,
            "hx-trigger": "input changed delay:400ms",
            "hx-target": "#preview",
        }


class ThreadForm(PostForm):
    """A thread: its title and its first post."""

    title = forms.CharField(
        max_length=MAX_TITLE, label=_("Title"), widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    field_order = ("title", "content")


class AnnouncedThreadForm(ThreadForm):
    """A thread of an organizer, who may announce it."""

    announce = forms.BooleanField(
        required=False, label=_("Announce it: mail it to the participants who want mails of organizers")
    )


class ReportForm(_Refusable):
    """Why a post is out of place."""

    reason = forms.CharField(
        required=False,
        max_length=MAX_REASON,
        label=_("What is wrong with it?"),
        widget=forms.Textarea(attrs={"rows": 4}),
    )

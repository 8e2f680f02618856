"""What the resources pages share: their second menu."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

_MENU = [
    ("submissions", _("Submissions")),
    ("datasets", _("Datasets and programs")),
    ("tasks", _("Tasks")),
    ("bundles", _("Competition bundles")),
    ("space", _("Space")),
]


def context(tab: str, /, **more: Any) -> dict[str, Any]:
    """The template context of the page called `tab`."""
    menu = [(label, reverse(f"resources:{name}"), name == tab) for name, label in _MENU]
    return {"section": "resources", "menu": menu, **more}


def numbers(texts: list[str], most: int = 200) -> set[int]:
    """The ids in an address or a form; what is none is left out."""
    return {int(text) for text in texts[:most] if text.isdecimal() and len(text) < 19}

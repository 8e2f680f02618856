"""Names that people give to queues and tokens."""

from __future__ import annotations

from django.utils.translation import gettext as _

from podium.site.errors import Refused

MAX_NAME = 64


def checked_name(name: str) -> str:
    """The name without space around it. Raises Refused for one that is empty, too long or has control characters."""
    text = name.strip()
    if not text:
        raise Refused(_("Give it a name."), field="name", code="blank")
    if len(text) > MAX_NAME:
        raise Refused(
            _("The name has %(count)s characters; %(most)s are the most.") % {"count": len(text), "most": MAX_NAME},
            field="name",
            code="max_length",
        )
    if not text.isprintable():
        raise Refused(
            _("The name has characters that cannot be shown, such as line breaks."), field="name", code="invalid"
        )
    return text

"""What the rules of bundles refuse, in the words of whoever fills in a form; they say it in English, for programs."""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext, gettext_noop

_QUOTED: Final = r'"(?P<name>.*)"'
_SAID: Final[tuple[tuple[str, str], ...]] = (
    (r"Phases must contain at least one task to be valid", gettext_noop("A phase needs at least one task.")),
    (
        rf"The phase {_QUOTED} must have an end because it has a phase after it",
        gettext_noop("The phase %(name)s needs an end, because a phase comes after it."),
    ),
    (
        rf"The phase {_QUOTED} ends \((?P<end>.*)\) before it starts \((?P<start>.*)\)",
        gettext_noop("The phase %(name)s ends (%(end)s) before it starts (%(start)s)."),
    ),
    (
        r"You cannot auto migrate to the first phase of a competition",
        gettext_noop("The first phase has none before it whose submissions it could take over."),
    ),
    (
        r"You cannot auto migrate in a competition with one phase",
        gettext_noop("The only phase has none before it whose submissions it could take over."),
    ),
    (
        r"The first phase cannot run beside the one before it",
        gettext_noop("The first phase has none before it that it could overlap."),
    ),
    (
        r"A phase that runs beside the one before it cannot take over its submissions",
        gettext_noop("A phase that overlaps the one before it cannot take over its submissions."),
    ),
    (rf"Two columns have the key {_QUOTED}; keys must be unique", gettext_noop("Two columns have the key %(name)s.")),
    (rf"Two leaderboards have the key {_QUOTED}", gettext_noop("Two leaderboards have the key %(name)s.")),
    (
        r"This leaderboard has no columns; it must have at least one",
        gettext_noop("A leaderboard needs at least one column."),
    ),
    (
        rf"The column {_QUOTED} has a computation, but no computation_indexes",
        gettext_noop("Say of which columns %(name)s is computed."),
    ),
    (
        rf"The column {_QUOTED} is computed from itself(?: through other computed columns)?",
        gettext_noop("The column %(name)s is computed from itself."),
    ),
    (r"Enter a valid email address", gettext_noop("Enter a valid email address.")),
    (
        rf"Enter a valid email address: {_QUOTED} is none",
        gettext_noop("Enter a valid email address: %(name)s is none."),
    ),
    (rf"{_QUOTED} is no name of an image", gettext_noop("%(name)s is no name of a Docker image.")),
)
_PATTERNS: Final = tuple((re.compile(rf"{pattern}\.?", re.DOTALL), words) for pattern, words in _SAID)


def said(message: str) -> str:
    """A fault in the language of the page, where it is one that a form can bring about; else as it is."""
    for pattern, words in _PATTERNS:
        found = pattern.fullmatch(message)
        if found is not None:
            return gettext(words) % found.groupdict()
    return message

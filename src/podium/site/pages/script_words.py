"""What the modules in `static/js` say, by the name of the module.

They say it in English themselves, by `say`, so pages in English carry nothing; pages in other languages carry the words
of the modules that they load. `{name}` is filled by the module.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext, gettext_noop

SCRIPT_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "page": (
        # Translators: in place of "(UTC)" in the label of a field with a time
        gettext_noop("(your time)"),
        # Translators: on a button, when what it stands for is on the clipboard
        gettext_noop("Copied"),
        # Translators: on a button, when the text beside it is selected and can be copied by hand
        gettext_noop("Selected"),
    ),
    "live": (
        # Translators: above the output of a program: the step that it runs in, and what it is
        gettext_noop("{step}: {what}"),
    ),
    "select": (
        # Translators: of rows in a list; the number may be any, so put it so that it needs no plural
        gettext_noop("{count} chosen"),
    ),
    "draft": (
        gettext_noop("What you wrote here earlier was not saved."),
        gettext_noop("Take it back in"),
        # Translators: on a button, of text that was not saved
        gettext_noop("Forget it"),
    ),
    "pictures": (
        gettext_noop("The picture is being added."),
        gettext_noop("The picture is in the text."),
        gettext_noop("The picture could not be sent. What you wrote is still here: try again."),
    ),
    "keys": (
        gettext_noop("Browsers use security keys on https pages only."),
        gettext_noop("This key is here already. Use another one."),
        gettext_noop("No key answered: it took too long, was called off, or is not one of this account. Try again."),
        gettext_noop("The key could not be used. Try again, or use another one."),
    ),
    "upload": (
        gettext_noop("Choose a zip file, or drop it here"),
        gettext_noop("Your file is uploaded. Choose another to replace it"),
        gettext_noop("{size}. Click or drop to choose another file."),
        # Translators: how much of a file is sent: 1.5 MB of 3.0 MB (50 %)
        gettext_noop("{sent} of {size} ({share})"),
        # Translators: the same, with how long it will take: "12 seconds", "3 minutes", in your language already
        gettext_noop("{sent} of {size} ({share}), about {left} left"),
        gettext_noop("Uploaded. Checking…"),
        gettext_noop("{name} is empty."),
        gettext_noop("{name} is not a zip file, or its end is missing."),
        gettext_noop("The connection broke. The upload goes on when it is back."),
        # Translators: after "The connection broke." or "The server answered 502."
        gettext_noop("Try again: the upload goes on where it broke off."),
        # Translators: somebody has stopped an upload
        gettext_noop("Stopped. Nothing was submitted."),
        gettext_noop("{number} bytes"),
        gettext_noop("{number} KB"),
        gettext_noop("{number} MB"),
        gettext_noop("{number} GB"),
    ),
    "sending": (
        gettext_noop("The connection broke."),
        # Translators: {status} is a number such as 502
        gettext_noop("The server answered {status}."),
    ),
}


def translated(name: str) -> dict[str, str]:
    """What a module says otherwise in the language that is active, by its English words."""
    words = {word: gettext(word) for word in SCRIPT_WORDS.get(name, ())}
    return {word: said for word, said in words.items() if said != word}

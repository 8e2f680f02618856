"""What a user name may look like, and what is shown as a name."""

import unicodedata
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinLengthValidator, RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

USERNAME_VALIDATORS: list[Callable[[Any], None]] = [
    MinLengthValidator(2),
    RegexValidator(
        r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z",
        gettext_lazy("Use letters, digits, dots, dashes and underscores; begin and end with a letter or digit."),
    ),
]

_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns the direction of the letters around it, so that a name reads as another."""


def check_shown_name(text: str) -> None:
    """Raise ValidationError for a name that breaks a line, turns letters around, or cannot be seen; "" is none."""
    if any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} or letter in _TURNING for letter in text):
        raise ValidationError(_("A name is one line, without characters that control how it is shown."))
    if text and not any(unicodedata.category(letter)[0] in "LNPS" for letter in text):
        raise ValidationError(_("Give a name that can be seen."))

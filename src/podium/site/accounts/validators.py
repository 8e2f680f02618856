"""What a user name may look like."""

from collections.abc import Callable
from typing import Any

from django.core.validators import MinLengthValidator, RegexValidator

USERNAME_VALIDATORS: list[Callable[[Any], None]] = [
    MinLengthValidator(2),
    RegexValidator(
        r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$",
        "Use letters, digits, dots, dashes and underscores; begin and end with a letter or digit.",
    ),
]

"""The type of words for people that may be translated only when they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.functional import Promise

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise as Words
else:
    Words = str | Promise

__all__ = ["Words"]

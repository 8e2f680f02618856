"""Tell programs that were written for another language than they will be started with."""

from __future__ import annotations

import io
import re
import tabnanny
import tokenize
from typing import Final

_MAX_LOOKED_AT: Final = 2**15
"""Bytes of a source whose indentation is looked at: reading a hundred such files takes a few seconds."""
# Statements that no Python 3 reads: print without brackets, except with a comma, raise with a comma.
_STATEMENTS: Final = re.compile(
    rb"^[ \t]{0,200}(?:print[ \t]{1,20}(?:[\"'%]|[A-Za-z_][\w.]{0,100}[ \t]{0,20}(?:,|%|$))"
    rb"|print[ \t]{0,20}>>|except[ \t]{1,20}\w{1,100}[ \t]{0,20},[ \t]{0,20}\w{1,100}[ \t]{0,20}:"
    rb"|raise[ \t]{1,20}\w{1,100}[ \t]{0,20},[ \t]{0,20}[\"'])",
    re.MULTILINE,
)


def python2_line(source: bytes) -> int | None:
    """Return the first line of a program that only Python 2 reads, None where there is none.

    Such are statements of that language, and indentation whose meaning depends on the width of a tab.
    """
    text = source.replace(b"\r\n", b"\n")
    found = _STATEMENTS.search(text)
    if found is not None:
        return text.count(b"\n", 0, found.end()) + 1
    return _ambiguous_line(text[:_MAX_LOOKED_AT].decode("utf-8", "replace"))


def _ambiguous_line(text: str) -> int | None:
    if "\n\t" not in text and " \t" not in text:
        return None
    try:
        tabnanny.process_tokens(tokenize.generate_tokens(io.StringIO(text).readline))
    except tabnanny.NannyNag as found:
        return int(found.get_lineno())
    except (tokenize.TokenError, SyntaxError, ValueError):  # cut off, or wrong in another way
        return None
    return None

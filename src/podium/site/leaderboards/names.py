"""Names as the search of a board compares them."""

from __future__ import annotations

import unicodedata

MOST = 150
"""Characters of a folded name that are kept; folding makes at most three of one."""


def folded(name: str) -> str:
    """A name without the differences of case and of composition: what it is searched by."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())[:MOST]

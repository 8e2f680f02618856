"""Writes the table of causes of failure into the participants' documentation, from the protocol itself.

`python scripts/cause_table.py` rewrites the page; a test fails when page and code differ.
"""

from __future__ import annotations

from generated import DOCS, markdown_table, write

from podium.protocol.causes import Cause, Step, advice_for, fault_of

PAGE = DOCS / "participants" / "failures.md"


def table() -> str:
    """The causes as a Markdown table: name, whose fault in each step, what to do next."""
    rows = [
        (f"`{cause}`", str(fault_of(cause, Step.PREDICTION)), str(fault_of(cause, Step.SCORING)), advice_for(cause))
        for cause in Cause
    ]
    return markdown_table(("Cause", "Fault in prediction", "Fault in scoring", "What to do next"), rows)


if __name__ == "__main__":
    write(PAGE, "cause", table())

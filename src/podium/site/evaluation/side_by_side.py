"""Two submissions of a phase beside each other: what is the same in both, and by how much the rest differs.

Nothing is decided here: what a person may see of each is what the page of that submission gives them, and is handed in.
Programs print what they like, so what is compared of it is bounded: the ends of the streams, so many lines of them, and
of each line the beginning.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from podium.ranking.display import NOT_AVAILABLE, format_score
from podium.site.leaderboards.models import Score
from podium.site.pages.times import seconds_text
from podium.site.resources.services import human_size
from podium.site.words import Words

MOST_LINES: Final = 600
"""How many lines of a stream are compared: the last ones."""
MOST_SHOWN: Final = 300
"""How many lines of differences are shown of a stream."""
LINE_LENGTH: Final = 400
"""How many characters of a line are compared and shown."""
ABSENT: Final = "—"


@dataclass(frozen=True)
class Line:
    """One thing of both; `change` says how the right one differs, `tone` ("good", "bad", "") whether that is better."""

    label: str
    left: str
    right: str
    change: str = ""
    tone: str = ""

    @property
    def differs(self) -> bool:
        """Whether the two are not the same."""
        return bool(self.change) or self.left != self.right


def scores(left: Iterable[Score], right: Iterable[Score], task: str = "") -> list[Line]:
    """The scores by column, in the order of the columns. task: whose they are, where a phase has several."""
    ours, theirs = ({each.column_id: each for each in side} for side in (left, right))
    columns = {each.column_id: each.column for each in (*ours.values(), *theirs.values())}
    lines = []
    for column in sorted(columns.values(), key=lambda one: (one.index, one.pk)):
        one, other = ours.get(column.pk), theirs.get(column.pk)
        change = tone = ""
        if one and other and one.value != other.value:
            rises = other.value > one.value
            change = _difference(other.value - one.value, column.precision)
            tone = "good" if rises == (column.sorting == "desc") else "bad"
        texts = [format_score(each.value, column.precision) if each else NOT_AVAILABLE for each in (one, other)]
        lines.append(Line(f"{task}: {column.title}" if task else column.title, texts[0], texts[1], change, tone))
    return lines


def _difference(difference: float, precision: int) -> str:
    """A difference of scores with its sign; with more digits than the column has where it would read as none."""
    text = format_score(difference, precision)
    text = text if any(digit in "123456789" for digit in text) else f"{difference:.2g}"
    return text if difference < 0 else f"+{text}"


_MEASURES: Final[tuple[tuple[str, Words, Callable[[float], str]], ...]] = (
    ("wall_seconds", gettext_lazy("%(program)s, time"), seconds_text),
    ("cpu_seconds", gettext_lazy("%(program)s, CPU"), seconds_text),
    ("peak_memory_bytes", gettext_lazy("%(program)s, memory"), human_size),
)


def programs(left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]) -> list[Line]:
    """How each program ended and what it used. left, right: the programs of each, with `title` and `ended`."""
    ours, theirs = ({each["title"]: each for each in side} for side in (left, right))
    lines = []
    for title in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(title, {}), theirs.get(title, {})
        lines.append(
            Line(_("%(program)s, ended") % {"program": title}, one.get("ended", ABSENT), other.get("ended", ABSENT))
        )
        for name, words, text in _MEASURES:
            values = one.get(name), other.get(name)
            if values == (None, None):
                continue
            left_text, right_text = (ABSENT if value is None else text(value) for value in values)
            lines.append(Line(str(words) % {"program": title}, left_text, right_text, _more(*values)))
    return lines


def duration(left: float | None, right: float | None) -> list[Line]:
    """How long each took from its start to its end, in seconds; None where it has not ended."""
    if left is None and right is None:
        return []
    texts = [ABSENT if seconds is None else seconds_text(seconds) for seconds in (left, right)]
    return [Line(_("From start to end"), texts[0], texts[1], _more(left, right))]


def _more(one: float | None, other: float | None) -> str:
    """By how many per cent the other is more or less, "" where that says nothing."""
    if one is None or other is None or one <= 0 or round(100 * (other - one) / one) == 0:
        return ""
    return f"{100 * (other - one) / one:+.0f} %"


def answers(left: Iterable[tuple[str, Any]], right: Iterable[tuple[str, Any]]) -> list[Line]:
    """The answers of the fact sheets, question by question."""
    ours, theirs = dict(left), dict(right)
    titles = dict.fromkeys([*ours, *theirs])
    return [Line(str(one), str(ours.get(one, ABSENT)), str(theirs.get(one, ABSENT))) for one in titles]


@dataclass(frozen=True)
class Log:
    """A program stream of both.

    rows: kind ("same", "out": the left alone has it, "in": the right alone, "gap") and text. is_cut: whether more was
    printed, or differs, than is compared or shown.
    """

    title: str
    rows: list[tuple[str, str]]
    is_cut: bool

    @property
    def is_same(self) -> bool:
        """Whether nothing differs in what was compared."""
        return not self.rows


def logs(left: Iterable[Any], right: Iterable[Any]) -> list[Log]:
    """The streams of both, as the pages of the submissions show them: with `step`, `stream`, `title`, `text`, `cut`."""
    ours, theirs = ({(pane.step, pane.stream): pane for pane in side} for side in (left, right))
    found = []
    for key in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(key), theirs.get(key)
        rows, is_cut = _differences(*(_lines(pane.text) if pane else ([], False) for pane in (one, other)))
        is_cut = is_cut or any(pane.cut for pane in (one, other) if pane)
        found.append(Log((one or other).title, rows, is_cut))  # type: ignore[union-attr]
    return found


def _lines(text: str) -> tuple[list[str], bool]:
    """The last lines of a text, each cut, and whether anything was left out."""
    every = text.splitlines()
    kept = [line[:LINE_LENGTH] for line in every[-MOST_LINES:]]
    return kept, len(every) > MOST_LINES or any(len(line) > LINE_LENGTH for line in every[-MOST_LINES:])


_KINDS: Final = {"+": "in", "-": "out", "@": "gap", " ": "same"}


def _differences(one: tuple[list[str], bool], other: tuple[list[str], bool]) -> tuple[list[tuple[str, str]], bool]:
    found = difflib.unified_diff(one[0], other[0], n=2, lineterm="")
    rows = [(_KINDS[line[0]], line[1:]) for line in islice(found, 2, MOST_SHOWN + 3)]
    rows = [("gap", "") if kind == "gap" else (kind, text) for kind, text in rows]
    return rows[:MOST_SHOWN], one[1] or other[1] or len(rows) > MOST_SHOWN

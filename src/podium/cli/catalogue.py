"""What submissions are shown with that they do not carry themselves: their competition's title, and its columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podium.ranking.display import format_score

if TYPE_CHECKING:
    from podium.client import Competition, Podium
    from podium.client.models import Column

MOST_COMPETITIONS = 40
"""How many competitions are asked for, one request each, to find those that some submissions belong to."""
_UNSEEN = frozenset({403, 404})


@dataclass
class Catalogue:
    """The competitions of some phases; a phase that was not found is shown without."""

    competitions: dict[int, Competition] = field(default_factory=dict)

    def title(self, phase: int) -> str | None:
        """The title of the competition that a phase belongs to."""
        found = self.competitions.get(phase)
        return found.title if found else None

    def column(self, phase: int, key: str) -> Column | None:
        """The column with a key; None when boards of the competition show it differently, or it is not known."""
        found = self.competitions.get(phase)
        columns = [c for board in found.leaderboards for c in board.columns if c.key == key] if found else []
        return columns[0] if len({(c.title, c.precision) for c in columns}) == 1 else None

    def heading(self, phase: int, key: str) -> str:
        """What a column is called: its title, else its key."""
        column = self.column(phase, key)
        return column.title or key if column else key

    def rounded(self, phase: int, key: str, score: str | None) -> str | None:
        """A score with the column's decimals, as the page shows it; as it is when the column is not known."""
        column = self.column(phase, key)
        return shown(score, column.precision) if column else score

    def add(self, competition: Competition) -> None:
        """Know the phases of a competition."""
        self.competitions |= {phase.id: competition for phase in competition.phases}


def shown(score: str | None, precision: int) -> str:
    """A score's text with a number of decimals; text that is no number stays as it is."""
    if score is None:
        return format_score(None, precision)
    try:
        return format_score(float(score), precision)
    except ValueError:
        return score


def look_up(client: Podium, phases: Iterable[int], competition: int | None = None) -> Catalogue:
    """Find the competitions of some phases: the one that is named, else among those that the caller has to do with."""
    found, missing = Catalogue(), set(phases)
    candidates = iter([competition]) if competition is not None else _own(client) if missing else iter(())
    for number, _ in zip(candidates, range(MOST_COMPETITIONS), strict=False):
        if not missing - set(found.competitions):
            break
        if one := _visible(client, number):
            found.add(one)
    return found


def _own(client: Podium) -> Iterator[int]:
    """The competitions that the caller takes part in, then those that they organize."""
    yield from (item.id for item in client.competitions(participating=True, kind="any"))
    yield from (item.id for item in client.competitions(mine=True, kind="any"))


def _visible(client: Podium, number: int) -> Competition | None:
    from podium.client import ApiError  # noqa: PLC0415 - brings the HTTP library

    try:
        return client.competition(number)
    except ApiError as error:
        if error.status not in _UNSEEN:
            raise
        return None  # hidden since: its submissions are shown without its title

"""What a reader does with a board: search, sort, choose columns, find their own row; all of it in the address."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Phase
from podium.site.leaderboards import selection
from podium.site.leaderboards.models import Entry, Score
from podium.site.leaderboards.services import places
from tests.factories import UserFactory, finished_submission
from tests.site.acting import phase_of
from tests.site.reading_boards import BoardOnPage
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Making = Callable[..., Competition]

COLUMNS = [
    {"title": "A", "key": "a", "index": 0, "sorting": "desc"},
    {"title": "B", "key": "b", "index": 1, "sorting": "asc"},
]
PEOPLE = {"Ann Lee": (3, 30), "bob": (2, 10), "Äsa": (1, None), "annika": (0, 20)}


@pytest.fixture
def phase(make_competition: Making) -> Phase:
    """A board of four, whose second column orders them otherwise."""
    phase = phase_of(make_competition(columns=COLUMNS))
    for name, (a, b) in PEOPLE.items():
        person = UserFactory(username=f"user-{a}", display_name=name)
        submission = finished_submission(phase, person, a)
        Score.objects.filter(submission=submission, column__key="b").update(value=b or 0)
        if b is None:
            Score.objects.filter(submission=submission, column__key="b").delete()
    return phase


def shown(visitor: Visitor, phase: Phase, query: str = "") -> list[tuple[str, str]]:
    """Rank and name of each row."""
    visitor.open(f"/competitions/{phase.competition_id}/results/?phase={phase.pk}{query}")
    return [(row[0], row[1]) for row in BoardOnPage(visitor.response.content.decode()).rows]


@pytest.mark.parametrize("most", [1000, 2])
def test_a_name_is_found_whatever_its_case_and_keeps_its_rank(
    most: int, visitor: Visiting, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "MOST", most)  # with 2 the board is a large one
    assert shown(visitor(), phase, "&search=ANN") == [("1", "Ann Lee"), ("4", "annika")]
    assert shown(visitor(), phase, "&search=äs") == [("3", "Äsa")]
    assert shown(visitor(), phase, "&search=%25") == shown(visitor(), phase, "&search=_") == []
    inside = shown(visitor(), phase, "&search=lee")
    assert inside == ([("1", "Ann Lee")] if most == 1000 else []), "inside names only where the board is small"
    somebody = visitor()
    page = somebody.open(f"/competitions/{phase.competition_id}/results/?phase={phase.pk}&search=nobody")
    assert "Nobody of that name" in page.text
    assert any("search" not in link and f"phase={phase.pk}" in link for link in page.links)


@pytest.mark.parametrize("most", [1000, 3])
def test_another_order_is_a_view_in_which_ranks_stay_and_missing_scores_are_last(
    most: int, visitor: Visiting, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "MOST", most)
    by_b = [("2", "bob"), ("4", "annika"), ("1", "Ann Lee"), ("3", "Äsa")][:most]
    assert shown(visitor(), phase, "&sort=b") == by_b
    worse_first = [("1", "Ann Lee"), ("4", "annika"), ("2", "bob"), ("3", "Äsa")][:most]
    assert shown(visitor(), phase, "&sort=-b") == worse_first
    somebody = visitor()
    page = somebody.open(f"/competitions/{phase.competition_id}/results/?phase={phase.pk}&sort=b")
    assert "Sorted by B; the ranks are those of the board." in page.text
    assert 'aria-sort="ascending"' in somebody.response.content.decode()
    assert ("Only the first 3 are listed here" in page.text) is (most == 3)
    assert next(link for link in page.links if "sort=-b" in link), "a second click turns it round"


def test_what_is_no_column_and_no_order_changes_nothing(visitor: Visiting, phase: Phase) -> None:
    plain = shown(visitor(), phase)
    assert [rank for rank, _ in plain] == list("1234")
    for query in ("&sort=nothing", "&sort=-", "&sort=b:99", "&column=nothing", "&search=%00", "&sort=b%00"):
        assert shown(visitor(), phase, query) == plain, query


def test_columns_are_chosen_in_the_address_and_kept_by_every_link(visitor: Visiting, phase: Phase) -> None:
    somebody = visitor()
    page = somebody.open(f"/competitions/{phase.competition_id}/results/?phase={phase.pk}&column=b&search=a")
    board = BoardOnPage(somebody.response.content.decode())
    assert [heading.split(" ")[0] for heading in board.head[:3]] == ["#", "Participant", "B"]
    sorting = [link for link in page.links if "sort=" in link]
    assert sorting and all("column=b" in link and "search=a" in link for link in sorting)
    assert "Ordered by A, then by" in page.text, "by the primary column, shown or not"


def test_equal_scores_have_the_medal_of_the_first_of_them(visitor: Visiting, competition: Competition) -> None:
    phase = phase_of(competition)
    for value in (5, 5, 4, 4, 3, 3):
        finished_submission(phase, UserFactory(), value)
    somebody = visitor()
    assert [rank for rank, _ in shown(somebody, phase)] == list("123456"), "a rank is a position"
    html = somebody.response.content.decode()
    assert [html.count(f"medal--{place}") for place in (1, 2, 3)] == [2, 0, 2]


def test_a_person_is_found_by_the_name_that_they_have_now(visitor: Visiting, phase: Phase, ada: User) -> None:
    bob = User.objects.get(display_name="bob")
    admin = visitor(ada)
    address = f"/admin/accounts/user/{bob.pk}/change/"
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    data = {"username": bob.username, "display_name": "Robert", "quota": 1000, "queue_limit": 5, "is_active": "on"}
    assert admin.client.post(address, {**data, **joined}).status_code == 302
    assert shown(visitor(), phase, "&search=robert") == [("2", "Robert")]
    assert shown(visitor(), phase, "&search=bob") == []


def test_places_are_right_however_entries_come_and_go(
    competition: Competition, monkeypatch: pytest.MonkeyPatch, visitor: Visiting, pat: User
) -> None:
    monkeypatch.setattr(places, "SIZE", 4)
    phase = phase_of(competition)
    made = [finished_submission(phase, UserFactory(), (n * 7) % 23) for n in range(30)]
    for gone in (*made[::4], made[1]):
        gone.delete()
    User.objects.filter(pk=made[2].owner_id).delete()
    entry = Entry.objects.order_by("sort_key").first()
    assert entry is not None
    places.take_turn(phase.pk)
    places.move(entry, "f" * len(entry.sort_key))
    order = list(Entry.objects.order_by("sort_key").values_list("submission_id", flat=True))
    positions = selection.Positions(phase.pk)
    assert positions.count == len(order)
    assert positions.ranks(order) == {pk: rank for rank, pk in enumerate(order, start=1)}
    for start in range(len(order)):
        entries = positions.entries(start, 5)
        assert [one.submission_id for one in entries] == order[start : start + 5]
    places.rebuild(phase.pk)
    again = selection.Positions(phase.pk)
    assert again.ranks(order) == {pk: rank for rank, pk in enumerate(order, start=1)}
    assert positions.ranks(order) == again.ranks(order), "blocks that have changed meanwhile are read again"

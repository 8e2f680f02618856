"""Lists and pages ask the database the same number of questions, and read no more rows than they show."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import caches
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions import counts
from podium.site.competitions.models import Competition, Page
from podium.site.competitions.queries import counters
from podium.site.evaluation import policies, views
from podium.site.evaluation import queries as submissions
from podium.site.evaluation.models import Submission
from podium.site.fetching import Merged
from podium.site.leaderboards import queries
from podium.site.leaderboards.models import Entry, Leaderboard
from tests.factories import CompetitionFactory, ParticipantFactory, UserFactory, finished_submission, phase_with_board
from tests.site.database_reading import Reading

Client = Callable[[User | None], APIClient]


def asked(client: APIClient, path: str) -> list[str]:
    """The queries of one request, after a first one that warms whatever is kept."""
    caches["local"].clear()
    assert client.get(path).status_code == 200
    with CaptureQueriesContext(
        connection,
    ) as queries_:
        assert client.get(path).status_code == 200
    return [query["sql"] for query in queries_.captured_queries]


def unlike(few: list[str], many: list[str]) -> str:
    """The queries that occur more often with many rows, for the message of a failure."""

    def shapes(queries_: list[str]) -> list[str]:
        return [re.sub(r"\d+|'[^']*'", "?", query)[:300] for query in queries_]

    before, after = shapes(few), shapes(many)
    return "\n".join(sorted({shape for shape in after if after.count(shape) > before.count(shape)}))


class Site:
    """A competition whose numbers grow."""

    def __init__(self, olivia: User, pat: User) -> None:
        self.olivia, self.pat = olivia, pat
        self.competition = CompetitionFactory(created_by=olivia, title="The one")
        ParticipantFactory(competition=self.competition, user=pat)
        self.phase = phase_with_board(self.competition, columns=2, task_count=1)

    def grow(self, count: int) -> None:
        """More competitions, people, pages, and submissions on the board."""
        for number in range(count):
            CompetitionFactory()
            Page.objects.create(competition=self.competition, title="Page", index=number)
            person = UserFactory()
            ParticipantFactory(competition=self.competition, user=person)
            for owner in (person, self.pat):
                finished_submission(
                    self.phase, owner, float(number), task=self.phase.tasks.get(), fact_sheet_answers={"a": 1}
                )


@pytest.fixture
def site(olivia: User, pat: User) -> Site:
    return Site(olivia, pat)


PATHS = [
    "/",
    "/competitions/public/",
    "/competitions/",
    "/competitions/{competition}/",
    "/competitions/{competition}/phases/",
    "/competitions/{competition}/submissions/",
    "/competitions/{competition}/results/",
    "/competitions/{competition}/results/?search=pers",
    "/competitions/{competition}/results/?sort=score_1",
    "/api/competitions/",
    "/api/competitions/public/",
    "/api/competitions/front_page/",
    "/api/competitions/{competition}/",
    "/api/submissions/",
    "/api/phases/{phase}/get_leaderboard/",
    "/api/datasets/",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_list_of_many_asks_no_more_than_a_list_of_few(path: str, site: Site, client_of: Client) -> None:
    path = path.format(competition=site.competition.pk, phase=site.phase.pk)
    client = client_of(site.pat)
    site.grow(3)
    few = asked(client, path)
    site.grow(12)
    many = asked(client, path)
    assert len(many) == len(few), unlike(few, many)
    assert len(many) <= 40


@pytest.mark.parametrize("role", ["pat", "olivia"])
def test_a_competition_of_many_tasks_asks_no_more_than_one_of_few(role: str, site: Site, client_of: Client) -> None:
    client, path = client_of(getattr(site, role)), f"/api/competitions/{site.competition.pk}/"
    phase_with_board(site.competition, index=1, task_count=2)
    few = asked(client, path)
    phases = 6
    for index in range(2, 2 + phases):
        phase_with_board(site.competition, index=index, task_count=2)
    many = asked(client, path)
    per_phase = (len(many) - len(few)) / phases
    assert per_phase <= 2, f"{per_phase} queries for each phase: {unlike(few, many)}"


def rows_read(monkeypatch: pytest.MonkeyPatch, *models: Any) -> dict[str, int]:
    """Counts the rows of these models that are made into objects."""
    counts = {model.__name__: 0 for model in models}
    for model in models:
        real = model.from_db.__func__

        def counted(cls: Any, *args: Any, real: Any = real, **kwargs: Any) -> Any:
            counts[cls.__name__] += 1
            return real(cls, *args, **kwargs)

        monkeypatch.setattr(model, "from_db", classmethod(counted))
    return counts


def test_a_page_of_a_board_reads_the_rows_of_that_page_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.grow(30)
    read = rows_read(monkeypatch, Entry)
    shown = queries.board(site.phase, site.pat, page=2, per_page=10)
    assert shown is not None
    assert len(shown.rows) == 10
    assert read == {"Entry": 10}


def test_a_page_of_competitions_reads_that_page_only(
    site: Site, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.grow(30)
    read = rows_read(monkeypatch, Competition)
    client_of(None).get("/api/competitions/public/?page_size=10")
    assert read == {"Competition": 10}


def test_the_home_page_counts_published_competitions_people_and_whole_submissions(site: Site) -> None:
    site.grow(2)
    CompetitionFactory(published=False, created_by=site.olivia)
    UserFactory(is_deleted=True, is_active=False)
    people = User.objects.filter(is_deleted=False).count()
    assert counters() == {"competitions": 3, "users": people, "submissions": 4}


def test_what_the_home_page_counts_does_not_grow_with_the_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "LARGE", 5)
    site.grow(5)
    counts.recount()
    counters()
    with Reading() as few, CaptureQueriesContext(connection) as asked_of_few:
        counters()
    site.grow(60)
    counts.recount()
    with Reading() as many, CaptureQueriesContext(connection) as asked_of_many:
        assert counters()["submissions"] == 130
    assert len(asked_of_many) == len(asked_of_few)
    assert many.count() <= few.count() * 1.2


def test_large_numbers_of_the_home_page_are_those_of_the_last_count(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "LARGE", 3)
    site.grow(4)
    assert counters()["submissions"] == 3, "nobody has counted yet"
    counts.recount()
    assert counters()["submissions"] == 8
    site.grow(1)
    assert counters()["submissions"] == 8
    counts.recount()
    assert counters()["submissions"] == 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", ["/competitions/{0}/submissions/all/", "/api/submissions/?phase__competition={0}&page_size=50"]
)
def test_the_organizers_list_reads_as_much_of_many_submissions_as_of_few(
    path: str, client_of: Client, site: Site, olivia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "LARGE", 20)
    client, read, path = client_of(olivia), [], path.format(site.competition.pk)
    for _ in range(2):
        site.grow(250)
        caches["local"].clear()
        assert client.get(path).status_code == 200
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
                if connection.vendor == "postgresql":  # tables this small would be read whole, one way or another
                    for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
                        cursor.execute(f"SET LOCAL enable_{way} = off")
                    cursor.execute("SET LOCAL random_page_cost = 0")
            with Reading() as reading:
                assert client.get(path).status_code == 200
        read.append(reading.count())
    assert read[1] < read[0] * 1.2, read


def test_the_number_of_an_organizers_list_is_of_all_of_the_competition(
    client_of: Client, site: Site, olivia: User
) -> None:
    site.grow(60)
    page = client_of(olivia).get(f"/competitions/{site.competition.pk}/submissions/all/").content.decode()
    assert f"{site.competition.phases.get().submissions.count()} submissions" in page


@pytest.mark.slow
def test_the_list_of_all_that_somebody_sees_reads_little_where_they_see_little(
    client_of: Client, site: Site, sam: User
) -> None:
    """All newer submissions are private and on no board: they are no reason to look at each of them."""
    site.grow(5)
    facts = {"phase": site.phase, "owner": site.pat, "kind": "result"}
    rows = Submission.objects.bulk_create([Submission(**facts) for _ in range(2000)])
    Submission.objects.filter(pk=rows[0].pk).update(is_public=True)
    client, address = client_of(sam), "/api/submissions/?page_size=50"
    seen = {one["id"] for one in client.get(address).json()}
    assert seen == {*Entry.objects.values_list("submission", flat=True), rows[0].pk}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
            if connection.vendor == "postgresql":  # tables this small would be read whole, one way or another
                for way in ("seqscan", "hashjoin", "mergejoin"):
                    cursor.execute(f"SET LOCAL enable_{way} = off")
        for asked_for in (address, f"{address}&search=nowhere"):
            with Reading() as reading:
                assert client.get(asked_for).status_code == 200
            assert reading.count() < {"sqlite": 30_000, "postgresql": 1500}[connection.vendor], asked_for


def test_the_ways_in_which_somebody_sees_submissions_are_together_all_that_they_see(site: Site, ada: User) -> None:
    site.grow(4)
    other = phase_with_board(CompetitionFactory(published=False), task_count=1)
    hidden = phase_with_board(CompetitionFactory())
    Leaderboard.objects.filter(pk=hidden.leaderboard_id).update(hidden=True)
    bot, sam = UserFactory(is_bot=True), UserFactory()
    Competition.objects.filter(pk=hidden.competition_id).update(allow_robot_submissions=True)
    for phase in (other, hidden, site.phase):
        whole = finished_submission(phase, UserFactory(), 1.0)
        part = Submission.objects.create(phase=phase, owner=whole.owner, parent=whole, kind="result")
        Submission.objects.create(phase=phase, owner=site.pat, kind="result", is_public=True)
        Submission.objects.create(phase=phase, owner=site.pat, kind="result")
        Submission.objects.create(phase=phase, owner=site.pat, kind="result", is_public=True, is_soft_deleted=True)
        assert part.parent == whole
    for user in (AnonymousUser(), sam, site.pat, site.olivia, ada, bot):
        for deleted in (False, True):
            ways = policies.ways_to_see(user, deleted=deleted)
            together = set().union(*(way.values_list("pk", flat=True) for way in ways))
            seen = set(policies.visible_to(user, deleted=deleted).values_list("pk", flat=True))
            assert together == seen, (user, deleted)
            assert seen


def test_pages_put_together_from_several_ways_are_those_of_one_query(
    client_of: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.grow(20)
    client, pages = client_of(site.pat), range(1, 7)

    def numbers() -> list[list[int]]:
        return [[one["id"] for one in client.get(f"/api/submissions/?page_size=9&page={n}").json()] for n in pages]

    merged = numbers()
    monkeypatch.setattr(Merged, "DEEP", 0)
    assert merged == numbers()
    assert merged[0] == sorted(merged[0], reverse=True)


@pytest.mark.parametrize("hits", [0, 1, 3])
def test_a_search_counts_and_shows_the_same_hits_however_many_there_are(
    hits: int, client_of: Client, site: Site, olivia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.grow(3)
    monkeypatch.setattr(views, "SEARCHED", 2)
    monkeypatch.setattr(submissions, "MANY_OWNERS", 1)
    for n in range(hits):
        finished_submission(site.phase, UserFactory(username=f"Zebra{n}"), 1.0)
    api = client_of(olivia).get(f"/api/submissions/?phase={site.phase.pk}&search=zEbRa").json()
    assert len(api) == hits
    page = client_of(olivia).get(f"/competitions/{site.competition.pk}/submissions/all/?search=ZEBRA").content.decode()
    assert [f"Zebra{n}" in page for n in range(3)] == [n < hits for n in range(3)]

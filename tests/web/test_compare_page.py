"""Two submissions of a phase side by side: the page, and what each may see of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from podium.protocol import Cause, Failure, Step, Stream
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant, Phase
from podium.site.evaluation import side_by_side
from podium.site.evaluation.models import Run, Submission
from podium.site.leaderboards.models import Column, Entry, Leaderboard
from podium.site.queues.models import Queue
from tests.factories import CODE, UserFactory, finished_submission
from tests.site.acting import WorkerDouble, frame, scores, submit
from tests.web.conftest import Visitor
from tests.web.test_submission_pages import FACT_SHEET

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Making = Callable[..., Competition]


def address(*submissions: Submission, competition: Competition | None = None) -> str:
    whose = competition or submissions[0].phase.competition
    query = "&".join(f"submission={each.pk}" for each in submissions)
    return f"/competitions/{whose.pk}/submissions/compare/?{query}"


@pytest.fixture
def two(make_competition: Making, queue: Queue, pat: User) -> tuple[Submission, Submission]:
    """Two of pat's, scored 0.5 and 0.75, which printed and answered differently and took a second and two."""
    worker = WorkerDouble(queue)
    competition = make_competition(fact_sheet=FACT_SHEET, ingestion=True)
    made = []
    for method, said, value in (("trees", "first\nsame\n", 0.5), ("nets", "second\nsame\n", 0.75)):
        made.append(submit(pat, competition, CODE, fact_sheet_answers={"method": method, "gpu": True, "layers": 1}))
        job = worker.job()
        worker.beat(job, frames=[frame(said), frame("<b>loud</b>\n", stream=Stream.STDERR)])
        worker.finish(job, programs=[])
        worker.finish(worker.job(), scores(accuracy=value))
        program = {
            "name": "scoring",
            "cause": "ok",
            "exit_code": 0,
            "wall_seconds": 2 * value,
            "peak_memory_bytes": 1e6,
        }
        Run.objects.filter(submission=made[-1], step=Step.SCORING).update(programs=[program])
    for each, seconds in zip(made, (60, 90), strict=True):
        each.refresh_from_db()
        assert each.started_when is not None
        each.finished_when = each.started_when + timedelta(seconds=seconds)
        each.save(update_fields=["finished_when"])
    return made[0], made[1]


def test_scores_answers_resources_and_logs_stand_side_by_side(
    two: tuple[Submission, Submission], visitor: Visiting, pat: User
) -> None:
    looking = visitor(pat)
    page = looking.open(address(*two))
    for words in (
        "0.50 0.75 +0.25 better",
        "trees nets differs",
        "normally normally same",
        "+50 %",
        "From start to end 60 s 90 s +50 %",
        "- first",
        "+ second",
    ):
        assert words in page.text
    html = looking.response.content.decode()
    assert "<del>- first" in html and "<ins>+ second" in html and "<b>loud" not in html
    turned = looking.open(address(two[1], two[0])).text
    assert "0.75 0.50 -0.25 worse" in turned


def test_the_list_of_ones_own_leads_there_and_so_does_the_organizers(
    two: tuple[Submission, Submission], visitor: Visiting, pat: User, olivia: User
) -> None:
    competition = two[0].phase.competition
    looking = visitor(pat)
    looking.open(f"/competitions/{competition.pk}/submissions/")
    html = looking.response.content.decode()
    for each in two:
        assert f'name="submission" value="{each.pk}" form="compare"' in html
    assert f'id="compare" method="get" action="/competitions/{competition.pk}/submissions/compare/"' in html
    organizing = visitor(olivia)
    chosen = {"do": "compare", "submission": [each.pk for each in reversed(two)]}
    page = organizing.send(f"/competitions/{competition.pk}/submissions/selected/", chosen)
    assert "0.50 0.75 +0.25 better" in page.text
    assert (
        "Choose exactly two"
        in organizing.send(f"/competitions/{competition.pk}/submissions/selected/", {"do": "compare"}, status=400).text
    )


@pytest.mark.parametrize(
    "query",
    [
        "",
        "submission=1",
        "submission=x&submission=y",
        "submission=1&submission=1",
        "submission=1&submission=2&submission=3",
        "submission=-1&submission=" + "9" * 40,
        "submission=%00&submission=²",
    ],
)
def test_anything_but_two_is_refused_and_says_so(
    two: tuple[Submission, Submission], visitor: Visiting, pat: User, query: str
) -> None:
    page = visitor(pat).open(f"/competitions/{two[0].phase.competition_id}/submissions/compare/?{query}", status=400)
    assert "Choose exactly two submissions" in page.text
    assert f"/competitions/{two[0].phase.competition_id}/submissions/" in page.links


def test_two_of_different_phases_or_competitions_are_not_compared(
    two: tuple[Submission, Submission], make_competition: Making, visitor: Visiting, pat: User, queue: Queue
) -> None:
    other = make_competition(phases=2)
    one, another = (finished_submission(phase, pat, 0.5) for phase in other.phases.all())
    assert "different phases" in visitor(pat).open(address(one, another), status=400).text
    visitor(pat).open(address(two[0], one), status=404)
    visitor(pat).open(address(two[0], one, competition=other), status=404)


def test_each_side_shows_what_its_own_page_shows(
    two: tuple[Submission, Submission], visitor: Visiting, pat: User, olivia: User
) -> None:
    one, other = two
    Submission.objects.filter(pk=other.pk).update(owner=UserFactory(), is_public=False)
    Entry.objects.all().delete()
    for somebody in (None, pat):  # it is neither on the board nor public
        visitor(somebody).open(address(one, other), status=404)
    Submission.objects.filter(pk=other.pk).update(is_public=True)
    seen = visitor(pat).open(address(one, other)).text
    assert "0.50 0.75 +0.25 better" in seen, "public, on a board that is shown"
    assert "trees —" in seen and "nets" not in seen, "answers are its owner's"
    assert "- first" not in seen and "second" not in seen, "logs are its owner's"
    Leaderboard.objects.update(hidden=True)
    seen = visitor(pat).open(address(one, other)).text
    assert "0.50 n/a" in seen and "0.75" not in seen
    seen = visitor(olivia).open(address(one, other)).text
    assert "0.50 0.75" in seen and "trees nets" in seen and "+ second" in seen


def test_hidden_columns_and_hidden_output_stay_hidden(
    two: tuple[Submission, Submission], visitor: Visiting, pat: User, olivia: User
) -> None:
    Column.objects.update(hidden=True)
    Phase.objects.update(hide_output=True)
    seen = visitor(pat).open(address(*two)).text
    assert "0.75" not in seen and "second" not in seen and "Neither has scores" in seen
    seen = visitor(olivia).open(address(*two)).text
    assert "0.75" in seen and "+ second" in seen


def test_a_failure_says_why_on_its_side(
    two: tuple[Submission, Submission], visitor: Visiting, pat: User, queue: Queue
) -> None:
    answers = two[0].fact_sheet_answers
    failed = submit(pat, two[0].phase.competition, CODE, fact_sheet_answers=answers)
    failure = Failure(cause=Cause.MEMORY_LIMIT, step=Step.PREDICTION, message="Too much", limit="1 GB", measured="2 GB")
    worker = WorkerDouble(queue)
    worker.finish(worker.job(), failure=failure, output=False)
    page = visitor(pat).open(address(two[0], failed))
    assert "0.50 n/a" in page.text and "Too much" in page.text


def test_several_tasks_are_compared_one_by_one(
    make_competition: Making, queue: Queue, visitor: Visiting, pat: User
) -> None:
    competition = make_competition(tasks=2)
    worker = WorkerDouble(queue)
    made = []
    for value in (0.25, 0.5):
        made.append(submit(pat, competition))
        worker.work_off(accuracy=value)
    page = visitor(pat).open(address(*made))
    assert page.text.count("0.25 0.50 +0.25 better") == 2
    children = [list(each.children.order_by("pk")) for each in made]
    link = address(children[0][0], children[1][0])
    assert link in page.links
    assert "0.25 0.50 +0.25 better" in visitor(pat).open(link).text


def test_the_page_asks_the_same_of_the_database_however_many_there_are(
    two: tuple[Submission, Submission], client: Client, pat: User, django_assert_max_num_queries: Any
) -> None:
    client.force_login(pat, backend="podium.site.accounts.backends.NameOrEmailBackend")
    for _ in range(30):
        finished_submission(two[0].phase, UserFactory(), 0.5)
    with django_assert_max_num_queries(60):
        client.get(address(*two))


def test_whoever_came_by_the_secret_link_keeps_it(
    two: tuple[Submission, Submission], visitor: Visiting, pat: User
) -> None:
    competition = two[0].phase.competition
    Competition.objects.filter(pk=competition.pk).update(published=False)
    Participant.objects.filter(competition=competition).delete()
    visitor(pat).open(address(*two), status=404)
    secret = f"secret_key={competition.secret_key}"
    links = visitor(pat).open(f"{address(*two)}&{secret}").links
    start = f"/competitions/{competition.pk}/submissions/compare/?"
    turned = [link for link in links if link.startswith(start)]
    assert len(turned) == 1 and turned[0].count("?") == 1 and turned[0].count("submission=") == 2
    assert secret in turned[0]
    visitor(pat).open(turned[0])


# What is compared of logs, without a page


def pane(text: str, *, cut: bool = False) -> SimpleNamespace:
    return SimpleNamespace(step="scoring", stream="stdout", title="Scoring: output", text=text, cut=cut)


def test_equal_logs_have_no_rows_and_long_ones_are_cut() -> None:
    assert side_by_side.logs([pane("a\nb")], [pane("a\nb")])[0] == side_by_side.Log("Scoring: output", [], False)
    assert side_by_side.logs([pane("a", cut=True)], [pane("a")])[0].is_cut
    many = "\n".join(f"line {number}" for number in range(5000))
    found = side_by_side.logs([pane(many)], [pane("")])[0]
    assert len(found.rows) == side_by_side.MOST_SHOWN and found.is_cut
    wide = side_by_side.logs([pane("x" * 10_000)], [])[0]
    assert wide.rows[-1] == ("out", "x" * side_by_side.LINE_LENGTH) and wide.is_cut


def test_lines_that_look_like_marks_of_differences_are_text() -> None:
    rows = side_by_side.logs([pane("--- a\n@@ -1 +1 @@\nsame")], [pane("+++ b\nsame")])[0].rows
    assert rows == [("gap", ""), ("out", "--- a"), ("out", "@@ -1 +1 @@"), ("in", "+++ b"), ("same", "same")]


def test_what_is_compared_is_bounded_whatever_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = side_by_side.difflib.unified_diff

    def counting(one: list[str], other: list[str], **options: Any) -> Any:
        seen.extend([len(one), len(other), max(map(len, one + other))])
        return real(one, other, **options)

    monkeypatch.setattr(side_by_side.difflib, "unified_diff", counting)
    side_by_side.logs([pane("ab\n" * 50_000)], [pane("b" * 60_000 + "\n" + "ba\n" * 50_000)])
    assert seen[:2] == [side_by_side.MOST_LINES] * 2 and seen[2] <= side_by_side.LINE_LENGTH


def test_a_small_difference_of_scores_does_not_read_as_none(two: tuple[Submission, Submission]) -> None:
    for each, value in zip(two, (0.5, 0.5000001), strict=True):
        each.scores.update(value=value)
    line = side_by_side.scores(two[0].scores.select_related("column"), two[1].scores.select_related("column"))[0]
    assert (line.left, line.right, line.change, line.tone) == ("0.50", "0.50", "+1e-07", "good")
    Column.objects.update(sorting="asc")
    line = side_by_side.scores(two[0].scores.select_related("column"), two[1].scores.select_related("column"))[0]
    assert line.tone == "bad"

"""What is offered on the page of a submission, to whom, and what it does; submissions in an organization's name."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from podium.site.accounts.models import Group, Membership, Organization, User
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Column, Entry, Leaderboard, Score
from podium.site.queues.models import Queue
from tests.factories import finished_submission
from tests.site.acting import WorkerDouble, submit
from tests.web.conftest import Visitor
from tests.web.test_submission_pages import _file, _form

pytestmark = pytest.mark.django_db
Visiting = Callable[..., Visitor]
Making = Callable[..., Competition]


@pytest.fixture
def finished(competition: Competition, pat: User, queue: Queue) -> Submission:
    """A submission of pat's that stands on the board."""
    made = submit(pat, competition)
    WorkerDouble(queue).work_off(accuracy=0.5)
    made.refresh_from_db()
    return made


def offers(visitor: Visitor, submission: Submission) -> set[str]:
    """What the page of a submission offers beside starting and cancelling it."""
    visitor.open(f"/submissions/{submission.pk}/")
    page = visitor.response.content.decode()
    buttons = re.findall(r'name="do" value="(\w+)"', page)
    return {*buttons, *re.findall(rf"/submissions/{submission.pk}/(delete|scores)/", page)}


def under(rule: str, submission: Submission) -> None:
    Leaderboard.objects.filter(phases=submission.phase).update(submission_rule=rule)


@pytest.mark.parametrize(
    ("rule", "standing", "away"),
    [
        ("Add", set(), {"add"}),
        ("Add_And_Delete", {"remove"}, {"add"}),
        ("Add_And_Delete_Multiple", {"remove"}, {"add"}),
        ("Force_Last", set(), set()),
        ("Force_Best", set(), set()),
    ],
)
def test_the_place_is_offered_as_the_rule_allows(
    rule: str, standing: set[str], away: set[str], finished: Submission, visitor: Visiting
) -> None:
    under(rule, finished)
    owner = visitor(finished.owner)
    assert offers(owner, finished) & {"add", "remove"} == standing
    Entry.objects.filter(submission=finished).delete()
    assert offers(owner, finished) & {"add", "remove"} == away


def test_an_owner_takes_a_submission_off_the_board_puts_it_back_and_deletes_it(
    finished: Submission, visitor: Visiting, pat: User
) -> None:
    under("Add_And_Delete", finished)
    somebody, manage, delete = visitor(pat), *(f"/submissions/{finished.pk}/{do}/" for do in ("manage", "delete"))
    assert "off the leaderboard" in somebody.send(manage, {"do": "remove"}).text
    assert not Entry.objects.filter(submission=finished).exists()
    assert "stands on the leaderboard now" in somebody.send(manage, {"do": "add"}).text
    assert Entry.objects.filter(submission=finished).exists()
    assert "You cannot delete a leaderboard submission!" in somebody.send(delete, {}).text
    somebody.send(manage, {"do": "remove"})
    assert "stays used" in somebody.open(delete).text
    assert "was deleted" in somebody.send(delete, {}).text
    assert somebody.url == f"/competitions/{finished.phase.competition_id}/submissions/?phase={finished.phase_id}"
    assert not Submission.objects.filter(pk=finished.pk).exists()


def test_an_owner_shows_a_submission_to_everybody_where_the_competition_lets_them(
    finished: Submission, visitor: Visiting, pat: User, sam: User
) -> None:
    somebody, manage = visitor(pat), f"/submissions/{finished.pk}/manage/"
    Competition.objects.update(can_participants_make_submissions_public=False)
    assert "show" not in offers(somebody, finished)
    assert "do not have permission" in somebody.send(manage, {"do": "show"}).text
    Competition.objects.update(can_participants_make_submissions_public=True)
    assert "show" in offers(somebody, finished)
    somebody.send(manage, {"do": "show"})
    finished.refresh_from_db()
    assert finished.is_public
    assert offers(visitor(sam), finished) == set(), "who only sees it is offered nothing"
    somebody.send(manage, {"do": "hide"})
    finished.refresh_from_db()
    assert not finished.is_public


def test_an_organizer_sets_scores_and_the_board_follows(
    finished: Submission, visitor: Visiting, olivia: User, pat: User
) -> None:
    column = Column.objects.get(leaderboard=finished.phase.leaderboard)
    score, address = Score.objects.get(submission=finished, column=column), f"/submissions/{finished.pk}/scores/"
    organizer = visitor(olivia)
    assert {"scores", "rerun", "delete"} <= offers(organizer, finished)
    assert "Accuracy" in organizer.open(address).text
    wrong = organizer.send(address, {f"score-{score.pk}": "nan"}, status=400)
    assert "A score is a finite number" in wrong.text
    told = organizer.send(address, {f"score-{score.pk}": "0.875"})
    assert "The scores are set" in told.text
    score.refresh_from_db()
    assert (score.value, score.text) == (0.875, "0.875")
    assert "0.88" in visitor(pat).open(f"/competitions/{finished.phase.competition_id}/results/").text
    assert "olivia set the score" in visitor(pat).open(f"/submissions/{finished.pk}/").text
    visitor(pat).open(address, status=404)
    assert visitor(pat).client.post(address, {f"score-{score.pk}": "1"}).status_code == 404
    score.refresh_from_db()
    assert score.value == 0.875


def test_an_organizer_runs_a_submission_again_from_its_page(
    finished: Submission, visitor: Visiting, olivia: User, pat: User
) -> None:
    assert "rerun" not in offers(visitor(pat), finished)
    assert "Only the organizers" in visitor(pat).send(f"/submissions/{finished.pk}/manage/", {"do": "rerun"}).text
    assert Submission.objects.count() == 1
    organizer = visitor(olivia)
    assert "stays as it was" in organizer.send(f"/submissions/{finished.pk}/manage/", {"do": "rerun"}).text
    made = Submission.objects.exclude(pk=finished.pk).get()
    assert organizer.url == f"/submissions/{made.pk}/"
    assert made.owner == pat


def test_an_unknown_wish_is_not_there_and_nothing_is_done_by_looking(
    finished: Submission, visitor: Visiting, pat: User, sam: User
) -> None:
    assert visitor(pat).client.get(f"/submissions/{finished.pk}/manage/?do=show").status_code == 405
    for do in ("", "delete", "scores", "nonsense"):
        visitor(pat).send(f"/submissions/{finished.pk}/manage/", {"do": do}, status=404)
    Entry.objects.filter(submission=finished).delete()
    other = finished_submission(finished.phase, sam, 0.1)
    Entry.objects.filter(submission=other).delete()
    assert visitor(pat).client.post(f"/submissions/{other.pk}/delete/").status_code == 404
    assert Submission.objects.filter(pk=other.pk).exists()


def test_a_submission_is_made_in_the_name_of_an_organization_that_one_may_submit_for(
    visitor: Visiting, competition: Competition, pat: User
) -> None:
    assert "Submit as" not in visitor(pat).open(_form(competition)).text
    owls, crows = (Organization.objects.create(name=n, email=f"{n}@example.org") for n in ("Owls", "Crows"))
    Membership.objects.create(organization=owls, user=pat, group=Group.PARTICIPANT)
    Membership.objects.create(organization=crows, user=pat, group=Group.MEMBER)
    page = visitor(pat).open(_form(competition)).text
    assert "Submit as" in page
    assert "Owls" in page
    assert "Crows" not in page, "members look on"
    refused = visitor(pat).send(_form(competition), {"file": _file(), "organization": crows.pk}, status=400)
    assert "Select a valid choice" in refused.text
    visitor(pat).send(_form(competition), {"file": _file(), "organization": owls.pk})
    assert Submission.objects.get().organization == owls
    visitor(pat).send(_form(competition), {"file": _file(), "organization": ""})
    assert Submission.objects.order_by("pk").last().organization is None  # type: ignore[union-attr]

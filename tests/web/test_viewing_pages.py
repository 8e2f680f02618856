"""The switch with which organizers look at their competition as somebody else, without scripts."""

from __future__ import annotations

from collections.abc import Callable

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from tests.web.conftest import Visitor

Visiting = Callable[..., Visitor]


def test_an_organizer_looks_as_others_and_comes_back(
    visitor: Visiting, competition: Competition, olivia: User, pat: User
) -> None:
    here = f"/competitions/{competition.pk}/"
    organizer = visitor(olivia)
    page = organizer.open(here)
    assert "View as: organizer participant nobody" in page.text and "You look at" not in page.text
    assert "View as:" not in visitor(pat).open(here).text
    shown = organizer.send(f"{here}view_as/", {"role": "participant", "next": f"{here}phases/"})
    assert organizer.url == f"{here}phases/"
    assert "as an approved participant who has submitted nothing. Nothing can be changed meanwhile." in shown.text
    assert f"{here}submissions/all/" not in shown.links
    assert "5 of 5 left" in organizer.open(f"{here}submissions/").text
    refused = organizer.send(f"{here}publish/", {"published": ""}, status=403)
    assert "Nothing was changed" in refused.text and "nothing can be changed meanwhile" in refused.text
    competition.refresh_from_db()
    assert competition.published
    nobody = organizer.send(f"{here}view_as/", {"role": "nobody", "next": f"{here}results/"})
    assert "as somebody who is not logged in" in nobody.text and "Sign up" in nobody.text
    assert "You look at" in organizer.open("/competitions/").text, "the bar stays until it is left"
    back = organizer.send(f"{here}view_as/", {"role": "organizer", "next": here})
    assert "You look at" not in back.text and f"{here}submissions/all/" in back.links


def test_what_is_no_role_is_not_there(visitor: Visiting, competition: Competition, olivia: User) -> None:
    visitor(olivia).send(f"/competitions/{competition.pk}/view_as/", {"role": "administrator"}, status=404)

"""Organizations: who does what with them, their invitations, and submissions that are made for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from podium.site.accounts.models import Group, Membership, Organization, User
from podium.site.accounts.services import organizations
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Entry
from podium.site.queues.services import ensure_default_queue
from tests.factories import UserFactory, dataset
from tests.site.acting import WorkerDouble, phase_of, scores

Client = Callable[[User | None], APIClient]


@pytest.fixture
def lab(olivia: User) -> Organization:
    """An organization of olivia's."""
    return organizations.create(by=olivia, facts={"name": "The Lab", "email": "lab@example.org"})


def member(organization: Organization, user: User, group: str) -> Membership:
    """Somebody of an organization."""
    return Membership.objects.create(organization=organization, user=user, group=group)


def test_a_submission_for_an_organization_stands_under_its_name(
    lab: Organization, competition: Competition, pat: User, sam: User, client_of: Client
) -> None:
    pats = member(lab, pat, Group.PARTICIPANT)
    member(lab, sam, Group.INVITED)
    client, phase = client_of(pat), phase_of(competition)

    def submit(organization: int | None = None) -> tuple[int, dict[str, object]]:
        body = {"phase": phase.pk, "data": str(dataset(pat).key), "organization": organization}
        answer = client.post("/api/submissions/", body)
        return answer.status_code, answer.json()

    found = client.get("/api/users/participant_organizations/").json()
    assert found == [{"id": lab.pk, "name": "The Lab", "url": f"/profiles/organization/{lab.pk}/"}]
    assert client_of(sam).get("/api/users/participant_organizations/").json() == []
    status, made = submit(lab.pk)
    assert (status, made["organization"]) == (201, lab.pk)
    worker = WorkerDouble(ensure_default_queue())
    worker.finish(worker.job(), scores(accuracy=0.5))
    link = found[0]
    board = client_of(None).get(f"/api/phases/{phase.pk}/get_leaderboard/").json()
    assert [(row["owner"], row["organization"]) for row in board["submissions"]] == [("pat", link)]
    assert client.get(f"/api/submissions/{made['id']}/").json()["organization"] == link
    page = client_of(None).get(f"/competitions/{competition.pk}/results/").content.decode()
    assert f'<a href="/profiles/organization/{lab.pk}/">The Lab</a>' in page
    search = client_of(None).get(f"/competitions/{competition.pk}/results/", {"search": "the lab"})
    assert "The Lab" in search.content.decode()

    organizations.update(organization=lab, by=lab.users.get(username="olivia"), facts={"name": "Another Lab"})
    assert Entry.objects.get().name == "another lab"
    with pytest.raises(organizations.Refused, match="cannot be deleted"):
        organizations.delete(organization=lab, by=lab.users.get(username="olivia"))

    Membership.objects.filter(pk=pats.pk).update(group=Group.MEMBER)
    assert submit(lab.pk) == (
        400,
        {"organization": ["You do not have participant permissions for this group"], "code": "no_right"},
    )
    pats.delete()
    status, refused = submit(lab.pk)
    assert (status, refused["organization"]) == (400, ["You must be apart of a organization to submit for them"])
    assert submit(lab.pk + 1)[0] == 404
    assert Submission.objects.count() == 1
    assert UserFactory().organizations.count() == 0

"""What a competition's rules allow and hide, held by the server, as participants meet them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.client import Competition
from podium.client.errors import ApiError

from . import bundles
from .people import Person

pytestmark = [pytest.mark.slow, pytest.mark.bwrap, pytest.mark.xdist_group("e2e-embedded")]

Compete = Callable[..., Competition]
ANSWER = {"answer.txt": "0.5"}


def test_hidden_output_is_hidden_from_its_owner_and_not_from_the_organizer(
    compete: Compete, pat: Person, olivia: Person, tmp_path: Path
) -> None:
    competition = compete(phase={"hide_output": True})
    made = pat.submit(competition, bundles.write(tmp_path / "mine", ANSWER))
    assert pat.ended(made.id).status == "Finished"
    assert pat.get(f"/api/submissions/{made.id}/get_details/").status_code == 403
    assert pat.get(f"/api/submissions/{made.id}/logs/scoring_stdout/").status_code == 403
    assert not [event for event in pat.client.watch(made.id, timeout=60) if event.kind == "log"]
    assert "the scorer has read" in olivia.log(made.id)


def test_a_stranger_sees_neither_output_nor_file_of_a_ranked_submission(
    compete: Compete, pat: Person, sam: Person, tmp_path: Path
) -> None:
    competition = compete()
    made = pat.submit(competition, bundles.write(tmp_path / "mine", ANSWER))
    pat.ended(made.id)
    assert [row.id for row in sam.client.leaderboard(competition.phases[0].id).submissions] == [made.id]
    assert sam.get(f"/api/submissions/{made.id}/get_details/").status_code == 403
    assert sam.get(f"/api/submissions/{made.id}/logs/scoring_stdout/").status_code == 403
    assert sam.post(f"/api/submissions/{made.id}/cancel_submission/").status_code == 403


def test_the_limit_per_day_holds_and_says_so(compete: Compete, pat: Person, tmp_path: Path) -> None:
    competition = compete(phase={"max_submissions_per_day": 1, "max_submissions": 9})
    mine = bundles.write(tmp_path / "mine", ANSWER)
    first = pat.submit(competition, mine)
    with pytest.raises(ApiError, match="Reached maximum allowed submissions for today for this phase"):
        pat.submit(competition, mine)
    allowed = pat.client.can_make_submission(competition.phases[0].id)
    assert (allowed.can, allowed.reason) == (False, "Reached maximum allowed submissions for today for this phase")
    assert pat.ended(first.id).status == "Finished"
    assert [item.id for item in pat.client.submissions(competition=competition.id)] == [first.id]


@pytest.mark.parametrize(("index", "reason"), [(0, "ended on 2024-02-01"), (2, "starts on 2099-01-01")])
def test_a_phase_that_is_not_open_takes_nothing(
    index: int, reason: str, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    competition = compete(
        phases=[
            {"index": 0, "name": "Over", "start": "2024-01-01", "end": "2024-02-01"},
            {"index": 1, "name": "Now", "start": "2024-02-02", "end": "2098-01-01"},
            {"index": 2, "name": "Later", "start": "2099-01-01"},
        ]
    )
    with pytest.raises(ApiError, match=reason):
        pat.submit(competition, bundles.write(tmp_path / "mine", ANSWER), phase=index)
    assert not pat.client.submissions(competition=competition.id).all()


def test_who_does_not_take_part_cannot_submit(compete: Compete, sam: Person, tmp_path: Path) -> None:
    competition = compete()
    with pytest.raises(ApiError, match="do not have access"):
        sam.submit(competition, bundles.write(tmp_path / "mine", ANSWER))


def test_an_archive_that_leads_out_is_refused_before_it_costs_anything(
    compete: Compete, pat: Person, tmp_path: Path
) -> None:

    competition = compete()
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("../answer.txt", "1")
    with pytest.raises(ApiError, match=r"\.\./answer\.txt"):
        pat.submit(competition, bad)
    assert pat.used_tries(competition.id) == 0
    assert not pat.client.submissions(competition=competition.id).all()


def test_a_bundle_with_faults_leaves_the_report_and_nothing_else(olivia: Person, tmp_path: Path) -> None:
    folder = bundles.bundle(tmp_path / "Faulty", "Faulty bundle")
    (folder / "scoring_program" / "metadata").unlink()
    before = _uploaded(olivia)
    with pytest.raises(Exception, match="refused") as failed:
        olivia.publish(folder)
    faults = getattr(failed.value, "faults", [])
    assert any("scoring_program" in fault for fault in faults), faults
    assert not [item for item in olivia.client.competitions(mine=True) if item.title == "Faulty bundle"]
    assert not _uploaded(olivia) - before


def _uploaded(person: Person) -> set[Path]:
    """The files that uploads and bundles make; what runs of other tests leave meanwhile lies elsewhere."""
    files = person.platform.data / "files"
    kinds = [kind for kind in files.iterdir() if kind.name not in ("log", "incoming") and "_result" not in kind.name]
    return {path for kind in kinds for path in kind.rglob("*") if path.is_file()}

"""Bundles of old and new kinds on a platform: uploaded as they are, run by its worker, with the expected end."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from podium.client import Competition, Submission
from tests.shapes.building import Sample, Shape, zipped
from tests.shapes.catalogue import SHAPES

from .people import Person
from .running import Platform

pytestmark = [pytest.mark.slow, pytest.mark.bwrap, pytest.mark.xdist_group("e2e-embedded")]

# Shapes, with what must be replaced for the phase to be open, and the sample that is submitted.
PLAYED = [
    ("old-gpu", ("", ""), "its own command"),
    ("yellow-world", ("", ""), "results"),
    ("history", ("", ""), "results"),
    ("parallel", ("", ""), "code, right"),
    ("old-iris", ("", ""), "code"),
    ("series", ("", ""), "code"),
    ("mini-mnist", ("", ""), "results, at which ingestion fails"),
    ("wheat-during-scoring", ("end: 8-8-2019, tasks: [0]}\n", "end: 2098-01-01, tasks: [0]}\n"), "code"),
    ("multi-task", ("", ""), "code"),
    ("autowsl-datasets", ("", ""), "a worse dataset"),
]
ANSWERS = {"multi-task": {"fact_sheet_answers": {"bool": True, "text": "", "needed": "given", "choice": "v1"}}}


def opened(name: str, old: str, new: str) -> Shape:
    """A shape whose phase is open; of two phases one after the other the second goes."""
    shape = SHAPES[name]
    assert old in shape.yaml
    yaml = shape.yaml.replace(old, new)
    if old:
        yaml = "\n".join(line for line in yaml.split("\n") if "name: Testing" not in line)
    return replace(shape, yaml=yaml)


class Played:
    """Every sample submitted by its organizer at once; each is looked at when its test comes."""

    def __init__(self, olivia: Person, folder_of: Callable[[str], Path]) -> None:
        self.olivia = olivia
        self.made: dict[str, tuple[Sample, Submission]] = {}
        for name, (old, new), sample_name in PLAYED:
            shape, folder = opened(name, old, new), folder_of(name)
            sample = shape.samples[sample_name]
            competition = olivia.publish(shape.zip(folder))
            submission = folder / "submission.zip"
            submission.write_bytes(zipped(sample.files))
            self.made[name] = (
                sample,
                olivia.submit(competition, submission, phase=sample.phase, **ANSWERS.get(name, {})),
            )


@pytest.fixture(scope="module")
def played(
    embedded: Platform, person: Callable[[Platform, str], Person], tmp_path_factory: pytest.TempPathFactory
) -> Played:
    return Played(person(embedded, "olivia"), tmp_path_factory.mktemp)


@pytest.mark.parametrize("name", [name for name, _, _ in PLAYED])
def test_a_sample_ends_on_the_platform_as_expected(name: str, played: Played) -> None:
    sample, made = played.made[name]
    _ends_as_expected(played.olivia, sample, made)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.samples and not shape.refused])
def test_every_sample_of_every_shape_ends_on_the_platform_as_expected(
    name: str, embedded: Platform, person: Callable[[Platform, str], Person], tmp_path: Path
) -> None:
    olivia, shape = person(embedded, "olivia"), SHAPES[name]
    competition = olivia.publish(shape.zip(tmp_path))
    for number, sample in enumerate(sorted(shape.samples.values(), key=lambda one: one.phase)):
        _open(olivia, competition, sample.phase)
        submission = tmp_path / f"submission-{number}.zip"
        submission.write_bytes(zipped(sample.files))
        made = olivia.submit(competition, submission, phase=sample.phase, **ANSWERS.get(name, {}))
        _ends_as_expected(olivia, sample, made)


def _open(olivia: Person, competition: Competition, number: int) -> None:
    """Make the phase of that index the one that is on: those before it are over, those after it come."""
    phases = sorted(competition.phases, key=lambda one: one.index)
    later = [(one, f"{2090 + one.index}-01-01", f"{2090 + one.index}-06-01") for one in phases if one.index > number]
    earlier = [(one, f"{1990 + one.index}-01-01", f"{1990 + one.index}-06-01") for one in phases if one.index < number]
    on = [(one, "2010-01-01", "2089-01-01") for one in phases if one.index == number]
    for phase, start, end in [*reversed(later), *earlier, *on]:
        facts = {"start": f"{start}T00:00:00Z", "end": f"{end}T00:00:00Z"}
        answer = olivia.patch(f"/api/phases/{phase.id}/", json=facts)
        assert answer.status_code == 200, answer.text


def _ends_as_expected(olivia: Person, sample: Sample, made: Submission) -> None:
    ended = olivia.ended(made.id, within=100)
    if sample.cause is not None:
        assert (ended.status, olivia.facts(made.id)["cause"]) == ("Failed", sample.cause.value)
        assert sample.words in olivia.facts(made.id)["status_details"]
        return
    assert ended.status == "Finished", olivia.log(made.id)
    for part in [olivia.client.submission(child) for child in ended.children] or [ended]:
        scores = {score.column_key: float(score.score or "nan") for score in part.scores}
        assert {key: scores[key] for key in sample.scores} == pytest.approx(dict(sample.scores))


def test_an_organizer_downloads_what_was_written_for_organizers(played: Played) -> None:
    olivia, (sample, made) = played.olivia, played.made["history"]
    olivia.ended(made.id, within=100)
    details = olivia.client.details(made.id)
    assert details.private_result
    assert details.scoring_result
    found = {}
    for url in (details.private_result, details.scoring_result):
        with zipfile.ZipFile(io.BytesIO(httpx.get(url, follow_redirects=True).content)) as archive:
            found[url] = {entry: archive.read(entry).decode() for entry in archive.namelist()}
    assert found[details.private_result] == dict(sample.private)
    assert set(found[details.scoring_result]) == {"scores.txt", "metadata"}

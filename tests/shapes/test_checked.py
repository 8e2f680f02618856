"""What `podium check` says of every shape: nothing, or faults that name their place and how to mend them."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.formats.bundle import Fault, check_bundle
from podium.formats.model import Competition

from .building import Shape, described_column, described_phase
from .catalogue import SHAPES


def told(fault: Fault) -> str:
    """A fault in the words of `Shape.faults`."""
    place = f"{fault.line}:{fault.column}" if fault.file == "competition.yaml" else f"{fault.file}:{fault.line}"
    return f"{place} {fault.severity} {fault.message} {fault.hint}".rstrip()


def phases_of(competition: Competition) -> list[str]:
    return [
        described_phase(
            phase.name,
            phase.start,
            phase.end,
            [competition.task(index).name for index in phase.tasks],
            phase.leaderboard,
        )
        for phase in competition.phases
    ]


def columns_of(competition: Competition) -> list[str]:
    columns = competition.leaderboards[0].columns
    keys = {column.index: column.key for column in columns}
    return [described_column(column, keys) for column in columns]


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_read_as_it_should_be(name: str, tmp_path: Path) -> None:
    shape: Shape = SHAPES[name]
    report = check_bundle(shape.zip(tmp_path))
    assert [told(fault) for fault in report.faults] == list(shape.faults)
    if not shape.phases:
        assert report.competition is None
        assert report.errors
        return
    assert report.competition is not None
    assert phases_of(report.competition) == list(shape.phases)
    assert columns_of(report.competition) == list(shape.columns)
    assert {fact: getattr(report.competition, fact) for fact in shape.facts} == shape.facts


@pytest.mark.parametrize("name", SHAPES)
def test_a_folder_is_read_as_its_zip(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    zipped, folder = check_bundle(shape.zip(tmp_path)), check_bundle(shape.folder(tmp_path))
    assert folder.faults == zipped.faults
    assert folder.competition == zipped.competition


def test_of_members_that_are_there_twice_the_last_one_counts_and_is_named(tmp_path: Path) -> None:
    report = check_bundle(SHAPES["series"].zip(tmp_path))
    assert [note for note in report.notes if "overview.html" in note or "evaluate.py" in note]

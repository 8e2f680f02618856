"""What the platform makes of every shape: the competition that it describes, or a report and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.competitions.services import creation
from podium.site.pages.markdown import render
from podium.site.resources.models import Dataset, StoredFile

from .building import described_column, described_phase
from .catalogue import SHAPES

pytestmark = pytest.mark.django_db


def made_of(competition: Competition) -> tuple[list[str], list[str]]:
    phases = [
        described_phase(
            phase.name,
            phase.start,
            phase.end,
            [task.name for task in phase.tasks.order_by("phase_tasks__order_index")],
            phase.leaderboard.key,
        )
        for phase in competition.phases.select_related("leaderboard").order_by("index")
    ]
    columns = list(competition.leaderboards.get().columns.order_by("index"))
    keys = {column.index: column.key for column in columns}
    return phases, [described_column(column, keys) for column in columns]


@pytest.mark.usefixtures("files", "queue")
@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_becomes_its_competition_or_nothing(name: str, olivia: User, tmp_path: Path) -> None:
    shape = SHAPES[name]
    bundle = shape.zip(tmp_path)
    if shape.refused or not shape.phases:
        with pytest.raises(creation.BundleRefused) as refused:
            creation.create_from_bundle(bundle=bundle, user=olivia)
        errors = [fault["message"] for fault in refused.value.faults if fault["severity"] == "error"]
        assert errors
        assert shape.refused in errors or not shape.refused
        for fault in refused.value.faults:
            assert fault["line"], fault
            assert fault["hint"], fault
        assert not Competition.objects.exists() and not Dataset.objects.exists() and not StoredFile.objects.exists()
        return
    competition, _ = creation.create_from_bundle(bundle=bundle, user=olivia)
    assert made_of(competition) == (list(shape.phases), list(shape.columns))
    assert {fact: getattr(competition, fact) for fact in shape.facts} == shape.facts


@pytest.mark.usefixtures("files", "queue")
def test_the_pages_of_an_old_bundle_keep_their_order_and_their_pictures(olivia: User, tmp_path: Path) -> None:
    bundle = SHAPES["test-competition"].zip(tmp_path)
    competition, warnings = creation.create_from_bundle(bundle=bundle, user=olivia)
    pages = dict(competition.pages.order_by("index").values_list("title", "content"))
    assert list(pages) == ["overview", "p1", "p2"]
    assert '<img src="/files/plot"' in render(pages["p1"], lambda: {"assets/plot.png": "/files/plot"})
    assert [picture.name for picture in competition.pictures.all()] == ["assets/plot.png"]
    assert competition.terms == "<h3>Terms</h3>\n"
    assert not [fault for fault in warnings if fault["code"] == "asset"]


@pytest.mark.usefixtures("files", "queue")
def test_a_page_of_windows_is_read_as_the_check_says(olivia: User, tmp_path: Path) -> None:
    shape = SHAPES["yellow-world"]
    files = {**shape.files, "overview.html": "<p>Größe</p>\r\n".encode("cp1252")}
    competition, _ = creation.create_from_bundle(bundle=replace(shape, files=files).zip(tmp_path), user=olivia)
    assert competition.pages.get().content == "<p>Größe</p>\n"

"""Every sample of every shape by `podium run`'s own code, in real sandboxes: the expected scores or cause."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.cli import local
from podium.cli.local import TaskRun
from podium.formats.bundle import check_bundle
from podium.sandbox import Sandbox, SandboxConfig, create

from .building import Sample, Shape, zipped
from .catalogue import SHAPES

pytestmark = pytest.mark.bwrap


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return create("bubblewrap", SandboxConfig(owner="shapes", state_folder=tmp_path_factory.mktemp("state")))


def run(shape: Shape, sample: Sample, sandbox: Sandbox, folder: Path) -> tuple[local.Plan, list[TaskRun]]:
    bundle = shape.zip(folder)
    competition = check_bundle(bundle).competition
    assert competition is not None
    submission = folder / "submission.zip"
    submission.write_bytes(zipped(sample.files))
    plan = local.make_plan(competition, submission, str(sample.phase), [])
    done = local.run_plan(
        bundle,
        plan,
        sandbox,
        results=folder / "results",
        on_task=lambda task, name: None,
        on_output=lambda step, stream, data: None,
    )
    return plan, done


def names_in(archive: Path | None) -> dict[str, str]:
    if archive is None:
        return {}
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


def runnable() -> Iterator[tuple[str, str]]:
    for shape, given in SHAPES.items():
        if not given.elsewhere:
            yield from ((shape, name) for name in given.samples)


@pytest.mark.parametrize(("name", "sample_name"), list(runnable()))
def test_a_sample_ends_as_expected(name: str, sample_name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    shape, sample = SHAPES[name], SHAPES[name].samples[sample_name]
    plan, done = run(shape, sample, sandbox, tmp_path)
    for task in done:
        failure = task.result.failure
        assert (failure.cause if failure else None) is sample.cause, failure
        if failure is not None:
            assert sample.words in failure.message
            continue
        assert {key: score.value for key, score in task.result.scores.items()} == pytest.approx(dict(sample.scores))
        assert names_in(task.result.private_output) == dict(sample.private)
        report = task.result.detailed_results
        assert sample.report in (report.read_text() if report else "")
    if sample.cause is None:
        row = {cell.key: cell.value for cell in local.leaderboard_row(plan.board, done) if cell.key in sample.computed}
        assert row == pytest.approx(dict(sample.computed))


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.elsewhere])
def test_what_is_on_a_platform_is_named(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    (sample,) = SHAPES[name].samples.values()
    with pytest.raises(local.RunError, match=SHAPES[name].elsewhere):
        run(SHAPES[name], sample, sandbox, tmp_path)


def test_every_accepted_shape_has_a_sample() -> None:
    assert [name for name, shape in SHAPES.items() if bool(shape.phases) != bool(shape.samples)] == []

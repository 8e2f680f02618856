"""The examples as files: complete, small, safe to show, and zipped the same way every time."""

from __future__ import annotations

import ast
import csv
import re
import zipfile
from pathlib import Path

import pytest

from podium.formats.factsheet import check_answers
from podium.formats.metadata import read_program_metadata

from .harness import EXAMPLES, NAMES, build_module, columns, competition, expected

PARTS = ("ingestion_program", "scoring_program", "input_data", "reference_data")


def test_the_four_examples_are_there() -> None:
    assert NAMES == ["data-centric", "iris", "pi", "tabular"]


def test_all_examples_together_are_small() -> None:
    assert sum(path.stat().st_size for path in EXAMPLES.rglob("*") if path.is_file()) < 3_000_000


@pytest.mark.parametrize("name", NAMES)
def test_every_part_that_a_bundle_names_exists(name: str) -> None:
    root, bundle = EXAMPLES / name, competition(name)
    assert (root / bundle["image"]).read_bytes().startswith(b"\x89PNG\r\n")
    for page in [bundle["terms"], *(page["file"] for page in bundle["pages"])]:
        assert (root / page).read_text(encoding="utf-8").startswith("# ")
    for task in bundle["tasks"]:
        assert all(any((root / task[part]).iterdir()) for part in PARTS if part in task)
    for solution in bundle["solutions"]:
        assert any((root / solution["path"]).iterdir())
    for phase in bundle["phases"]:
        assert all(any((root / phase[part]).iterdir()) for part in ("starting_kit", "public_data") if part in phase)


@pytest.mark.parametrize("name", NAMES)
def test_every_program_of_a_task_has_a_command_that_names_a_file_of_it(name: str) -> None:
    for task in competition(name)["tasks"]:
        for part in ("ingestion_program", "scoring_program"):
            if part in task:
                folder = EXAMPLES / name / task[part]
                command = read_program_metadata(folder).command
                assert command is not None
                assert (folder / command.split()[1].split("/")[-1]).is_file()


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_programs_can_be_read_by_the_python_of_the_oldest_image(path: Path) -> None:
    if "syntax_error" in path.parts:
        with pytest.raises(SyntaxError):
            ast.parse(path.read_text(encoding="utf-8"))
    elif path.parent != EXAMPLES:
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize("name", NAMES)
def test_hidden_files_are_in_no_part_that_participants_or_their_programs_see(name: str) -> None:
    bundle = competition(name)
    phases, tasks = bundle["phases"], bundle["tasks"]
    seen = [phase[part] for phase in phases for part in ("starting_kit", "public_data") if part in phase]
    seen += [task["input_data"] for task in tasks if "input_data" in task]
    shown = {path.read_bytes() for part in seen for path in (EXAMPLES / name / part).rglob("*") if path.is_file()}
    hidden = [path for task in tasks for path in (EXAMPLES / name / task["reference_data"]).iterdir()]
    assert hidden
    assert not [path for path in hidden if path.read_bytes() in shown]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "pi"])
def test_there_is_one_hidden_label_per_test_row(name: str) -> None:
    def rows(folder: str, file: str) -> int:
        with (EXAMPLES / name / folder / file).open(newline="", encoding="utf-8") as lines:
            return len(list(csv.reader(lines))) - 1

    for task in competition(name)["tasks"]:
        assert rows(task["input_data"], "test.csv") == rows(task["reference_data"], "labels.csv") > 0


def test_the_reference_digits_of_pi_are_right() -> None:
    digits = (EXAMPLES / "pi/reference_data/pi.txt").read_text(encoding="ascii").strip()
    assert len(digits) == 1002
    assert digits.startswith("3.14159265358979323846264338327950288419716939937510")
    assert digits[2 + 761 : 2 + 767] == "999999"  # the run of nines at decimals 762 to 767
    assert digits.endswith("64201989")


@pytest.mark.parametrize("name", NAMES)
def test_expectations_cover_every_submission_and_name_real_columns(name: str) -> None:
    bundle, wanted = competition(name), expected(name)
    folders = {f"{kind}/{path.name}" for kind in ("solutions", "bad") for path in (EXAMPLES / name / kind).glob("*")}
    assert {row["path"] for row in wanted["submissions"]} == folders
    assert set(wanted["leaderboard"]) <= folders
    given = {column.key for column in columns(name) if column.computation is None}
    made = {column.key for column in columns(name)} - given
    for row in wanted["submissions"]:
        assert row["status"] in ("Finished", "Failed")
        assert ("log" in row) == (row["status"] == "Failed")
        phase = bundle["phases"][row.get("phase", 0)]
        if row["status"] == "Finished":
            assert set(row["scores"]) == {str(task) for task in phase["tasks"]}
            for scores in row["scores"].values():
                assert {*scores, *row.get("present", ()), *row.get("absent", ())} == given
            assert set(row.get("computed", {})) == made
        assert check_answers(bundle.get("fact_sheet"), row.get("fact_sheet_answers")) == []


@pytest.mark.parametrize("name", NAMES)
def test_texts_for_people_name_no_key_that_is_not_a_folder_or_file(name: str) -> None:
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:solutions|bad)/[a-z_]*)`", text):
        assert (EXAMPLES / name / path).exists(), path


def test_zips_are_the_same_every_time_and_hold_what_they_should(tmp_path: Path) -> None:
    module = build_module()
    for name in NAMES:
        first = module.build(name, tmp_path / "first")
        second = module.build(name, tmp_path / "second")
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
        with zipfile.ZipFile(tmp_path / "first" / f"{name}.zip") as archive:
            assert archive.testzip() is None
            members = archive.namelist()
        assert "competition.yaml" in members
        assert not [member for member in members if member.startswith(("bad/", "expected.json", "/")) or ".." in member]
        for row in expected(name)["submissions"]:
            with zipfile.ZipFile(tmp_path / "first" / name / f"{Path(row['path']).name}.zip") as archive:
                files = {path.name for path in (EXAMPLES / name / row["path"]).iterdir() if path.is_file()}
                assert set(archive.namelist()) == files

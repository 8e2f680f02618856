"""CodaLab's bundles (1, 1.5 and 1.8): every shape found in the wild becomes the same model, or a precise fault."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from podium.formats.model import (
    DEFAULT_IMAGE,
    Competition,
    Computation,
    DatasetRef,
    FileRef,
    Phase,
    Sorting,
    SubmissionRule,
)

from .building import PNG, SCORING_PROGRAM, BundleMaker, zip_bytes

UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

YAML = """\
# CodaLab wrote no version
title: Hello World
description: Say the right word
image: logo.png
has_registration: True
end_date: 2098-06-01
admin_names: amy,bob,
html:
    overview: overview.html
    evaluation: evaluation.md
    terms: terms.html
phases:
    1:
        phasenumber: 1
        label: "First phase"
        start_date: 2013-06-30
        max_submissions: 100
        scoring_program: program.zip
        reference_data: reference.zip
        color: green
        is_scoring_only: True
    2:
        phasenumber: 2
        label: "Second phase"
        start_date: 2098-01-01 08:30:00
        max_submissions: 3
        max_submissions_per_day: 1
        execution_time_limit: 42200
        auto_migration: True
        scoring_program: program.zip
        reference_data: reference.zip
leaderboard:
    leaderboards:
        RESULTS: &RESULTS
            label: Results
            rank: 1
    columns:
        duration:
            leaderboard: *RESULTS
            label: Duration
            rank: 2
            sort: asc
            numeric_format: 1
        correct:
            leaderboard: *RESULTS
            label: <Score>
            rank: 1
            sort: desc
            numeric_format: 4
"""
PARALLEL = """\
    1:
        phasenumber: 1
        label: Both
        is_parallel_parent: True
        start_date: 2013-06-30
        scoring_program: gone.zip
    2:
        phasenumber: 2
        parent_phasenumber: 1
        label: Left
        start_date: 2013-06-30
        scoring_program: program.zip
    3:
        phasenumber: 3
        parent_phasenumber: 1
        label: Right
        start_date: 2013-06-30
        auto_migration: True
        scoring_program: program.zip
    4:
        phasenumber: 4
        label: Final
        start_date: 2098-01-01
        scoring_program: program.zip
"""


@pytest.fixture
def old(tmp_path: Path) -> BundleMaker:
    """A good bundle of CodaLab's with two phases."""
    files: dict[str, bytes | str] = {
        "logo.png": PNG,
        "overview.html": "<p>Overview</p>",
        "evaluation.md": "# Evaluation\n",
        "terms.html": "<p>Terms</p>",
        "program.zip": zip_bytes(SCORING_PROGRAM),
        "reference.zip": zip_bytes({"truth.txt": "1\n", "metadata": "This is the authoritative result."}),
    }
    return BundleMaker(tmp_path, YAML, files)


def read(old: BundleMaker, *warnings: str) -> Competition:
    """Return the competition of a bundle that may have these warnings and no other fault."""
    report = old.check()
    given = [fault.code for fault in report.faults if not (fault.code == "not_supported" and "admin" in fault.message)]
    assert sorted(given) == sorted(warnings), [str(fault) for fault in report.faults]
    assert report.competition is not None
    return report.competition


def phases_of(old: BundleMaker, phases: str) -> None:
    """Replace the phases of the bundle."""
    assert isinstance(old.yaml, str)
    before, rest = old.yaml.split("phases:\n")
    old.yaml = f"{before}phases:\n{phases}leaderboard:\n{rest.split('leaderboard:' + chr(10), 1)[1]}"


def test_a_bundle_without_version_becomes_the_model_of_version_2(old: BundleMaker) -> None:
    competition = read(old)
    assert (competition.version, competition.title) == ("1.5", "Hello World")
    assert (competition.image, competition.terms) == ("logo.png", "terms.html")
    assert [(page.index, page.title, page.file) for page in competition.pages] == [
        (0, "overview", "overview.html"),
        (1, "evaluation", "evaluation.md"),
    ]
    assert competition.docker_image == DEFAULT_IMAGE
    assert not competition.registration_auto_approve
    first, second = competition.phases
    assert (first.name, first.start, first.end) == (
        "First phase",
        datetime(2013, 6, 30, tzinfo=UTC),
        datetime(2098, 1, 1, 8, 30, tzinfo=UTC),
    )
    assert (first.max_submissions, first.max_submissions_per_day, first.execution_time_limit) == (100, 5, 600)
    assert second.end == datetime(2098, 6, 1, tzinfo=UTC)
    assert (second.max_submissions, second.max_submissions_per_day, second.execution_time_limit) == (3, 1, 42200)
    assert (first.auto_migrate_to_this_phase, second.auto_migrate_to_this_phase) == (False, True)
    assert [task.name for task in competition.tasks] == ["First phase Task", "Second phase Task"]
    assert [phase.tasks for phase in competition.phases] == [(0,), (1,)]
    assert competition.tasks[0].scoring_program == competition.tasks[1].scoring_program == FileRef(path="program.zip")
    (board,) = competition.leaderboards
    assert (board.key, board.title, board.primary_index) == ("RESULTS", "Results", 0)
    assert board.submission_rule is SubmissionRule.ADD_AND_DELETE
    columns = [(c.index, c.key, c.title, c.sorting, c.precision) for c in board.columns]
    assert columns == [(0, "correct", "<Score>", Sorting.DESC, 4), (1, "duration", "Duration", Sorting.ASC, 1)]


@pytest.mark.parametrize("version", ["1", "1.0", "1.5", "'1.8'"])
def test_each_old_version_may_be_named(old: BundleMaker, version: str) -> None:
    expected = read(old)
    old.replace("# CodaLab wrote no version\n", f"version: {version}\n")
    assert read(old) == expected


def test_admin_names_are_named_as_not_taken_over(old: BundleMaker) -> None:
    fault = old.fault("not_supported")
    assert (fault.severity, fault.line) == ("warning", old.line_of("admin_names"))
    assert "Add collaborators after the upload" in fault.hint


def test_byte_order_mark_windows_line_ends_and_document_start_do_not_matter(old: BundleMaker) -> None:
    expected = read(old)
    assert isinstance(old.yaml, str)
    old.yaml = b"\xef\xbb\xbf" + ("---\n" + old.yaml).replace("\n", "\r\n").encode()
    assert read(old) == expected


@pytest.mark.parametrize("end", ["", "null", "'null'", "None", "~"])
def test_an_end_date_that_is_empty_or_null_is_no_end(old: BundleMaker, end: str) -> None:
    old.replace("end_date: 2098-06-01", f"end_date: {end}")
    assert [phase.end for phase in read(old).phases] == [datetime(2098, 1, 1, 8, 30, tzinfo=UTC), None]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2097-10-1", datetime(2097, 10, 1, tzinfo=UTC)),
        ("8-7-2097", datetime(2097, 8, 7, tzinfo=UTC)),
        ("2097-03-04T05:06:07.123456+02:00", datetime(2097, 3, 4, 3, 6, 7, 123456, tzinfo=UTC)),
        ("2097-03-04 05:06:07+00:00", datetime(2097, 3, 4, 5, 6, 7, tzinfo=UTC)),
        ("'June 30 2097'", datetime(2097, 6, 30, tzinfo=UTC)),
    ],
)
def test_dates_are_read_in_every_style_found(old: BundleMaker, written: str, meant: datetime) -> None:
    old.replace("start_date: 2098-01-01 08:30:00", f"start_date: {written}")
    warnings = ["ambiguous_date"] if written == "8-7-2097" else []
    assert [phase.start for phase in read(old, *warnings).phases] == [datetime(2013, 6, 30, tzinfo=UTC), meant]


def test_phases_are_ordered_by_their_numbers_from_zero_too_and_else_by_their_names(old: BundleMaker) -> None:
    assert isinstance(old.yaml, str)
    body = "        label: {}\n        start_date: {}\n        scoring_program: program.zip\n"
    later, sooner = body.format("Later", "2020-01-01"), body.format("Sooner", "2019-01-01")
    phases_of(old, f"    b:\n        phasenumber: 1\n{later}    a:\n        phasenumber: 0\n{sooner}")
    assert [phase.name for phase in read(old).phases] == ["Sooner", "Later"]
    phases_of(old, f"    2:\n{later}    1:\n{sooner}")
    assert [phase.name for phase in read(old).phases] == ["Sooner", "Later"]
    dashes = "".join("  - color: green\n" + entry for entry in (sooner, later))
    dashes = dashes.replace("        ", "    ")
    phases_of(old, dashes)
    assert [phase.name for phase in read(old).phases] == ["Sooner", "Later"]


def test_children_of_a_parallel_parent_run_at_the_same_time_and_the_parent_is_gone(old: BundleMaker) -> None:
    phases_of(old, PARALLEL)
    competition = read(old, "auto_migrate_first")
    assert competition.version == "1.8"

    def shown(phase: Phase) -> tuple[str, bool, int | None]:
        return phase.name, phase.parallel, phase.end.year if phase.end else None

    assert [shown(phase) for phase in competition.phases] == [
        ("Left", False, 2098),
        ("Right", True, 2098),
        ("Final", False, 2098),
    ]
    assert competition.phases[0].start == competition.phases[1].start == datetime(2013, 6, 30, tzinfo=UTC)
    assert [phase.end for phase in competition.phases[:2]] == [datetime(2098, 1, 1, tzinfo=UTC)] * 2


def test_registration_and_forum_are_as_codalab_says(old: BundleMaker) -> None:
    old.replace("has_registration: True", "has_registration: False\nenable_forum: False\nreward: 100 euros")
    competition = read(old)
    assert competition.registration_auto_approve
    assert not competition.forum_enabled
    assert competition.reward == "100 euros"


def test_keys_that_mean_the_same_in_both_versions_are_read(old: BundleMaker) -> None:
    extra = f"""\
enable_detailed_results: True
auto_run_submissions: False
make_programs_available: True
make_input_data_available: True
show_detailed_results_in_leaderboard: False
competition_docker_image: continuumio/anaconda:latest
queue: {UUID}
"""
    old.replace("has_registration: True\n", extra)
    competition = read(old)
    assert competition.enable_detailed_results
    assert not competition.auto_run_submissions
    assert competition.make_programs_available
    assert competition.make_input_data_available
    assert not competition.show_detailed_results_in_leaderboard
    assert (competition.docker_image, competition.queue) == ("continuumio/anaconda:latest", UUID)
    old.replace("continuumio/anaconda:latest", "''")
    assert read(old).docker_image == DEFAULT_IMAGE


@pytest.mark.parametrize(
    ("switch", "rule"),
    [
        ("force_submission_to_leaderboard: True", SubmissionRule.FORCE_LAST),
        ("disallow_leaderboard_modifying: True", SubmissionRule.ADD),
        ("force_submission_to_leaderboard: False", SubmissionRule.ADD_AND_DELETE),
    ],
)
def test_the_switches_of_the_board_become_its_rule(old: BundleMaker, switch: str, rule: SubmissionRule) -> None:
    old.replace("has_registration: True", switch)
    assert read(old).leaderboards[0].submission_rule is rule


def test_a_phase_that_forces_the_best_makes_the_rule_force_best(old: BundleMaker) -> None:
    old.replace("        color: green\n", "        force_best_submission_to_leaderboard: True\n")
    assert read(old).leaderboards[0].submission_rule is SubmissionRule.FORCE_BEST


def test_datasets_by_key_and_phases_with_everything(old: BundleMaker) -> None:
    old.replace(
        "        color: green\n",
        f"""\
        input_data: {UUID}
        ingestion_program: program.zip
        ingestion_program_only_during_scoring: True
        public_data: reference.zip
        starting_kit: program.zip
        hide_prediction_output: True
        execution_time_limit: 0
""",
    )
    competition = read(old)
    task, phase = competition.tasks[0], competition.phases[0]
    assert task.input_data == DatasetRef(key=UUID)
    assert task.ingestion_program == FileRef(path="program.zip")
    assert task.ingestion_only_during_scoring
    assert (phase.public_data, phase.starting_kit) == (FileRef(path="reference.zip"), FileRef(path="program.zip"))
    assert phase.hide_prediction_output
    assert phase.execution_time_limit == 600


def test_links_to_data_are_named_as_not_shown(old: BundleMaker) -> None:
    old.replace("        color: green\n", "        datasets:\n            1: {name: a, url: http://example.org/a}\n")
    report = old.check()
    (fault,) = [fault for fault in report.faults if "datasets" in fault.message]
    assert report.ok
    assert (fault.path, fault.line) == ("phases.1.datasets", old.line_of("        datasets:"))


def test_column_groups_become_headings(old: BundleMaker) -> None:
    old.replace("    columns:\n", "    column_groups:\n        SPEED: &SPEED\n            label: Speed\n    columns:\n")
    old.replace("            rank: 2\n", "            rank: 2\n            column_group: *SPEED\n")
    assert [column.group for column in read(old).leaderboards[0].columns] == ["", "Speed"]


def test_columns_of_two_boards_stand_on_one_under_their_names(old: BundleMaker) -> None:
    old.replace(
        "    columns:\n", "        OTHER: &OTHER\n            label: Other\n            rank: 2\n    columns:\n"
    )
    old.replace(
        "        duration:\n            leaderboard: *RESULTS\n", "        duration:\n            leaderboard: *OTHER\n"
    )
    competition = read(old, "boards_joined")
    (board,) = competition.leaderboards
    assert [(column.key, column.group) for column in board.columns] == [("correct", "Results"), ("duration", "Other")]
    assert board.score_keys == ("correct", "duration")


@pytest.mark.parametrize("fields", ["correct, duration", "[correct, duration]"])
def test_a_computed_column_is_computed_from_scores_and_says_so(old: BundleMaker, fields: str) -> None:
    assert isinstance(old.yaml, str)
    old.yaml += f"""\
        Mean Of All:
            leaderboard: *RESULTS
            label: Mean
            rank: 3
            computed:
                operation: Avg
                fields: {fields}
"""
    competition = read(old, "computed_from_scores")
    mean = competition.leaderboards[0].columns[2]
    assert (mean.key, mean.computation, mean.computation_indexes) == ("Mean Of All", Computation.AVG, (0, 1))


def test_a_computed_column_of_scores_in_two_directions_is_hidden_and_does_not_rank(old: BundleMaker) -> None:
    assert isinstance(old.yaml, str)
    old.yaml += "        Rank: {rank: 0, computed: {operation: Avg, fields: [correct, duration]}}\n"
    board = read(old, "computed_from_scores").leaderboards[0]
    assert [(column.key, column.hidden) for column in board.columns] == [
        ("Rank", True),
        ("correct", False),
        ("duration", False),
    ]
    assert board.columns[board.primary_index].key == "correct"
    assert '"correct" ranks' in old.fault("computed_from_scores").message


def test_a_computed_column_sorts_as_the_scores_that_it_is_computed_from(old: BundleMaker) -> None:
    assert isinstance(old.yaml, str)
    old.yaml += "        M:\n            sort: asc\n            computed: {operation: Max, fields: correct}\n"
    columns = read(old, "computed_from_scores").leaderboards[0].columns
    assert {column.key: column.sorting for column in columns}["M"] is Sorting.DESC


def test_the_column_that_is_chosen_for_sorting_ranks_first(old: BundleMaker) -> None:
    old.replace("            rank: 2\n", "            rank: 2\n            selection_default: 1\n")
    assert read(old).leaderboards[0].primary_index == 1


def test_a_column_without_rank_label_or_board_stands_on_the_first_board(old: BundleMaker) -> None:
    assert isinstance(old.yaml, str)
    old.yaml += "        Mean Error: {sort: asc}\n"
    keys = [column.key for column in read(old).leaderboards[0].columns]
    assert keys == ["correct", "Mean Error", "duration"]


# What to replace, by what, the code of the fault, a piece of its line, and what it must say.
ERRORS = [
    ("        duration:\n", f"        {'d' * 65}:\n", "bad_key", "", "from 1 to 64 characters"),
    ("label: Duration", f"label: {'d' * 65}", "too_long", "ddd", "longer than 64 characters"),
    ("title: Hello World\n", "", "missing_key", "", "no title"),
    ("    terms: terms.html\n", "", "missing_key", "", "no terms of participation"),
    ("terms: terms.html", "terms: gone.html", "missing_file", "gone.html", "Unable to find page"),
    ("overview: overview.html", "overview: over.html", "missing_file", "over.html", 'Did you mean "overview.html"?'),
    ("overview: overview.html", "overview:", "missing_key", "overview:", "names no file"),
    ('        label: "First phase"\n', "", "missing_key", "", "no label"),
    ("        start_date: 2013-06-30\n", "", "missing_key", "", "no start_date"),
    ("start_date: 2013-06-30", "start_date: soon", "bad_date", "soon", "is not a date"),
    ("start_date: 2013-06-30", "start_date: 2098-01-01 08:30:00", "phases_overlap", "", "must start after"),
    ("end_date: 2098-06-01", "end_date: 2010-01-01", "end_before_start", "end_date", "ends (2010-01-01"),
    ("            rank: 2\n", "            rank: two\n", "wrong_type", "two", "whole number"),
    ("sort: asc", "sort: up", "bad_choice", "sort: up", "asc, desc"),
    (
        "            label: Duration\n            rank: 2",
        "            computed: 3",
        "wrong_type",
        "computed",
        "mapping",
    ),
    (
        "            label: Duration\n            rank: 2",
        "            computed: {fields: correct}",
        "missing_key",
        "computed",
        "names no operation",
    ),
    (
        "            label: Duration\n            rank: 2",
        "            computed: {operation: Avg, fields: corect}",
        "unknown_column",
        "corect",
        "no column",
    ),
    (
        "            label: Duration\n            rank: 2",
        "            computed: {operation: Mean, fields: correct}",
        "bad_choice",
        "Mean",
        "avg, sum, min, max",
    ),
    (
        "leaderboard: *RESULTS\n            label: Duration",
        "leaderboard: {label: Other}\n            label: Duration",
        "unknown_leaderboard",
        "Other",
        'There are: "Results"',
    ),
]


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_in_an_old_bundle_names_its_line_and_how_to_mend_it(
    old: BundleMaker, case: tuple[str, str, str, str, str]
) -> None:
    before, after, code, line, said = case
    assert isinstance(old.yaml, str)
    if before == "end_date: 2098-06-01":
        old.yaml = old.yaml.replace(before, after, 1)
    else:
        old.replace(before, after)
    fault = next(fault for fault in old.check().faults if fault.code == code)
    assert fault.severity == "error"
    assert said in f"{fault.message} {fault.hint}"
    assert fault.hint or code == "bad_date" or "whole number" in said or "asc, desc" in said or "avg" in said
    if line:
        assert fault.line == old.line_of(line)


@pytest.mark.parametrize("section", ["html", "phases", "leaderboard"])
def test_a_missing_section_is_an_error_that_shows_what_to_write(old: BundleMaker, section: str) -> None:
    assert isinstance(old.yaml, str)
    start = old.yaml.index(f"{section}:\n")
    body = old.yaml[start:].split("\n", 1)[1]
    rest = next((place for place, line in enumerate(body.splitlines()) if line and line[0] != " "), None)
    old.yaml = old.yaml[:start] + ("\n".join(body.splitlines()[rest:]) + "\n" if rest is not None else "")
    old.yaml = "version: 1.5\n" + old.yaml
    faults = [fault for fault in old.check().errors if section in fault.hint]
    assert len(faults) == 1


def test_every_missing_program_of_every_phase_is_named(old: BundleMaker) -> None:
    del old.files["program.zip"]
    paths = [fault.path for fault in old.check().errors]
    assert paths == ["phases.1.scoring_program", "phases.2.scoring_program"]


def test_an_empty_page_of_an_old_bundle_is_an_error(old: BundleMaker) -> None:
    old.files["overview.html"] = " "
    assert old.fault("empty_page").line == old.line_of("overview: overview.html")


def test_a_program_without_a_command_is_named_at_its_phase(old: BundleMaker) -> None:
    old.files["program.zip"] = zip_bytes({"evaluate.py": "pass\n"})
    assert {(fault.code, fault.path) for fault in old.check().errors} == {
        ("no_metadata", "phases.1.scoring_program"),
        ("no_metadata", "phases.2.scoring_program"),
    }


def test_version_2_keys_without_version_and_terms_are_read_as_version_2(bundle: BundleMaker) -> None:
    bundle.replace("version: 2\n", "").replace("terms: pages/terms.md\n", "")
    codes = [fault.code for fault in bundle.check().faults]
    assert codes == ["no_version", "missing_key"]

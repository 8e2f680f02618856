"""Bad bundles: every fault has its code, its line and a message that says how to mend it."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from podium.formats.bundle import check_bundle, check_open_bundle, open_bundle

from .building import PNG, BundleMaker, link_entry, zip_bytes

Case = tuple[str, str, str, str, str]

# What to replace, by what, the code of the fault, a piece of the line it must point to, and what it must say.
ERRORS: list[Case] = [
    ("title: Wheat seeds\n", "", "missing_key", "version: 2", "The competition has no title"),
    ("title: Wheat seeds", "title: ''", "missing_key", "title: ''", "The competition has no title"),
    ("title: Wheat seeds", f"title: {'x' * 300}", "too_long", "title: xxx", "longer than 256 characters"),
    ("title: Wheat seeds", "title: [a]", "wrong_type", "title: [a]", "title must be text, not a list"),
    ("image: logo.png\n", "", "missing_key", "version: 2", "has no image"),
    ("image: logo.png", "image: Logo.PNG", "missing_file", "Logo.PNG", 'Did you mean "logo.png"?'),
    ("image: logo.png", "image: pages", "not_a_file", "image: pages", "is a folder"),
    ("image: logo.png", "image: pages/terms.md", "not_an_image", "image: pages", "is no image"),
    ("terms: pages/terms.md\n", "", "missing_key", "version: 2", "no terms of participation"),
    ("terms: pages/terms.md", "terms: terms.md", "missing_file", "terms: terms", 'Did you mean "pages/terms.md"?'),
    ("    file: pages/overview.md\n", "", "missing_key", "- title: Overview", 'The page "Overview" names no file'),
    ("pages/overview.md", "pages/nothing.md", "missing_file", "nothing.md", "Unable to find page"),
    (
        "pages:\n  - title: Overview\n",
        "pages:\n  - Overview\n  - title: Overview\n",
        "wrong_type",
        "- Overview",
        "a mapping",
    ),
    (
        "pages:\n  - title: Overview\n    file: pages/overview.md\n",
        "pages: overview.md\n",
        "wrong_type",
        "pages: o",
        "a list",
    ),
    ("    name: Seeds\n", "", "missing_key", "- index: 0\n    description", "This task has no name"),
    ("    scoring_program: scoring_program.zip\n", "", "no_scoring_program", "", "does not have a scoring program"),
    (
        "    scoring_program: scoring_program.zip\n",
        "    scoring_program: ' '\n",
        "no_scoring_program",
        "",
        "does not have a scoring program",
    ),
    ("scoring_program.zip", "scoring.zip", "missing_file", "scoring.zip", "Unable to find scoring program"),
    ("input_data: input_data/", "input_data: /etc/passwd", "absolute_path", "/etc/passwd", "is the absolute path"),
    ("input_data: input_data/", "input_data: C:/data", "absolute_path", "C:/data", "is the absolute path"),
    ("input_data: input_data/", "input_data: ../secret", "parent_path", "../secret", "leads out of the bundle"),
    ("input_data: input_data/", "input_data: a/../../b", "parent_path", "a/../../b", "leads out of the bundle"),
    ("input_data: input_data/", r"input_data: data\train", "unsafe_name", r"data\train", "backslashes"),
    ("input_data: input_data/", "input_data: .", "not_a_part", "input_data: .", "the bundle's own folder"),
    ("input_data: input_data/", "input_data: logo.png", "not_a_zip", "input_data: logo", "Put it into a folder"),
    (
        "scoring_program: scoring_program.zip",
        "scoring_program: logo.png",
        "not_a_zip",
        "program: logo",
        "not a zip file",
    ),
    ("image: logo.png", "image: ../logo.png", "parent_path", "../logo.png", "leads out of the bundle"),
    ("file: pages/overview.md", "file: /etc/passwd", "absolute_path", "/etc/passwd", "is the absolute path"),
    ("path: solution/", "path: solutions/", "missing_file", "solutions/", 'Did you mean "solution"?'),
    ("    path: solution/\n", "", "missing_key", "", 'is missing "path"'),
    ("    path: solution/\n", "    path: ''\n", "missing_key", "", 'is missing "path"'),
    ("    tasks: [0]\n    path", "    path", "missing_key", "", "names no tasks"),
    ("    tasks: [0]\n    path", "    tasks: [4]\n    path", "unknown_task", "tasks: [4]", "no task with the index 4"),
    ("name: Development\n", "name:\n", "missing_key", "name:\n", "This phase has no name"),
    ("    start: 2098-02-01\n", "", "missing_key", "", 'The phase "Final" has no start'),
    ("start: 2098-02-01", "start: soon", "bad_date", "start: soon", '"soon" is not a date'),
    ("start: 2098-02-01", "start: 2098-02-30", "bad_date", "2098-02-30", "Write it like"),
    ("start: 2098-02-01", "start: 2097-02-01", "phases_overlap", "2097-02-01", "Phases must be sequential"),
    ("    end: 2098-01-01 00:00:00\n", "", "no_end", "", '"Development" must have an end'),
    ("end: 2098-01-01 00:00:00", "end: 2023-01-01", "end_before_start", "2023-01-01", "before it starts"),
    ("max_submissions: 1\n", "max_submissions: -1\n", "out_of_range", "submissions: -1", "must be at least 0"),
    ("max_submissions: 1\n", "max_submissions: many\n", "wrong_type", "many", "must be a whole number"),
    ("max_submissions: 1\n", "execution_time_limit: 0\n", "out_of_range", "limit: 0", "must be at least 1"),
    ("max_submissions: 1\n", "memory_limit: much\n", "wrong_type", "much", "Write a size such as 8 GB"),
    ("max_submissions: 1\n", "memory_limit: 8\n", "out_of_range", "limit: 8", "at least 1 MiB"),
    ("max_submissions: 1\n", "disk_limit: -1 GB\n", "wrong_type", "-1 GB", "Write a size such as 8 GB"),
    ("max_submissions: 1\n", "disk_limit: 9999999999 TB\n", "out_of_range", "TB", "at most 1 EiB"),
    ("max_submissions: 1\n", "cpu_limit: two\n", "wrong_type", "two", "a number such as 2 or 0.5"),
    ("max_submissions: 1\n", "cpu_limit: .nan\n", "wrong_type", ".nan", "a number such as 2 or 0.5"),
    ("max_submissions: 1\n", "cpu_limit: 0\n", "out_of_range", "limit: 0", "at least 0.1"),
    ("max_submissions: 1\n", "process_limit: 0\n", "out_of_range", "limit: 0", "at least 1"),
    ("max_submissions: 1\n", "gpus: all\n", "wrong_type", "all", "a whole number"),
    ("max_submissions: 1\n", "network: [a]\n", "wrong_type", "[a]", "true or false"),
    ("max_submissions: 1\n", "hide_output: maybe\n", "wrong_type", "maybe", "must be true or false"),
    ("max_submissions: 1\n", "leaderboard: other\n", "unknown_leaderboard", "other", 'The keys are: "main"'),
    ("max_submissions: 1\n", "starting_kit: kit/\n", "missing_file", "kit/", "Unable to find starting kit"),
    ("key: main\n", "submission_rule: Best\n    key: main\n", "bad_choice", "Best", "Force_Best"),
    ("key: main\n", "primary_index: 9\n    key: main\n", "bad_primary_index", "9", "no column has that index"),
    ("    key: main\n", "", "missing_key", "", "This leaderboard has no key"),
    ("key: duration", "key: accuracy", "duplicate_key_value", "", 'Two columns have the key "accuracy"'),
    ("key: duration\n        index: 1", "key: duration\n        index: 0", "duplicate_index", "", "Duplicate column"),
    ("key: duration\n        index: 1\n", "key: duration\n", "no_index", "title: Duration", "No index for column"),
    ("sorting: asc", "sorting: up", "bad_choice", "sorting: up", "Use one of asc, desc"),
    ("sorting: asc", "precision: -1", "out_of_range", "precision: -1", "at least 0"),
    ("sorting: asc", "precision: 18", "out_of_range", "precision: 18", "at most 17"),
    ("title: Duration", f"title: {'x' * 65}", "too_long", "title: xxx", "longer than 64 characters"),
    ("key: duration", f"key: {'x' * 65}", "too_long", "key: xxx", "longer than 64 characters"),
    ("key: main", f"key: {'x' * 37}", "too_long", "key: xxx", "longer than 36 characters"),
    ("sorting: asc", "computation: avg", "no_computation_indexes", "computation: avg", "no computation_indexes"),
    ("sorting: asc", "computation_indexes: [0]", "no_computation", "indexes: [0]", "no computation"),
    ("sorting: asc", "computation: avg\n        computation_indexes: [0, 5]", "unknown_column", "[0, 5]", "index 5"),
    ("sorting: asc", "computation: avg\n        computation_indexes: [1]", "self_reference", "[1]", "from itself"),
    ("sorting: asc", "computation: mean\n        computation_indexes: [0]", "bad_choice", "mean", "avg, sum, min, max"),
    (
        "description: Tell",
        "docker_image: My Image\ndescription: Tell",
        "bad_image_name",
        "My Image",
        "no name of an image",
    ),
    ("description: Tell", "fact_sheet: [1]\ndescription: Tell", "fact_sheet", "fact_sheet", "Not valid JSON"),
    ("description: Tell", "fact_sheet: {a: {key: a}}\ndescription: Tell", "fact_sheet", "", "Missing {'type', 'title'"),
    ("version: 2", "version: 3", "bad_version", "version: 3", 'no version "3"'),
    ("max_submissions: 1\n", "parallel: maybe\n", "wrong_type", "maybe", "must be true or false"),
    (
        "max_submissions: 1\n",
        "parallel: true\n    auto_migrate_to_this_phase: true\n",
        "parallel_migration",
        "auto_migrate",
        "cannot take over its submissions",
    ),
    ("    name: Development\n", "    name: Development\n    parallel: true\n", "parallel_first", "parallel", "first"),
]


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_names_its_line_and_how_to_mend_it(bundle: BundleMaker, case: Case) -> None:
    old, new, code, line, said = case
    fault = bundle.replace(old, new).fault(code)
    assert fault.severity == "error"
    assert said in str(fault)
    assert fault.file == "competition.yaml"
    assert fault.line is not None
    assert fault.column is not None
    if line:
        assert isinstance(bundle.yaml, str)
        assert line.split("\n", maxsplit=1)[0] in bundle.yaml.splitlines()[fault.line - 1]


WARNINGS: list[Case] = [
    ("title: Wheat", "titel: Wheat\ntitle: Wheat", "unknown_key", "titel", 'key "titel" is not known at the top level'),
    ("max_submissions: 1\n", "max_submisions: 1\n", "unknown_key", "max_submisions", 'Did you mean "max_submissions"?'),
    ("sorting: asc", "sort: asc", "unknown_key", "sort: asc", "in a column"),
    ("title: Wheat", "title: Old\ntitle: Wheat", "duplicate_key", "title: Wheat", "first in line 2"),
    ("version: 2\n", "", "no_version", "title: Wheat", "read as version 2"),
    ("description: Tell", "contact_email: nobody\ndescription: Tell", "bad_email", "nobody", "does not look like"),
    (
        "reference_data: reference.zip",
        "reference_data: input_data/",
        "labels_leak",
        "reference_data",
        "read the test labels",
    ),
    (
        "- index: 1\n    name: Final",
        "- index: 0\n    name: Final",
        "duplicate_index",
        "",
        "Two phases have the index 0",
    ),
    ("- index: 1\n    name: Final", "- name: Final", "no_index", "name: Final", "counts as 0"),
    ("path: solution/", "path: solution/model.py", "not_a_zip", "path: solution/model.py", "cannot be submitted"),
    ("start: 2098-02-01", "start: 2020-01-01\n    end: 2021-01-01", "all_over", "end: 2021-01-01", "already over"),
]


@pytest.mark.parametrize("case", WARNINGS)
def test_a_warning_names_its_line_and_lets_the_bundle_through(bundle: BundleMaker, case: Case) -> None:
    old, new, code, line, said = case
    if code == "all_over":
        bundle.replace("end: 2098-01-01 00:00:00", "end: 2019-02-01").replace(
            "start: 2024-01-01 12:30:00", "start: 2019-01-01"
        )
    fault = bundle.replace(old, new).fault(code)
    assert fault.severity == "warning"
    assert said in str(fault)
    assert fault.line is not None
    assert isinstance(bundle.yaml, str)
    assert line in bundle.yaml.splitlines()[fault.line - 1]
    assert bundle.check().ok


def test_of_a_duplicate_key_the_last_value_counts(bundle: BundleMaker) -> None:
    bundle.replace("title: Wheat seeds", "title: Old\ntitle: Wheat seeds")
    competition = bundle.check().competition
    assert competition is not None
    assert competition.title == "Wheat seeds"


def test_everything_wrong_is_reported_at_once_in_the_order_of_the_file(bundle: BundleMaker) -> None:
    bundle.replace("image: logo.png", "image: gone.png").replace("name: Seeds\n", "nmae: Seeds\n")
    bundle.replace("start: 2098-02-01", "start: never").replace("sorting: asc", "sorting: up")
    report = bundle.check()
    assert [fault.code for fault in report.faults] == [
        *["missing_file", "missing_key", "unknown_key", "bad_date", "bad_choice"]
    ]
    lines = [fault.line for fault in report.faults if fault.line is not None]
    assert lines == sorted(lines)
    assert len(lines) == 5
    assert not report.ok
    assert len(report.errors) == 4
    assert len(report.warnings) == 1


def test_a_fault_says_where_it_is_in_words_and_in_a_path(bundle: BundleMaker) -> None:
    fault = bundle.replace("end: 2098-01-01 00:00:00", "end: 2023-01-01").fault("end_before_start")
    assert fault.path == "phases[0].end"
    assert fault.column == 10
    assert str(fault).startswith(f"competition.yaml:{fault.line}:10: error: The phase ")


@pytest.mark.parametrize("section", ["tasks", "phases", "leaderboards"])
@pytest.mark.parametrize("value", ["", " []", " {}", " 3"])
def test_a_missing_or_empty_section_is_an_error(bundle: BundleMaker, section: str, value: str) -> None:
    assert isinstance(bundle.yaml, str)
    before, _, after = bundle.yaml.partition(f"{section}:\n")
    rest = after.splitlines(keepends=True)
    while rest and rest[0].startswith(" "):
        rest.pop(0)
    bundle.yaml = before + (f"{section}:{value}\n" if value else "") + "".join(rest)
    report = bundle.check()
    assert not report.ok
    assert any(fault.path.startswith(section) or section[:-1] in fault.message.lower() for fault in report.errors)


def test_a_missing_section_says_what_codabench_says_and_how_to_mend_it(bundle: BundleMaker) -> None:
    bundle.yaml = "version: 2\n"
    said = " ".join(str(fault) for fault in bundle.check().faults)
    for message in (
        "No tasks listed in this competition",
        "Unable to find any phases for this competition",
        "Could not find leaderboards in the competition yaml",
    ):
        assert message in said


def test_a_leaderboard_without_columns_is_an_error(bundle: BundleMaker) -> None:
    assert isinstance(bundle.yaml, str)
    bundle.yaml = bundle.yaml[: bundle.yaml.index("    columns:\n")] + "    columns: []\n"
    assert bundle.fault("no_columns").line == bundle.line_of("columns: []")


def test_columns_computed_from_each_other_in_a_circle_are_an_error(bundle: BundleMaker) -> None:
    bundle.replace("        sorting: desc\n", "        computation: sum\n        computation_indexes: [1]\n")
    bundle.replace("        sorting: asc\n", "        computation: sum\n        computation_indexes: [0]\n")
    assert [fault.code for fault in bundle.check().faults] == ["circular_reference", "circular_reference"]


def test_auto_migration_to_the_first_phase_is_an_error(bundle: BundleMaker) -> None:
    bundle.replace("name: Development", "name: Development\n    auto_migrate_to_this_phase: true")
    assert "You cannot auto migrate to the first phase" in bundle.fault("auto_migrate_first").message


def test_a_phase_without_tasks_and_one_with_an_unknown_task_are_errors(bundle: BundleMaker) -> None:
    assert isinstance(bundle.yaml, str)
    bundle.yaml = bundle.yaml.replace("00:00:00\n    tasks: [0]\n", "00:00:00\n    tasks: []\n")
    bundle.yaml = bundle.yaml.replace("max_submissions: 1\n    tasks: [0]\n", "tasks: [0, 3]\n")
    report = bundle.check()
    assert [(fault.code, fault.path) for fault in report.faults] == [
        ("no_tasks", "phases[0].tasks"),
        ("unknown_task", "phases[1].tasks"),
    ]


def test_duplicate_task_indexes_are_an_error(bundle: BundleMaker) -> None:
    bundle.replace(
        "solutions:\n", "  - index: 0\n    name: Again\n    scoring_program: scoring_program.zip\nsolutions:\n"
    )
    fault = bundle.fault("duplicate_index")
    assert "Duplicate task indexes: 0" in fault.message
    assert fault.path == "tasks[1].index"


def test_a_task_key_that_is_no_uuid_is_an_error(bundle: BundleMaker) -> None:
    bundle.replace("solutions:\n", "  - index: 1\n    key: my-task\nsolutions:\n")
    assert '"my-task" is no key of a task' in bundle.fault("bad_key").message


def test_an_empty_page_is_an_error(bundle: BundleMaker) -> None:
    bundle.files["pages/overview.md"] = " \n"
    fault = bundle.fault("empty_page")
    assert fault.message == '"pages/overview.md" is empty, it must contain content.'
    assert fault.line == bundle.line_of("file: pages/overview.md")


def test_a_page_or_an_image_that_is_too_large_is_an_error(bundle: BundleMaker) -> None:
    bundle.files["pages/overview.md"] = "x" * (2**20 + 1)
    bundle.files["logo.png"] = PNG + bytes(10 * 2**20)
    assert sorted(fault.code for fault in bundle.check().faults) == ["image_too_large", "too_large"]


def test_a_competition_without_pages_is_warned_of(bundle: BundleMaker) -> None:
    bundle.replace("pages:\n  - title: Overview\n    file: pages/overview.md\n", "")
    assert bundle.fault("no_pages").severity == "warning"


@pytest.mark.parametrize("kind", ["zip", "folder"])
@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"score.py": ""}, "no_metadata", "has no metadata.yaml"),
        ({"metadata.yaml": "description: x", "score.py": ""}, "no_command", "has no command in metadata.yaml"),
        ({"metadata": "command:\n", "score.py": ""}, "no_command", "has no command in metadata"),
        ({"metadata": "command: python3 'x.py", "x.py": ""}, "bad_command", "cannot be split"),
    ],
)
def test_a_scoring_program_that_cannot_run_is_an_error(
    bundle: BundleMaker, kind: str, files: dict[str, bytes | str], code: str, said: str
) -> None:
    if kind == "zip":
        bundle.files["scoring_program.zip"] = zip_bytes(files)
    else:
        bundle.files |= {f"scoring/{name}": content for name, content in files.items()}
        bundle.replace("scoring_program: scoring_program.zip", "scoring_program: scoring/")
    fault = bundle.fault(code)
    assert said in fault.message
    assert fault.line == bundle.line_of("scoring_program: scoring")


def test_an_ingestion_program_without_a_command_is_an_error(bundle: BundleMaker) -> None:
    bundle.files["ingestion_program/metadata"] = "description: nothing\n"
    assert bundle.fault("no_command").path == "tasks[0].ingestion_program"


def test_a_yaml_fault_in_a_programs_metadata_names_that_file_and_line(bundle: BundleMaker) -> None:
    bundle.files["ingestion_program/metadata"] = "description: x\ncommand: python3 a.py b: c\n"
    fault = bundle.fault("bad_metadata")
    assert (fault.file, fault.line) == ("ingestion_program/metadata", 2)
    assert "not valid YAML" in fault.message


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("python3 scoer.py", "missing_script", 'Did you mean "score.py"?'),
        (
            "python3 /app/program/evaluate.py $input",
            "missing_script",
            '"evaluate.py", which is not in the scoring program',
        ),
        ("cd src && python3 score.py", "needs_shell", "commands are run without a shell"),
        ("python3 score.py $submission_program", "scoring_runs_submission", "beside the reference data"),
    ],
)
def test_a_doubtful_scoring_command_is_warned_of(bundle: BundleMaker, command: str, code: str, said: str) -> None:
    bundle.files["scoring_program.zip"] = zip_bytes({"metadata": f"command: {command}", "score.py": ""})
    fault = bundle.fault(code)
    assert fault.severity == "warning"
    assert said in str(fault)


@pytest.mark.parametrize(
    "code",
    [
        "sys.path.append('/app/input/res')",
        "sys.path.insert(0, submission_dir)",
        "open('/app/ingested_program/model.py')",
    ],
)
def test_a_scoring_program_that_imports_the_submission_is_warned_of(bundle: BundleMaker, code: str) -> None:
    bundle.files["scoring_program.zip"] = zip_bytes(
        {"metadata": "command: python3 score.py", "score.py": f"import sys\n{code}\n"}
    )
    assert "scoring_program.zip/score.py" in bundle.fault("scoring_runs_submission").message


def test_a_program_of_one_endless_line_is_looked_into_in_one_go(bundle: BundleMaker) -> None:
    """With a careless pattern a megabyte of this takes an hour, in which the checker does nothing else."""
    bundle.files["scoring_program.zip"] = zip_bytes(
        {"metadata": "command: python3 score.py", "score.py": "sys.path.append(" * 65_000}
    )
    assert check_bundle(bundle.zip()).ok


def test_the_same_file_twice_as_input_and_reference_is_warned_of_in_a_zip(bundle: BundleMaker) -> None:
    bundle.files |= {"input.zip": bundle.files["reference.zip"]}
    report = check_bundle(bundle.replace("input_data: input_data/", "input_data: input.zip").zip())
    assert [fault.code for fault in report.faults] == ["labels_leak"]


YAML_FAULTS = [
    ("title: a: b\n", 1, 9, "in quotes"),
    ("version: 2\npages:\n\t- title: x\n", 3, 1, "no tabs"),
    ("version: 2\ntitle: 'open\n", 2, 8, "quote that opens here"),
    ("version: 2\ntasks: [0, 1\nphases: []\n", 3, 7, "opens in line 2"),
    ("a: 1\n b: 2\n", 2, 3, ""),
    ("title: *nobody\n", 1, 8, "no anchor"),
    ("title: &me [*me]\n", 1, 13, "contains itself"),
    ("title: !!python/object/apply:os.system [id]\n", 1, 8, "not allowed"),
    ("? [1]\n: 2\n", 1, 3, "A key must be a plain word"),
    ("a: 1\n---\nb: 2\n", 2, 1, "second YAML document"),
    ("a: " + "[" * 40, 1, 36, "nested more than 32"),
    ("a: 1\nb: \x07\n", 2, None, "control character U+0007"),
]


@pytest.mark.parametrize(("text", "line", "column", "said"), YAML_FAULTS)
def test_a_yaml_fault_has_line_column_and_a_hint(
    bundle: BundleMaker, text: str, line: int, column: int | None, said: str
) -> None:
    bundle.yaml = text
    fault = bundle.fault("yaml")
    assert (fault.file, fault.line, fault.column) == ("competition.yaml", line, column)
    assert said in str(fault)


def test_bytes_that_are_no_text_are_an_error_with_their_line(bundle: BundleMaker) -> None:
    bundle.yaml = b"version: 2\ntitle: \xff\n"
    fault = bundle.fault("yaml")
    assert fault.line == 2
    assert "encoding UTF-8" in fault.hint


def test_aliases_that_grow_without_end_are_refused(bundle: BundleMaker) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    bundle.yaml = "\n".join(lines)
    assert "more than 50,000 values" in bundle.fault("yaml").message


def test_a_yaml_file_of_more_than_a_megabyte_is_refused(bundle: BundleMaker) -> None:
    bundle.yaml = "# " + "x" * 2**20
    assert "larger than 1,024 KiB" in bundle.fault("yaml").message


@pytest.mark.parametrize("text", ["", "# only a comment\n", "just a sentence", "- a\n- b\n", "3"])
def test_a_yaml_file_without_keys_is_refused(bundle: BundleMaker, text: str) -> None:
    bundle.yaml = text
    assert bundle.fault("not_a_mapping").line == 1


def test_an_old_bundle_without_a_version_is_told_apart(bundle: BundleMaker) -> None:
    bundle.yaml = "title: Old\nhtml: {overview: a.html}\nphases: {1: {phasenumber: 1}}\n"
    assert "leaderboard" in bundle.fault("no_board").message
    assert bundle.fault("no_scoring_program").path == "phases.1"


def test_a_file_that_is_no_zip_is_one_clear_fault(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_text("not a zip")
    report = check_bundle(path)
    assert [fault.code for fault in report.faults] == ["not_a_zip"]
    assert not report.ok


def test_a_path_that_does_not_exist_is_one_clear_fault(tmp_path: Path) -> None:
    (fault,) = check_bundle(tmp_path / "gone.zip").faults
    assert fault.code == "not_found"
    assert "gone.zip" in fault.message


def test_a_zip_without_competition_yaml_says_where_one_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(zip_bytes({"readme.md": "x", "mine/competition.yaml": "version: 2"}))
    (fault,) = check_bundle(path).faults
    assert fault.code == "no_competition_yaml"
    assert 'It is at "mine/competition.yaml"' in fault.hint
    path.write_bytes(zip_bytes({"readme.md": "x"}))
    assert "root of" not in str(check_bundle(path).faults[0])
    assert "competition.yaml is missing" in check_bundle(path).faults[0].message


def test_competition_yml_is_read_with_a_warning(bundle: BundleMaker, tmp_path: Path) -> None:
    files = bundle.all_files()
    files["competition.yml"] = files.pop("competition.yaml")
    (tmp_path / "x.zip").write_bytes(zip_bytes(files))
    report = check_bundle(tmp_path / "x.zip")
    assert [(fault.code, fault.file) for fault in report.faults] == [("yaml_name", "competition.yml")]
    assert report.ok


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (zip_bytes({"competition.yaml": "", "../evil": ""}), "parent_path"),
        (zip_bytes({"competition.yaml": "", "/etc/passwd": ""}), "absolute_path"),
        (link_entry("data", "/etc"), "symlink"),
    ],
)
def test_a_bundle_zip_with_a_dangerous_member_is_refused(data: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(data)
    assert [fault.code for fault in check_bundle(path).faults] == [code]


def test_a_value_that_resolves_through_a_link_out_of_the_folder_is_refused(bundle: BundleMaker, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/labels.csv").write_text("1")
    folder = bundle.replace("input_data: input_data/", "input_data: linked/").folder()
    (folder / "linked").symlink_to(tmp_path / "secret")
    (fault,) = check_bundle(folder).faults
    assert fault.code == "symlink"
    assert "leads out of the bundle" in fault.message
    assert fault.line == bundle.line_of("linked/")


def test_a_link_to_a_file_outside_of_the_folder_is_never_read(bundle: BundleMaker, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    folder = bundle.folder()
    (folder / "pages/overview.md").unlink()
    (folder / "pages/overview.md").symlink_to(tmp_path / "secret.md")
    (folder / "input_data/secret.md").symlink_to(tmp_path / "secret.md")
    report = check_bundle(folder)
    assert [fault.code for fault in report.faults] == ["symlink"]
    with open_bundle(folder) as opened:
        assert "input_data/secret.md" not in opened.names
        buffer = io.BytesIO()
        opened.extract_part("input_data", buffer)
    assert b"secret" not in buffer.getvalue()


def test_a_link_that_stays_inside_of_the_folder_is_followed(bundle: BundleMaker) -> None:
    folder = bundle.folder()
    (folder / "pages/overview.md").rename(folder / "real.md")
    (folder / "pages/overview.md").symlink_to("../real.md")
    assert check_bundle(folder).faults == ()


def test_a_nested_program_zip_that_is_damaged_is_an_error(bundle: BundleMaker) -> None:
    bundle.files["scoring_program.zip"] = b"PK\x03\x04 but no more"
    assert "not a zip file" in bundle.fault("not_a_zip").message


def test_a_nested_program_zip_with_a_link_is_an_error(bundle: BundleMaker) -> None:
    bundle.files["scoring_program.zip"] = link_entry("score.py", "/etc/passwd")
    assert "symbolic link" in bundle.fault("bad_program").message


def test_a_damaged_member_of_the_bundle_is_an_error_and_no_crash(bundle: BundleMaker) -> None:
    path = bundle.zip()
    data = bytearray(path.read_bytes())
    for name in (b"pages/terms.md", b"logo.png", b"reference.zip"):
        at = data.index(name) + len(name)
        data[at : at + 6] = b"\xff" * 6
    path.write_bytes(bytes(data))
    report = check_bundle(path)
    assert {fault.code for fault in report.faults} == {"bad_member"}
    assert {fault.path for fault in report.faults} == {"image", "terms", "tasks[0].reference_data"}


def test_a_bundle_that_is_a_pipe_is_refused_and_not_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert [fault.code for fault in check_bundle(tmp_path / "pipe").faults] == ["unreadable"]


def test_a_file_that_vanishes_from_a_folder_is_an_error_and_no_crash(bundle: BundleMaker) -> None:
    with open_bundle(bundle.folder()) as opened:
        (bundle.where / "bundle/pages/overview.md").unlink()
        (fault,) = check_open_bundle(opened).faults
    assert (fault.code, fault.path) == ("unreadable", "pages[0].file")


def test_of_thousands_of_faults_the_first_are_shown_and_the_rest_is_not_looked_for(bundle: BundleMaker) -> None:
    assert isinstance(bundle.yaml, str)
    bundle.yaml += "".join(f"unknown_{number}: 1\n" for number in range(2000))
    report = bundle.check()
    assert len(report.faults) == 501
    assert report.faults[-1].code == "too_many_faults"
    assert report.ok


def test_a_leaderboard_of_hundreds_of_columns_is_refused(bundle: BundleMaker) -> None:
    assert isinstance(bundle.yaml, str)
    bundle.yaml += "".join(f"      - {{title: t, key: k{n}, index: {n}}}\n" for n in range(2, 202))
    assert "202 columns" in bundle.fault("too_many").message


def test_no_message_is_longer_than_a_paragraph_whatever_the_file_holds(bundle: BundleMaker) -> None:
    long = "x" * 50_000
    assert isinstance(bundle.yaml, str)
    bundle.yaml += f"fact_sheet:\n  ? {long}\n  : key: {long}\n? {long}\n: {long}\n"
    bundle.replace("image: logo.png", f"image: {long}").replace("sorting: asc", f"sorting: {long}")
    bundle.replace("start: 2098-02-01", f"start: {long}").replace("max_submissions: 1\n", f"max_submissions: {long}\n")
    report = bundle.check()
    codes = {fault.code for fault in report.faults}
    assert codes == {"unsafe_name", "bad_choice", "bad_date", "wrong_type", "fact_sheet", "unknown_key"}
    assert all(len(str(fault)) < 1000 and len(fault.path) < 300 for fault in report.faults)

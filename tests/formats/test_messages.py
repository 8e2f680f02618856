"""Messages that are all somebody has: each leads to what is really wrong, also where the first look misleads."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from podium.formats.bundle import check_bundle

from .building import SCORING_PROGRAM, BundleMaker, zip_bytes

PROGRAM = "scoring_program: scoring_program.zip"


def executable_zip(files: dict[str, bytes]) -> bytes:
    """Return a zip whose scripts are marked as executable."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100755 if name.endswith(".sh") else 0o100644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def with_program(bundle: BundleMaker, files: dict[str, str]) -> BundleMaker:
    """Give the scoring program as a folder with these files."""
    bundle.files |= {f"scoring/{name}": content for name, content in files.items()}
    return bundle.replace(PROGRAM, "scoring_program: scoring")


def test_an_entry_that_is_no_number_is_named_and_nothing_else_is_said_of_it(bundle: BundleMaker) -> None:
    bundle.replace("    tasks: [0]\n    path", "    tasks:\n      - 0\n      - Seeds\n    path")
    bundle.replace("sorting: asc", "computation: avg\n        computation_indexes: [accuracy]")
    by_task, by_column = bundle.check().errors
    assert by_task.line == bundle.line_of("- Seeds")
    assert by_task.message == 'tasks must be a list of whole numbers, and "Seeds" is none.'
    assert by_column.message == 'computation_indexes must be a list of whole numbers, and "accuracy" is none.'


@pytest.mark.parametrize("letter", ["y", "n", "Y", "N"])
def test_a_single_letter_is_a_word_and_also_yes_or_no_where_that_is_asked(bundle: BundleMaker, letter: str) -> None:
    rest = "type: select, title: T, selection: [y, n], is_required: 'true', is_on_leaderboard: 'true'"
    question = f"{{key: {letter}, {rest}}}"
    bundle.replace(
        "description: Tell",
        f"registration_auto_approve: {letter}\nfact_sheet: {{{letter}: {question}}}\ndescription: Tell",
    )
    report = bundle.check()
    assert report.faults == ()
    assert report.competition is not None and report.competition.fact_sheet is not None
    assert report.competition.fact_sheet[letter].selection == ("y", "n")
    assert report.competition.registration_auto_approve == (letter in "yY")


def test_a_program_in_a_wrapper_folder_is_taken_from_a_folder_as_from_a_zip(bundle: BundleMaker) -> None:
    wrapped = {f"program/{name}": content for name, content in SCORING_PROGRAM.items()}
    assert with_program(bundle, {**wrapped, ".DS_Store": "x"}).check().faults == ()
    bundle.files["scoring_program.zip"] = zip_bytes(wrapped)
    assert bundle.replace("scoring_program: scoring\n", f"{PROGRAM}\n").check().faults == ()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("metadata.yml", 'Rename "metadata.yml" to metadata.yaml.'),
        ("Metadata.yaml", 'Rename "Metadata.yaml" to metadata.yaml.'),
        ("metadata.txt", 'Rename "metadata.txt" to metadata.yaml.'),
        (
            "bin/metadata.yaml",
            'There is one at "bin/metadata.yaml": move what is in that folder up, or name that folder.',
        ),
    ],
)
def test_metadata_that_are_nearly_there_are_named(bundle: BundleMaker, name: str, hint: str) -> None:
    with_program(bundle, {name: SCORING_PROGRAM["metadata.yaml"], "score.py": ""})
    assert bundle.fault("no_metadata").hint == hint


def test_a_variable_that_does_not_exist_is_named_with_the_one_that_was_meant(bundle: BundleMaker) -> None:
    with_program(bundle, {"metadata": "command: python3 $programm/score.py $input ${ouput} $x $", "score.py": ""})
    report = bundle.check()
    assert [fault.code for fault in report.faults] == ["unknown_variable"] * 3
    assert report.faults[0].message == (
        "scoring/metadata: $programm is no variable of commands, and the program gets it as it stands there."
    )
    assert report.faults[0].hint == 'Did you mean "$program"?'
    assert report.faults[1].hint == 'Did you mean "$output"?'
    assert "$hidden" in report.faults[2].hint and "$shared" in report.faults[2].hint


def test_a_script_with_line_ends_of_windows_is_warned_of(bundle: BundleMaker) -> None:
    with_program(
        bundle, {"metadata": "command: bash run.sh\r\n", "run.sh": "python3 score.py\r\n", "score.py": "1\r\n"}
    )
    fault = bundle.fault("windows_script")
    assert fault.message.startswith("scoring/run.sh has line ends of Windows")
    bundle.files["scoring/run.sh"] = "python3 score.py\n"
    assert bundle.check().faults == ()


def test_a_task_in_no_phase_is_warned_of(bundle: BundleMaker) -> None:
    bundle.replace("solutions:\n", f"  - index: 1\n    name: Other\n    {PROGRAM}\nsolutions:\n")
    fault = bundle.fault("unused_task")
    assert (fault.severity, fault.line) == ("warning", bundle.line_of("name: Other") - 1)
    assert fault.message == 'The task "Other" is in no phase, so nobody can submit to it.'
    bundle.replace("max_submissions: 1\n    tasks: [0]", "max_submissions: 1\n    tasks: [Other]")
    assert [fault.code for fault in bundle.check().faults] == ["wrong_type"]


@pytest.mark.parametrize("content", [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj", b"PK\x03\x04\x14", b"Terms\0of use"])
def test_a_page_that_is_no_text_is_refused(bundle: BundleMaker, content: bytes) -> None:
    bundle.files["pages/terms.md"] = content
    fault = bundle.fault("not_text")
    assert fault.line == bundle.line_of("terms:")
    assert "Markdown or HTML" in fault.hint


def test_a_page_in_utf_16_is_read(bundle: BundleMaker) -> None:
    bundle.files["pages/terms.md"] = "# Größe\r\n".encode("utf-16")
    assert bundle.check().faults == ()


def test_terms_that_stand_in_the_file_itself_are_told_apart_from_a_missing_file(bundle: BundleMaker) -> None:
    bundle.replace("terms: pages/terms.md", "terms: Everybody may take part")
    assert "Write the text into a file" in bundle.fault("missing_file").hint


@pytest.mark.parametrize(("in_yaml", "in_zip"), [("\u00e9", "e\u0301"), ("e\u0301", "\u00e9")])
def test_an_accent_is_the_same_in_both_ways_of_writing_it(bundle: BundleMaker, in_yaml: str, in_zip: str) -> None:
    bundle.files[f"pages/R{in_zip}gles.md"] = bundle.files.pop("pages/terms.md")
    assert bundle.replace("pages/terms.md", f"pages/R{in_yaml}gles.md").check().faults == ()


def test_a_version_that_the_keys_contradict_is_one_word_to_mend(bundle: BundleMaker) -> None:
    assert bundle.replace("version: 2", "version: 1.5").fault("wrong_version").hint == "Write: version: 2"
    assert [fault.code for fault in bundle.check().errors] == ["wrong_version"]


@pytest.mark.parametrize("name", ["Competition.yaml", "COMPETITION.YML", "competition.yaml.txt", "competion.yaml"])
def test_a_file_of_nearly_that_name_is_to_be_renamed(bundle: BundleMaker, tmp_path: Path, name: str) -> None:
    (tmp_path / "bundle.zip").write_bytes(zip_bytes({name: bundle.yaml, **bundle.files}))
    (fault,) = check_bundle(tmp_path / "bundle.zip").faults
    assert fault.hint == f'Rename "{name}" to competition.yaml.'


def test_a_blank_that_is_none_is_made_visible(bundle: BundleMaker) -> None:
    fault = bundle.replace("title: Wheat seeds", "title:\u00a0Wheat seeds").fault("yaml")
    line = bundle.line_of("Wheat seeds")
    assert fault.hint == f"Line {line} has a no-break space (U+00A0), which looks like a blank: write a blank."


def test_what_is_not_closed_is_named_where_it_opens(bundle: BundleMaker) -> None:
    fault = bundle.replace("title: Wheat seeds", 'title: "Wheat seeds').fault("yaml")
    assert fault.line == bundle.line_of("Wheat seeds")
    assert "is not closed" in fault.hint


def test_an_open_bracket_is_named_with_its_line(bundle: BundleMaker) -> None:
    fault = bundle.replace("    tasks: [0]\n    path", "    tasks: [0\n    path").fault("yaml")
    assert f"line {bundle.line_of('path:') - 1}" in fault.hint


@pytest.mark.parametrize(
    ("written", "read"),
    [("03/04/2098", "2098-03-04"), ("3-4-2098 10:00", "2098-03-04 10:00"), ("4.5.2098", "2098-04-05")],
)
def test_a_date_that_may_be_read_in_two_ways_is_told(bundle: BundleMaker, written: str, read: str) -> None:
    fault = bundle.replace("start: 2098-02-01", f"start: {written}").fault("ambiguous_date")
    assert (fault.severity, fault.line) == ("warning", bundle.line_of(written))
    assert f"is read as {read}" in fault.message


@pytest.mark.parametrize("written", ["4/13/2098", "5/5/2098", "2098-03-04"])
def test_a_date_that_can_only_be_read_in_one_way_is_not(bundle: BundleMaker, written: str) -> None:
    assert bundle.replace("start: 2098-02-01", f"start: {written}").check().faults == ()


def test_names_may_stand_in_one_line_with_commas_and_addresses_must_be_some(bundle: BundleMaker) -> None:
    bundle.replace("description: Tell", "collaborators: bob, ann\nwhitelist_emails: a@x.org, carl\ndescription: Tell")
    report = bundle.check()
    assert report.competition is not None
    assert report.competition.collaborators == ("bob", "ann")
    assert report.competition.whitelist_emails == ("a@x.org", "carl")
    (fault,) = report.faults
    assert (fault.code, fault.severity) == ("bad_email", "warning")
    assert fault.message == '"carl" does not look like an e-mail address.'


@pytest.mark.parametrize("key", ["Command", "commands", "comand"])
def test_a_key_that_is_nearly_command_is_named(bundle: BundleMaker, key: str) -> None:
    with_program(bundle, {"metadata.yaml": f"{key}: python3 score.py\n", "score.py": ""})
    assert bundle.fault("no_command").hint == f'Rename its key "{key}" to command.'


def test_several_lines_are_told_to_be_one_command(bundle: BundleMaker) -> None:
    with_program(bundle, {"metadata": "command: |\n  python3 a.py\n  python3 score.py\n", "a.py": "", "score.py": ""})
    fault = bundle.fault("several_lines")
    assert (
        fault.message == "scoring/metadata: the lines of the command are run as one command, not one after the other."
    )
    assert "bash run.sh" in fault.hint


@pytest.mark.parametrize(
    ("start", "name"), [("score.py", "score.py"), ("./run.sh", "run.sh"), ("$program/run.sh", "run.sh")]
)
def test_a_script_that_cannot_be_started_by_itself_is_warned_of(bundle: BundleMaker, start: str, name: str) -> None:
    with_program(bundle, {"metadata": f"command: {start} $input\n", "score.py": "", "run.sh": "python3 score.py\n"})
    fault = bundle.fault("not_executable")
    runner = "python3" if name.endswith(".py") else "bash"
    assert fault.message.startswith(f'scoring/metadata: the command starts "{name}" itself')
    assert fault.hint == f"Name the program that runs it: {runner} $program/{name}"


@pytest.mark.parametrize("inner", [False, True], ids=["folder", "zip"])
def test_a_script_that_is_executable_is_started_by_its_path_without_a_word(tmp_path: Path, inner: bool) -> None:
    bundle = BundleMaker(tmp_path)
    files = {"metadata": b"command: ./run.sh\n", "run.sh": b"#!/bin/sh\n"}
    if inner:
        bundle.files["scoring_program.zip"] = executable_zip(files)
        assert check_bundle(bundle.zip()).faults == check_bundle(bundle.folder()).faults == ()
        return
    with_program(bundle, {name: content.decode() for name, content in files.items()})
    folder = bundle.folder()
    (folder / "scoring" / "run.sh").chmod(0o755)
    assert check_bundle(folder).faults == ()
    everything = {name: text.encode() if isinstance(text, str) else text for name, text in bundle.all_files().items()}
    (tmp_path / "made.zip").write_bytes(executable_zip(everything))
    assert check_bundle(tmp_path / "made.zip").faults == ()


def test_words_of_a_fact_sheet_are_what_stands_there(bundle: BundleMaker) -> None:
    question = "{key: on, type: text, title: No, selection: '', is_required: 'false', is_on_leaderboard: 'true'}"
    bundle.replace("description: Tell", f"fact_sheet: {{on: {question}}}\ndescription: Tell")
    report = bundle.check()
    assert report.faults == ()
    assert report.competition is not None and report.competition.fact_sheet is not None
    assert report.competition.fact_sheet["on"].title == "No"


def test_an_anchor_that_is_misspelt_is_named(bundle: BundleMaker) -> None:
    bundle.yaml = "a: &RESULTS {x: 1}\nb: *RESULT\n"
    fault = bundle.fault("yaml")
    assert (fault.line, fault.hint) == (2, "Did you mean *RESULTS? A text that starts with * must stand in quotes.")

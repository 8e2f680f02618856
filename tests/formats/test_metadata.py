"""Program metadata: which file counts, what a submission is, and what its faults say."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.formats.metadata import (
    Kind,
    MetadataError,
    ProgramMetadata,
    kind_of,
    metadata_in_archive,
    read_program_metadata,
)

MakeZip = Callable[..., Path]


def folder_with(tmp_path: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name.replace("__", ".")).write_bytes(data)
    return tmp_path


def test_without_a_metadata_file_a_submission_is_a_result(tmp_path: Path) -> None:
    metadata = read_program_metadata(tmp_path)
    assert metadata == ProgramMetadata()
    assert not metadata.present
    assert kind_of(metadata) is Kind.RESULT


def test_metadata_without_a_command_makes_a_code_submission(tmp_path: Path) -> None:
    metadata = read_program_metadata(folder_with(tmp_path, metadata="description: my model\n"))
    assert metadata.present
    assert metadata.extra == {"description": "my model"}
    assert kind_of(metadata) is Kind.CODE


def test_metadata_with_a_command_makes_a_submission_that_runs_itself(tmp_path: Path) -> None:
    text = "image: codalab/codalab-legacy:py39\n\ncommand: python3 run.py $input\n"
    metadata = read_program_metadata(folder_with(tmp_path, metadata__yaml=text))
    assert (metadata.command, metadata.line) == ("python3 run.py $input", 3)
    assert metadata.image == "codalab/codalab-legacy:py39"
    assert kind_of(metadata) is Kind.COMMAND


def test_metadata_yaml_wins_over_metadata(tmp_path: Path) -> None:
    metadata = read_program_metadata(folder_with(tmp_path, metadata="command: old", metadata__yaml="command: new"))
    assert (metadata.file, metadata.command) == ("metadata.yaml", "new")


@pytest.mark.parametrize("text", ["command:\n", "command: ''\n", "command: ~\n", "command:   \n", "", "# nothing\n"])
def test_an_empty_command_is_no_command(text: str, tmp_path: Path) -> None:
    metadata = read_program_metadata(folder_with(tmp_path, metadata=text))
    assert metadata.present
    assert metadata.command is None


def test_a_byte_order_mark_and_windows_line_ends_are_read_over(tmp_path: Path) -> None:
    metadata = read_program_metadata(folder_with(tmp_path, metadata=b"\xef\xbb\xbfcommand: python3 a.py\r\nx: 1\r\n"))
    assert metadata.command == "python3 a.py"


@pytest.mark.parametrize("text", ["Reference data of the year 2012.", "- a\n- b\n", "42"])
def test_a_bare_sentence_is_metadata_without_a_command(text: str, tmp_path: Path) -> None:
    metadata = read_program_metadata(folder_with(tmp_path, metadata=text))
    assert metadata.present
    assert metadata.command is None
    assert "names no command" in metadata.notes[0]


def test_a_command_given_as_a_list_of_words_is_joined(tmp_path: Path) -> None:
    metadata = read_program_metadata(folder_with(tmp_path, metadata="command: [python3, my file.py, 3]"))
    assert metadata.command == "python3 'my file.py' 3"


def test_a_command_over_several_lines_is_one_command(tmp_path: Path) -> None:
    metadata = read_program_metadata(folder_with(tmp_path, metadata="command: >\n  python3 a.py\n  $input\n"))
    assert metadata.command is not None
    assert metadata.command.split() == ["python3", "a.py", "$input"]


def test_of_two_commands_the_last_one_counts_with_a_note(tmp_path: Path) -> None:
    metadata = read_program_metadata(folder_with(tmp_path, metadata="command: a\ncommand: b\n"))
    assert metadata.command == "b"
    assert metadata.notes == ("metadata, line 2: command is given twice; the last one counts.",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x: 1\ncommand: python3 a.py --set b: c\n", "metadata, line 2: .*mapping values.*in quotes"),
        ("command:\n\tpython3\n", "metadata, line 2: .*no tabs"),
        ("command: {run: it}\n", 'metadata, line 1: "command" must be one line of text'),
        ("command: 'python3\n", "metadata, line"),
        ("command: !!python/object/apply:os.system [id]\n", "line 1: The tag .* is not allowed"),
        ("a: " + "x" * 70_000, "metadata: The file is larger than 64 KiB"),
    ],
)
def test_a_faulty_metadata_file_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=said):
        read_program_metadata(folder_with(tmp_path, metadata=text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match="line 2: The text is not UTF-8"):
        read_program_metadata(folder_with(tmp_path, metadata=b"a: 1\nb: \xff\n"))


def test_a_link_out_of_the_folder_or_a_pipe_is_no_metadata(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("command: steal")
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "metadata.yaml").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "metadata")
    assert read_program_metadata(folder) == ProgramMetadata()


def test_a_folder_called_metadata_is_no_metadata(tmp_path: Path) -> None:
    (tmp_path / "metadata").mkdir()
    assert read_program_metadata(tmp_path) == ProgramMetadata()


def test_metadata_is_read_inside_a_zip_and_through_its_wrapper_folder(make_zip: MakeZip) -> None:
    assert metadata_in_archive(make_zip({"metadata": "command: a", "x.py": ""})).command == "a"
    wrapped = metadata_in_archive(make_zip({"mine/metadata.yaml": "command: b", "__MACOSX/mine/._x": ""}))
    assert (wrapped.command, wrapped.file) == ("b", "mine/metadata.yaml")
    assert metadata_in_archive(make_zip({"a/metadata": "command: c", "b/x.py": ""})) == ProgramMetadata()
    assert kind_of(metadata_in_archive(make_zip({"predictions.csv": "1"}))) is Kind.RESULT


def test_a_faulty_metadata_file_in_a_zip_is_refused_by_its_name(make_zip: MakeZip) -> None:
    with pytest.raises(MetadataError, match=r"^mine/metadata, line 1: "):
        metadata_in_archive(make_zip({"mine/metadata": "a: b: c"}))

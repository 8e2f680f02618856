"""Commands: split without a shell, variables replaced as whole words."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.formats.commands import CommandError, Role, argv, shell_feature, variables_for

SCORING = variables_for("scoring", scoring_step=True)
INGESTION = variables_for("ingestion", scoring_step=False)


def test_the_usual_old_command_is_split_and_filled_in() -> None:
    command = "python3 $ingestion_program/ingestion.py $input $output $ingestion_program $submission_program"
    assert argv(command, INGESTION) == [
        "python3",
        "/app/ingestion_program/ingestion.py",
        "/app/input_data",
        "/app/output",
        "/app/ingestion_program",
        "/app/ingested_program",
    ]


def test_the_usual_old_scoring_command_finds_its_folders() -> None:
    assert argv("python $program/score.py $input $output", SCORING) == [
        "python",
        "/app/program/score.py",
        "/app/input",
        "/app/output",
    ]


def test_input_does_not_eat_the_start_of_another_word() -> None:
    assert argv("run $input_data $inputs ${input}_data $input/x $input-1", {"input": "/in"}) == [
        "run",
        "$input_data",
        "$inputs",
        "/in_data",
        "/in/x",
        "/in-1",
    ]


def test_the_longest_variable_wins() -> None:
    assert argv("x $program_data", {"program": "A", "program_data": "B"}) == ["x", "B"]


def test_values_are_not_split_or_replaced_again() -> None:
    assert argv("x $a", {"a": "two words $b", "b": "no"}) == ["x", "two words $b"]


def test_quotes_hold_words_together_and_no_shell_interprets_the_rest() -> None:
    assert argv("python3 'my file.py' \"$input\" ; rm -rf $HOME `id` $(id) > out", {"input": "/in"}) == [
        *["python3", "my file.py", "/in", ";", "rm", "-rf", "$HOME", "`id`", "$(id)", ">", "out"]
    ]


def test_windows_line_ends_are_blanks() -> None:
    assert argv("python3 a.py\r\n  --x 1\r\n", {}) == ["python3", "a.py", "--x", "1"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "is empty"),
        (" \r\n ", "is empty"),
        ("''", "is empty"),
        ("python3 'a.py", "no closing quotation"),
        ("python3 a.py \\", "no escaped character"),
        ("python3 a\0b", "NUL"),
        ("x " * 40_000, "longer than 32,768"),
    ],
)
def test_a_command_that_cannot_run_is_refused(command: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        argv(command, SCORING)


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("cd src && python3 a.py", "cd"),
        ("python3 a.py && b", "&&"),
        ("python3 a.py > log", ">"),
        ("python3 a.py | tee log", "|"),
        ("python3 cd.py cd", None),
        ("python3 a.py --x=1", None),
    ],
)
def test_what_needs_a_shell_is_noticed(command: str, found: str | None) -> None:
    assert shell_feature(argv(command, {})) == found


def test_a_submission_with_its_own_command_finds_the_input_data_and_itself() -> None:
    variables = variables_for("submission", scoring_step=False)
    assert variables["input"] == "/app/input_data"
    assert variables["program"] == variables["submission_program"] == "/app/program"
    assert variables["predictions"] == "/app/output"


def test_program_is_the_programs_own_folder_even_with_ingestion_during_scoring() -> None:
    for role in ("scoring", "ingestion"):
        variables = variables_for(role, scoring_step=True)  # type: ignore[arg-type]
        assert variables["program"] == "/app/program"
        assert variables["predictions"] == "/app/input/res"
        assert variables["hidden"] == "/app/input/ref"
        assert variables["shared"] == "/app/shared"


@pytest.mark.parametrize("role", ["ingestion", "submission", "scoring"])
@pytest.mark.parametrize("scoring_step", [True, False])
def test_every_documented_variable_has_a_path_for_every_role(role: Role, scoring_step: bool) -> None:
    variables = variables_for(role, scoring_step)
    documented = "input output program ingestion_program submission_program hidden shared tmp predictions"
    assert set(variables) == set(documented.split())
    assert all(path.startswith("/app/") for path in variables.values())
    assert variables["tmp"] == variables["output"] == "/app/output"


@given(st.text(max_size=200))
def test_any_text_is_split_or_refused(command: str) -> None:
    try:
        words = argv(command, SCORING)
    except CommandError:
        return
    assert words
    assert words[0]


@given(st.lists(st.text(string.ascii_letters + string.digits + "-_./ '\"", min_size=1), min_size=1))
def test_quoted_words_come_back_as_they_were(words: list[str]) -> None:
    quoted = " ".join("'" + word.replace("'", "'\"'\"'") + "'" for word in words)
    assert argv(quoted, SCORING) == words


@given(st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True))
def test_a_word_that_is_no_variable_is_never_changed(name: str) -> None:
    expected = f"{SCORING[name]}" if name in SCORING else f"${name}"
    assert argv(f"x ${name}", SCORING) == ["x", expected]

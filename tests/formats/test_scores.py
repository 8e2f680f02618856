"""Scores: both files, and a message of its own for everything that is no score."""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.formats.scores import Scores, ScoresError, ScoreValue, read_scores, validate_scores


def scores_of(folder: Path, text: str | bytes, name: str = "scores.json", columns: list[str] | None = None) -> Scores:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_scores(folder, columns)


def numbers(scores: Scores) -> dict[str, float]:
    return {key: value.number for key, value in scores.values.items()}


def test_scores_json_is_read_with_numbers_and_their_texts(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, '{"accuracy": 0.8860, "duration": 42, "tiny": 1e-300}')
    assert scores.file == "scores.json"
    assert scores.values["accuracy"] == ScoreValue(0.886, "0.8860")
    assert numbers(scores) == {"accuracy": 0.886, "duration": 42.0, "tiny": 1e-300}


def test_scores_json_wins_over_scores_txt(tmp_path: Path) -> None:
    (tmp_path / "scores.txt").write_text("accuracy: 0.1")
    assert numbers(scores_of(tmp_path, '{"accuracy": 0.9}')) == {"accuracy": 0.9}


def test_booleans_are_one_and_zero(tmp_path: Path) -> None:
    assert numbers(scores_of(tmp_path, '{"gpu": true, "cpu": false}')) == {"gpu": 1.0, "cpu": 0.0}
    (tmp_path / "scores.json").unlink()
    assert numbers(scores_of(tmp_path, "gpu: True\ncpu: no\n", "scores.txt")) == {"gpu": 1.0, "cpu": 0.0}
    texts = {key: value.text for key, value in scores_of(tmp_path, '{"gpu": true, "cpu": false}').values.items()}
    assert texts == {"gpu": "1", "cpu": "0"}


def test_numbers_in_quotes_are_numbers(tmp_path: Path) -> None:
    assert numbers(scores_of(tmp_path, '{"a": " 0.5 ", "b": "-1e3", "c": ".5"}')) == {"a": 0.5, "b": -1000, "c": 0.5}


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    assert numbers(scores_of(tmp_path, b'\xef\xbb\xbf{"a": 1}\r\n')) == {"a": 1.0}
    (tmp_path / "scores.json").unlink()
    assert numbers(scores_of(tmp_path, b"\xef\xbb\xbfa: 1\r\nb:2\r\n\r\n", "scores.txt")) == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("correct:1", {"correct": 1.0}),
        ("correct:1.0\nwrong: 2", {"correct": 1.0, "wrong": 2.0}),
        ("set1_score: 0.5\nDuration: 3.5e-2 # seconds\n", {"set1_score": 0.5, "Duration": 0.035}),
        ("Mean Error: 0.25\n", {"Mean Error": 0.25}),
        ("# comment\n---\na : 1\n", {"a": 1.0}),
        ("{a: 1, b: 2}", {"a": 1.0, "b": 2.0}),
        ("'quoted key': 1\n", {"quoted key": 1.0}),
        ("a: '1.5'\n", {"a": 1.5}),
        ("a: 010\n", {"a": 10.0}),
    ],
)
def test_scores_txt_is_read_in_all_its_styles(text: str, expected: dict[str, float], tmp_path: Path) -> None:
    assert numbers(scores_of(tmp_path, text, "scores.txt")) == expected


def test_of_a_key_given_twice_the_last_value_counts_with_a_note(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, '{"a": 1, "a": 2}')
    assert numbers(scores) == {"a": 2.0}
    assert "more than once" in scores.notes[0]
    (tmp_path / "scores.json").unlink()
    scores = scores_of(tmp_path, "a: 1\na: 2\n", "scores.txt")
    assert numbers(scores) == {"a": 2.0}
    assert "line 2" in scores.notes[0]


def test_nested_extras_are_ignored_with_a_note(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, '{"score": 3, "all_costs": {"a": [1]}, "list": [1, 2]}')
    assert numbers(scores) == {"score": 3.0}
    assert [note.split(" holds ")[0] for note in scores.notes] == ['scores.json: "all_costs"', 'scores.json: "list"']


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("NaN", "NaN"),
        ('"nan"', "NaN"),
        ("Infinity", "infinite"),
        ("-Infinity", "infinite"),
        ('"-inf"', "infinite"),
        ("1e999", "too large"),
        ("1" * 5000, "too large"),
        ('"very good"', 'is text ("very good")'),
        ('"1,5"', "is text"),
        ('"1_000"', "is text"),
        ('""', "is text"),
        ("null", "has no value"),
    ],
)
@pytest.mark.parametrize("columns", [None, ["accuracy"]])
def test_a_value_that_is_no_number_is_refused_naming_the_key(
    value: str, said: str, columns: list[str] | None, tmp_path: Path
) -> None:
    with pytest.raises(ScoresError) as refused:
        scores_of(tmp_path, f'{{"accuracy": {value}}}', columns=columns)
    assert refused.value.code == "bad_scores"
    assert 'scores.json: "accuracy"' in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: .nan", "NaN"), ("a: nan", "NaN"), ("a: .inf", "infinite"), ("a: good", "text"), ("a:", "no value")],
)
def test_the_same_holds_for_scores_txt(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ScoresError, match=said):
        scores_of(tmp_path, text, "scores.txt")


@pytest.mark.parametrize(("value", "word"), [("[0.5]", "list"), ('{"mean": 0.5}', "mapping")])
def test_a_wanted_score_that_is_nested_is_refused(value: str, word: str, tmp_path: Path) -> None:
    with pytest.raises(ScoresError, match=f'"accuracy" is a {word}, not a number'):
        scores_of(tmp_path, f'{{"accuracy": {value}}}', columns=["accuracy"])


def test_what_is_no_column_may_be_anything(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, '{"accuracy": 1, "model": "forest", "loss": NaN, "x": null}', columns=["accuracy"])
    assert numbers(scores) == {"accuracy": 1.0}
    assert len(scores.notes) == 3
    assert all("ignored" in note for note in scores.notes)


def test_without_a_scores_file_the_output_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ScoresError, match=r"neither scores.json nor scores.txt") as refused:
        read_scores(tmp_path)
    assert refused.value.code == "missing_output"


def test_a_link_a_pipe_or_a_folder_is_no_scores_file(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text('{"a": 1}')
    (tmp_path / "scores.json").symlink_to(tmp_path / "real.json")
    os.mkfifo(tmp_path / "scores.txt")
    with pytest.raises(ScoresError) as refused:
        read_scores(tmp_path)
    assert refused.value.code == "missing_output"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1, column 1: this is not valid JSON"),
        ('{"a": 1,}', "line 1, column"),
        ('{"a": 1', "not valid JSON"),
        ("[1, 2]", "must hold an object"),
        ("0.5", "must hold an object"),
        (b'{"a": "\xff"}', "not UTF-8"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a": "' + "x" * 2**20 + '"}', "larger than 1 MiB"),
        (json.dumps({f"k{n}": n for n in range(1001)}), "at most 1,000"),
        (json.dumps({"k" * 201: 1}), "longer than 200 characters"),
        ('{"": 1}', "empty"),
        ('{"a\\nb": 1}', "not printable"),
        ('{"\\ud800": 1}', "not printable"),
    ],
)
def test_a_faulty_scores_json_is_refused(text: str | bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(ScoresError, match=said) as refused:
        scores_of(tmp_path, text)
    assert refused.value.code == "bad_scores"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("just a sentence", "must hold lines"),
        ("", "must hold lines"),
        ("- 1\n- 2\n", "must hold lines"),
        ("a: 1\nb: [", "scores.txt, line 2"),
        ("a: !!python/object/apply:os.system [id]", "not allowed"),
        ("&a [*a]", "contains itself"),
        ("[" * 5000, "nested"),
        ("\x01: 1", "not printable"),
        ("x: [\x01]", "control character"),
    ],
)
def test_a_faulty_scores_txt_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ScoresError, match=said) as refused:
        scores_of(tmp_path, text, "scores.txt")
    assert refused.value.code == "bad_scores"


def values(**given_numbers: float) -> dict[str, ScoreValue]:
    return {key: ScoreValue(number, str(number)) for key, number in given_numbers.items()}


def test_scores_are_kept_by_column_and_the_rest_is_named() -> None:
    kept, notes = validate_scores(values(accuracy=0.5, acuracy_2=0.6), ["accuracy", "accuracy_2"])
    assert kept == values(accuracy=0.5)
    assert notes == (
        'The score "acuracy_2" belongs to no column of the leaderboard and is ignored '
        '(did the scoring program mean "accuracy_2"?).',
        'The scoring program gave no score for the column "accuracy_2".',
    )


def test_scores_of_which_none_is_a_column_are_refused_with_a_suggestion() -> None:
    with pytest.raises(ScoresError) as refused:
        validate_scores(values(Accuracy=0.5), ["accuracy", "duration"])
    assert refused.value.code == "bad_scores"
    assert 'Written: "Accuracy". The leaderboard wants: "accuracy", "duration".' in str(refused.value)
    assert 'Did you mean "accuracy" instead of "Accuracy"?' in str(refused.value)


def test_no_scores_at_all_are_refused() -> None:
    with pytest.raises(ScoresError, match=r"wrote no scores. The leaderboard wants: \"accuracy\""):
        validate_scores({}, ["accuracy"])


def test_a_board_of_computed_columns_only_wants_nothing() -> None:
    assert validate_scores({}, []) == ({}, ())


@given(data=st.binary(max_size=300), name=st.sampled_from(["scores.json", "scores.txt"]))
def test_any_bytes_give_finite_scores_or_a_scores_error(
    data: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    try:
        scores = scores_of(folder, data, name)
    except ScoresError as problem:
        assert problem.code == "bad_scores"
        return
    assert all(math.isfinite(value.number) for value in scores.values.values())


KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, categories=("L", "N")), min_size=1, max_size=20)


@given(given_numbers=st.dictionaries(KEYS, st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_any_finite_doubles_come_back_exactly(
    given_numbers: dict[str, float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    scores = scores_of(tmp_path_factory.mktemp("exact"), json.dumps(given_numbers))
    assert numbers(scores) == given_numbers


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    ),
    name=st.sampled_from(["scores.json", "scores.txt"]),
)
def test_any_json_gives_finite_scores_or_a_scores_error(
    value: object, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        scores = scores_of(tmp_path_factory.mktemp("json"), json.dumps(value), name, ["a"])
    except ScoresError as problem:
        assert problem.code == "bad_scores"
        return
    assert all(math.isfinite(score.number) for score in scores.values.values())


@pytest.mark.parametrize("line", ["a{}b", "a: x{}y", "a:{}x"], ids=["in the key", "in the value", "before the value"])
def test_a_line_of_a_million_blanks_is_read_in_one_go(tmp_path: Path, line: str) -> None:
    """Tried at every blank anew, as a careless pattern does it, this takes hours, not a moment."""
    with contextlib.suppress(ScoresError):
        scores_of(tmp_path, line.format(" " * 1_000_000), "scores.txt")


@pytest.mark.parametrize("value", ["0{}x", ".{}x", "1e{}x", "0.{}x"])
def test_a_score_of_a_million_zeros_is_read_in_one_go(tmp_path: Path, value: str) -> None:
    text = value.format("0" * 1_000_000)
    for name, line in (("scores.json", json.dumps({"a": text})), ("scores.txt", f"a: {text}")):
        with pytest.raises(ScoresError):
            scores_of(tmp_path, line, name)


def test_comments_blanks_and_colons_of_a_line_are_told_apart(tmp_path: Path) -> None:
    text = "a : 1 # one\nb:2\nc d: 3\t# three # and more\n# nothing\n  \ne#f: 4"
    assert numbers(scores_of(tmp_path, text, "scores.txt")) == {"a": 1.0, "b": 2.0, "c d": 3.0, "e#f": 4.0}

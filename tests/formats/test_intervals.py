"""What scoring programs write about the uncertainty of their scores."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.formats.intervals import Interval, of_examples, read_interval
from podium.formats.scores import Scores, read_scores, scores_in_message, validate_scores


def read(folder: Path, written: dict[str, Any], columns: tuple[str, ...] = ("accuracy",)) -> Scores:
    (folder / "scores.json").write_text(json.dumps(written))
    return read_scores(folder, columns)


@pytest.mark.parametrize(
    ("beside", "low", "high", "source"),
    [
        ({"accuracy_std": 0.01}, 0.8804, 0.9196, "std"),
        ({"accuracy_ci": 0.02}, 0.88, 0.92, "ci"),
        ({"accuracy_ci": [0.85, 0.91]}, 0.85, 0.91, "ci"),
        ({"accuracy_std": "0.01"}, 0.8804, 0.9196, "std"),
        ({"accuracy_std": 0.5, "accuracy_ci": 0.02}, 0.88, 0.92, "ci"),
        ({"accuracy_ci": "wide", "accuracy_std": 0.01}, 0.8804, 0.9196, "std"),
        ({"accuracy_std": 0}, 0.9, 0.9, "std"),
    ],
)
def test_each_form_gives_the_interval_that_it_says(
    beside: dict[str, Any], low: float, high: float, source: str, tmp_path: Path
) -> None:
    found = read(tmp_path, {"accuracy": 0.9, **beside}).values["accuracy"].interval
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.source == source


def test_examples_are_resampled_the_same_way_every_time(tmp_path: Path) -> None:
    examples = [1, 0] * 50
    first = read(tmp_path, {"accuracy": 0.5, "accuracy_examples": examples}).values["accuracy"].interval
    again = read(tmp_path, {"accuracy": 0.5, "accuracy_examples": examples}).values["accuracy"].interval
    assert first == again
    assert first is not None
    assert first.source == "examples"
    assert (first.low, first.high) == (pytest.approx(0.4, abs=0.02), pytest.approx(0.6, abs=0.02))


@pytest.mark.parametrize("count", [10, 200])
def test_up_to_two_hundred_examples_are_resampled_and_not_taken_for_normal(count: int) -> None:
    low, high = of_examples([1.0] + [0.0] * (count - 1))
    mean = 1 / count
    assert low == 0.0, "the normal law would leave the range of the scores"
    assert high - mean > 1.5 * (mean - low), "one lucky example leans to one side"


def test_many_examples_give_the_interval_of_the_normal_law() -> None:
    low, high = of_examples([1.0, 0.0] * 5000)
    half = 1.96 * 0.5 / math.sqrt(9999)
    assert (low, high) == (pytest.approx(0.5 - half), pytest.approx(0.5 + half))


def test_scores_txt_and_messages_of_foreign_workers_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "scores.txt").write_text("accuracy: 0.9\naccuracy_std: 0.01\n")
    from_file = read_scores(tmp_path, ["accuracy"]).values["accuracy"]
    message = json.dumps({"scores": {"accuracy": 0.9, "accuracy_std": 0.01}}).encode()
    assert scores_in_message(message, "scores", ["accuracy"]).values["accuracy"] == from_file
    assert from_file.bounds == {"low": pytest.approx(0.8804), "high": pytest.approx(0.9196), "interval": "std"}


def test_a_key_that_is_a_column_stays_a_column(tmp_path: Path) -> None:
    found = read(tmp_path, {"accuracy": 0.9, "accuracy_std": 0.01}, ("accuracy", "accuracy_std"))
    assert {key: value.number for key, value in found.values.items()} == {"accuracy": 0.9, "accuracy_std": 0.01}
    assert found.values["accuracy"].interval is None


def test_what_is_used_is_not_told_to_be_unknown_and_other_keys_are(tmp_path: Path) -> None:
    found = read(tmp_path, {"accuracy": 0.9, "accuracy_examples": [0.8, 1.0], "other_std": 1})
    assert found.notes == ()
    kept, notes = validate_scores(found.values, ["accuracy"])
    assert kept["accuracy"].interval is not None
    assert [note for note in notes if "other_std" in note] == list(notes)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("accuracy_std", -1, "is negative"),
        ("accuracy_std", [1, 2], "must be a number"),
        ("accuracy_std", None, "must be a number"),
        ("accuracy_std", math.nan, "NaN"),
        ("accuracy_std", 1e308, "too large"),
        ("accuracy_ci", [0.95, 0.99], "does not contain the score"),
        ("accuracy_ci", [0.1], "must be a number or a list"),
        ("accuracy_ci", {"low": 1}, "must be a number or a list"),
        ("accuracy_examples", [1], "2 to 100,000"),
        ("accuracy_examples", [0, 0, 1], "has the mean 0.333333"),
        ("accuracy_examples", [1, "x"], "must be a list of numbers"),
        ("accuracy_examples", 3, "must be a list of numbers"),
        ("accuracy_examples", [0.9, math.inf], "NaN or infinite"),
    ],
)
def test_what_cannot_be_used_is_a_remark_and_no_failure(key: str, value: object, words: str, tmp_path: Path) -> None:
    found = read(tmp_path, {"accuracy": 0.9, key: value})
    assert found.values["accuracy"].number == 0.9
    assert found.values["accuracy"].interval is None
    (note,) = found.notes
    assert note.startswith(f'scores.json: "{key}"') or f"{key}" in note
    assert words in note


finite = st.floats(allow_nan=False, allow_infinity=False)
hostile = st.one_of(st.none(), st.floats(), st.lists(st.floats(), max_size=5))


@given(finite, st.dictionaries(st.sampled_from(["a_ci", "a_std", "a_examples"]), hostile))
def test_whatever_is_written_an_interval_is_finite_and_around_its_score(score: float, given_: dict[str, Any]) -> None:
    found, notes = read_interval(score, given_)
    assert len(notes) <= len(given_)
    if found is not None:
        assert isinstance(found, Interval)
        assert math.isfinite(found.low)
        assert math.isfinite(found.high)
        assert found.low <= score <= found.high

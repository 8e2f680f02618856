"""Fact sheets: definitions and answers, with the messages that scripts know."""

from __future__ import annotations

from typing import Any

import pytest

from podium.formats.factsheet import Question, QuestionType, check_answers, check_definition


def question(key: str, **changes: Any) -> dict[str, Any]:
    base = {"key": key, "type": "text", "title": key.title(), "selection": "", "is_required": "false"}
    return {**base, "is_on_leaderboard": "false", **changes}


SHEET = {
    "method": question("method", is_required="true"),
    "gpu": question("gpu", type="checkbox", selection=[True, False], is_required="true"),
    "kind": question("kind", type="select", selection=["", "v1", 2]),
    "note": question("note"),
}
ANSWERS: dict[str, Any] = {"method": "forest", "gpu": False, "kind": "v1", "note": ""}


def test_a_definition_is_read_and_written_back_as_it_was() -> None:
    questions, faults = check_definition(SHEET)
    assert faults == []
    assert questions is not None
    assert questions["kind"] == Question(key="kind", type=QuestionType.SELECT, title="Kind", selection=("", "v1", 2))
    assert {key: q.as_codabench() for key, q in questions.items()} == SHEET


@pytest.mark.parametrize("empty", [None, {}, ""])
def test_an_empty_definition_is_no_fact_sheet(empty: object) -> None:
    assert check_definition(empty) == (None, [])


@pytest.mark.parametrize(
    ("definition", "path", "message"),
    [
        ([1], (), "Not valid JSON"),
        ({"a": 1}, ("a",), "must be a mapping"),
        (
            {"a": {"key": "a"}},
            ("a",),
            "Missing {'type', 'title', 'selection', 'is_required', 'is_on_leaderboard'} values for a",
        ),
        ({"a": question("b")}, ("a", "key"), "key:b does not match JSON key:a"),
        ({"a": question("a", type="number")}, ("a", "type"), "number is not a valid question type"),
        ({"a": question("a", is_required="yes")}, ("a", "is_required"), 'must be "true" or "false"'),
        ({"a": question("a", selection=["x"])}, ("a", "selection"), 'must be ""'),
        ({"a": question("a", type="select")}, ("a", "selection"), "must be a list"),
        ({"a": question("a", type="select", selection=[["x"]])}, ("a", "selection"), "plain values"),
        ({"a": question("a", type="checkbox", selection=["x"])}, ("a", "selection"), "[true, false]"),
        (
            {"a": question("a", type="select", selection=["x", float("nan")])},
            ("a", "selection"),
            "nan in the selection",
        ),
        ({"a": question("a", type="select", selection=[10**30])}, ("a", "selection"), "common number"),
        ({"a": question("a", type="select", selection=["x\0"])}, ("a", "selection"), "NUL"),
        ({"a": question("a", title="x\ud800")}, ("a",), "halves of characters"),
        ({"a b": question("a b")}, ("a b",), "blanks"),
        ({"a": question("a", extra=1)}, ("a", "extra"), "no property"),
        ({f"k{n}": question(f"k{n}") for n in range(101)}, (), "at most 100"),
    ],
)
def test_a_faulty_definition_is_refused_at_its_place(definition: object, path: tuple[str, ...], message: str) -> None:
    questions, faults = check_definition(definition)
    assert questions is None
    assert len(faults) == 1
    assert faults[0][0] == path
    assert message in faults[0][1]


def test_good_answers_pass_for_a_definition_as_json_and_as_questions() -> None:
    assert check_answers(SHEET, ANSWERS) == []
    assert check_answers(check_definition(SHEET)[0], ANSWERS) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": ""}, "Method(method) requires an answer"),
        ({"method": None}, "Method(method) requires an answer"),
        ({"gpu": None}, "Gpu(gpu) requires an answer"),
        ({"gpu": 1}, "gpu: 1 is not a valid selection from [True, False]"),
        ({"kind": "v9"}, "kind: v9 is not a valid selection from ['', 'v1', 2]"),
        ({"note": ["x"]}, "note: an answer must be text"),
        ({"note": "x" * 10_001}, "note: an answer has at most 10000 characters"),
    ],
)
def test_a_wrong_answer_is_named(changes: dict[str, Any], message: str) -> None:
    assert check_answers(SHEET, {**ANSWERS, **changes}) == [message]


@pytest.mark.parametrize("changes", [{"gpu": False}, {"kind": ""}, {"kind": "2"}, {"kind": 2}, {"note": 3}])
def test_answers_that_mean_the_same_pass(changes: dict[str, Any]) -> None:
    assert check_answers(SHEET, {**ANSWERS, **changes}) == []


def test_the_keys_of_answers_must_be_those_of_the_sheet() -> None:
    assert check_answers(SHEET, {**ANSWERS, "more": 1}) == ["Fact Sheet keys do not match Answer keys"]
    assert check_answers(SHEET, {"method": "x"}) == ["Fact Sheet keys do not match Answer keys"]
    assert check_answers(None, {"method": "x"}) == ["Fact Sheet keys do not match Answer keys"]


@pytest.mark.parametrize("answers", [None, {}])
def test_required_questions_hold_for_empty_answers_too(answers: dict[str, Any] | None) -> None:
    assert check_answers(SHEET, answers) == ["Method(method) requires an answer", "Gpu(gpu) requires an answer"]
    assert check_answers({"note": question("note")}, answers) == []
    assert check_answers(None, answers) == []


def test_a_faulty_definition_cannot_be_answered() -> None:
    with pytest.raises(ValueError, match="The fact sheet itself is wrong"):
        check_answers({"a": question("b")}, {"a": "x"})

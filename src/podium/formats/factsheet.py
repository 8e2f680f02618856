"""The fact sheet: questions that participants answer with a submission."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

FIELDS: Final = ("key", "type", "title", "selection", "is_required", "is_on_leaderboard")
MAX_QUESTIONS: Final = 100
MAX_ANSWER: Final = 10_000
MAX_NUMBER: Final = 10**18
_MISSING: Final = object()
_UNUSABLE: Final = "not text without NUL or halves of characters, nor a common number"


class QuestionType(StrEnum):
    """How a question is answered."""

    CHECKBOX = "checkbox"
    TEXT = "text"
    SELECT = "select"


class Question(BaseModel):
    """One question; `selection` holds the allowed answers, and is empty for text."""

    model_config = ConfigDict(frozen=True)

    key: str
    type: QuestionType
    title: str
    selection: tuple[str | bool | int | float, ...] = ()
    is_required: bool = False
    is_on_leaderboard: bool = False

    def as_codabench(self) -> dict[str, Any]:
        """Return the question in Codabench's JSON, where yes and no are the texts "true" and "false"."""
        return {
            "key": self.key,
            "type": self.type.value,
            "title": self.title,
            "selection": "" if self.type is QuestionType.TEXT else list(self.selection),
            "is_required": "true" if self.is_required else "false",
            "is_on_leaderboard": "true" if self.is_on_leaderboard else "false",
        }


def check_definition(definition: Any) -> tuple[dict[str, Question] | None, list[tuple[tuple[str, ...], str]]]:
    """Read a fact sheet's definition; an empty one is None.

    Returns the questions (None when there are faults) and the faults as (path, message), with Codabench's texts.
    """
    if definition in (None, "", {}):
        return None, []
    if not isinstance(definition, Mapping):
        return None, [((), "Not valid JSON: the fact sheet must be a mapping from keys to questions")]
    if len(definition) > MAX_QUESTIONS:
        return None, [((), f"A fact sheet has at most {MAX_QUESTIONS} questions")]
    faults: list[tuple[tuple[str, ...], str]] = []
    questions: dict[str, Question] = {}
    for key, value in definition.items():
        question = _question(str(key), value, faults)
        if question is not None:
            questions[str(key)] = question
    return (questions, []) if not faults else (None, faults)


def _question(key: str, value: Any, faults: list[tuple[tuple[str, ...], str]]) -> Question | None:
    before = len(faults)
    if not isinstance(value, Mapping):
        faults.append(((key,), f"{key} must be a mapping with {', '.join(FIELDS)}"))
        return None
    missing = [name for name in FIELDS if name not in value]
    if missing:
        faults.append(((key,), f"Missing {{{', '.join(repr(m) for m in missing)}}} values for {key}"))
    for name in value:
        if name not in FIELDS:
            faults.append(((key, str(name)), f"{name} is no property of a question; there are {', '.join(FIELDS)}"))
    if not _storable(str(value.get("title", ""))) or not _storable(key):
        faults.append(((key,), f"The key or the title of {key!r} is {_UNUSABLE}"))
    if any(c.isspace() for c in key) or not key:
        faults.append(((key,), f'The key "{key}" must not be empty or contain blanks'))
    if "key" in value and str(value["key"]) != key:
        faults.append(((key, "key"), f"key:{value['key']} does not match JSON key:{key}"))
    kind = _type(key, value, faults)
    flags = {name: _flag(key, name, value, faults) for name in ("is_required", "is_on_leaderboard")}
    selection = _selection(key, kind, value, faults) if kind is not None else ()
    if len(faults) > before or kind is None:
        return None
    return Question(key=key, type=kind, title=str(value["title"]), selection=selection, **flags)


def _type(key: str, value: Mapping[str, Any], faults: list[tuple[tuple[str, ...], str]]) -> QuestionType | None:
    given = value.get("type", _MISSING)
    if given is _MISSING:
        return None
    try:
        return QuestionType(given)
    except ValueError:
        faults.append(((key, "type"), f"{given} is not a valid question type; use checkbox, text or select"))
        return None


def _flag(key: str, name: str, value: Mapping[str, Any], faults: list[tuple[tuple[str, ...], str]]) -> bool:
    """Read "true" or "false"; real booleans are taken too, because that is what everybody writes first."""
    given = value.get(name, False)
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.lower() in ("true", "false"):
        return given.lower() == "true"
    faults.append(((key, name), f'{name} of {key} must be "true" or "false"'))
    return False


def _selection(
    key: str, kind: QuestionType, value: Mapping[str, Any], faults: list[tuple[tuple[str, ...], str]]
) -> tuple[str | bool | int | float, ...]:
    given = value.get("selection")
    if kind is QuestionType.CHECKBOX:
        if given not in ([True, False], [False, True], "", None, []):
            faults.append(((key, "selection"), f"selection of the checkbox {key} must be [true, false]"))
        return (True, False)
    if kind is QuestionType.TEXT:
        if given not in ("", None, []):
            faults.append(((key, "selection"), f'selection of the text question {key} must be ""'))
        return ()
    if not isinstance(given, list | tuple) or not given:
        faults.append(((key, "selection"), f"selection of {key} must be a list of the values to choose from"))
        return ()
    if not all(isinstance(choice, str | bool | int | float) for choice in given):
        faults.append(((key, "selection"), f"selection of {key} must hold plain values"))
        return ()
    for choice in given:
        if not _storable(choice):
            faults.append(((key, "selection"), f"{choice!r} in the selection of {key} is {_UNUSABLE}"))
    return tuple(given)


def check_answers(definition: Mapping[str, Any] | None, answers: Mapping[str, Any] | None) -> list[str]:
    """Return what is wrong with the answers to a fact sheet, with Codabench's messages; an empty list is good.

    `definition` maps keys to Question, or to Codabench's JSON. Codabench lets an empty answers object pass; here a
    required question must be answered in any case, and absent answers to optional questions are fine only when no
    answer is given at all.
    """
    questions = _as_questions(definition)
    if not questions:
        return ["Fact Sheet keys do not match Answer keys"] if answers else []
    if not answers:
        return [f"{q.title}({q.key}) requires an answer" for q in questions.values() if q.is_required]
    if not isinstance(answers, Mapping) or set(answers) != set(questions):
        return ["Fact Sheet keys do not match Answer keys"]
    unusable = [key for key in questions if not _storable(answers[key])]
    if unusable:
        return [
            f"{key}: an answer must be text without NUL or halves of characters, or a common number" for key in unusable
        ]
    return [fault for key, question in questions.items() for fault in _check_answer(question, answers[key])]


def _as_questions(definition: Mapping[str, Any] | None) -> dict[str, Question]:
    if not definition:
        return {}
    if all(isinstance(value, Question) for value in definition.values()):
        return dict(definition)
    questions, faults = check_definition(definition)
    if faults:
        raise ValueError(f"The fact sheet itself is wrong: {faults[0][1]}")
    return questions or {}


def _check_answer(question: Question, answer: Any) -> list[str]:
    empty = answer is None or answer in ("", [])
    if question.is_required and empty:
        return [f"{question.title}({question.key}) requires an answer"]
    if question.selection and not any(_same(answer, choice) for choice in question.selection):
        if empty and not question.is_required:
            return []
        return [f"{question.key}: {answer} is not a valid selection from {list(question.selection)}"]
    if not question.selection and not (answer is None or isinstance(answer, str | bool | int | float)):
        return [f"{question.key}: an answer must be text"]
    if isinstance(answer, str) and len(answer) > MAX_ANSWER:
        return [f"{question.key}: an answer has at most {MAX_ANSWER} characters"]
    return []


def _storable(answer: Any) -> bool:
    """Whether an answer can be kept and shown: JSON can spell half characters, infinity and endless numbers."""
    if isinstance(answer, str):
        return "\0" not in answer and not any("\ud800" <= character <= "\udfff" for character in answer)
    if isinstance(answer, int | float):
        return -MAX_NUMBER <= answer <= MAX_NUMBER  # not-a-number is neither
    return True


def _same(answer: Any, choice: str | bool | int | float) -> bool:
    """Compare as people do: 1 and "1" are the same choice, 1 and true are not."""
    if isinstance(answer, bool) or isinstance(choice, bool):
        return answer is choice
    return isinstance(answer, str | int | float) and str(answer) == str(choice)

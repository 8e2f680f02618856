"""Answers to a fact sheet from the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def pairs(given: Sequence[str]) -> dict[str, str]:
    """Read KEY=VALUE pairs; what has another form ends the command."""
    answers: dict[str, str] = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"--fact {item!r} must look like KEY=VALUE.")
        answers[key] = value
    return answers


def answers_to(definition: Mapping[str, Any] | None, given: Mapping[str, str]) -> dict[str, Any]:
    """Answer a competition's fact sheet (as the API gives it) with what was given.

    Texts become truth values for checkboxes and the organizer's own values for selections; optional questions that
    are left out get the empty answer, since servers want all keys or none. What cannot be sent ends the command with
    a list of the questions.
    """
    if not definition:
        if given:
            raise typer.BadParameter("This competition has no fact sheet; leave --fact away.")
        return {}
    from podium.formats.factsheet import Question, QuestionType, check_definition  # noqa: PLC0415

    questions, _ = check_definition(definition)
    if questions is None:
        return dict(given)  # a sheet that cannot be understood here is the server's to judge

    def value_of(question: Question, text: str | None) -> Any:
        if question.type is QuestionType.CHECKBOX:
            return False if text is None else _TRUTH.get(text.lower(), text)
        if text is None:
            return ""
        return next((choice for choice in question.selection if str(choice) == text), text)

    unknown = [key for key in given if key not in questions]
    missing = [key for key, question in questions.items() if question.is_required and not given.get(key)]
    wrong = [
        key
        for key, question in questions.items()
        if key in given and question.selection and value_of(question, given[key]) not in question.selection
    ]
    if unknown or missing or wrong:
        what = f"has no question {unknown[0]!r}" if unknown else f"needs an answer to {(missing or wrong)[0]!r}"
        raise typer.BadParameter(
            f"The fact sheet {what}. Its questions:\n" + "\n".join(map(_describe, questions.values()))
        )
    return {key: value_of(question, given.get(key)) for key, question in questions.items()} if given else {}


def _describe(question: Any) -> str:
    choices = " | ".join(
        str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in question.selection
    )
    required = " (required)" if question.is_required else ""
    return f"  --fact {question.key}={choices or '...'}   {question.title}{required}"

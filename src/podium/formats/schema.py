"""The JSON Schema of a version 2 `competition.yaml`, for editors: the model, with what the file writes otherwise.

An editor that knows it completes keys and marks misspelt ones; whether a bundle is right, only the checker knows.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from podium.formats.factsheet import FIELDS
from podium.formats.model import Column, Competition, Leaderboard, Page, Phase, Solution, Task

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PART: Final = {
    "type": "string",
    "description": "A file or folder of the bundle, or the key of a dataset.",
}
_FILE: Final = {"type": "string", "description": "A file of the bundle."}
_DATE: Final = {
    "type": ["string", "integer"],
    "description": "Such as 2026-05-31 14:30:00, in UTC.",
}
_SIZE: Final = {"type": ["string", "integer"], "description": 'Such as "8 GB", "512 MiB" or a number of bytes.'}
_KEY: Final = {"type": "string", "description": "A key (UUID) of something that the platform has."}
_VERSION: Final = {"enum": [2, "2", "2.0", 2.0]}
_NUMBER_LIST: Final = {"oneOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "integer"}]}

# What the file writes otherwise than the model, by part and key; None takes a key away.
_WRITTEN: Final[dict[str, dict[str, Any]]] = {
    "Competition": {"version": _VERSION, "image": _FILE, "terms": _FILE},
    "Page": {"index": None, "file": _FILE},
    "Task": {
        "key": _KEY,
        **dict.fromkeys(("scoring_program", "ingestion_program", "input_data", "reference_data"), _PART),
    },
    "Solution": {"data": None, "path": _PART, "key": _KEY, "tasks": _NUMBER_LIST},
    "Phase": {
        "start": _DATE,
        "end": {**_DATE, "type": ["string", "integer", "null"]},
        "tasks": _NUMBER_LIST,
        **dict.fromkeys(("memory_limit", "disk_limit", "shared_memory_limit", "output_limit"), _SIZE),
        **dict.fromkeys(("public_data", "starting_kit"), _PART),
    },
    "Column": {},
    "Leaderboard": {"index": None},
}
_REQUIRED: Final = {
    "Competition": ["version", "title", "image", "terms", "tasks", "phases"],
    "Page": ["title", "file"],
    "Task": ["index"],
    "Solution": ["index", "tasks"],
    "Phase": ["name", "start", "tasks"],
    "Column": ["title", "key", "index"],
    "Leaderboard": ["title", "key", "columns"],
}
_PARTS: Final = {model.__name__: model for model in (Competition, Page, Task, Solution, Phase, Column, Leaderboard)}


def competition_schema() -> dict[str, Any]:
    """Return the schema as plain values."""
    made = copy.deepcopy(Competition.model_json_schema(mode="validation"))
    definitions: dict[str, Any] = made.pop("$defs")
    for unused in ("FileRef", "DatasetRef", "Question"):
        definitions.pop(unused, None)
    for name in _PARTS:
        _as_written(name, made if name == "Competition" else definitions[name])
    properties = made["properties"]
    properties["fact_sheet"] = {"type": ["object", "null"], "additionalProperties": _question()}
    boards = {"oneOf": [properties["leaderboards"], {"$ref": "#/$defs/Leaderboard"}]}
    properties["leaderboards"] = properties["leaderboard"] = boards
    made["anyOf"] = [{"required": ["leaderboards"]}, {"required": ["leaderboard"]}]
    definitions["Task"]["anyOf"] = [{"required": ["key"]}, {"required": ["name", "scoring_program"]}]
    definitions["Solution"]["anyOf"] = [{"required": ["path"]}, {"required": ["key"]}]
    made["title"] = "A competition (version 2)"
    return {"$schema": DIALECT, **made, "$defs": definitions}


def _as_written(name: str, schema: dict[str, Any]) -> None:
    """Change the schema of one part of the model into that of the mapping in the file."""
    properties = schema["properties"]
    for key, written in _WRITTEN[name].items():
        if written is None:
            del properties[key]
        else:
            properties[key] = copy.deepcopy(written)
    for key, given in properties.items():
        given.pop("title", None)
        if "default" in given:
            _allow_empty(key, properties)
    schema["required"] = _REQUIRED[name]
    schema["additionalProperties"] = False


def _allow_empty(key: str, properties: dict[str, Any]) -> None:
    """Let a key that has a default be written without a value, which means the same."""
    given = properties[key]
    default = given.pop("default")
    kept = {"default": default} if default is not None and not isinstance(default, (list, tuple, dict)) else {}
    if {"type": "null"} in given.get("anyOf", []):
        properties[key] = {**given, **kept}
    else:
        properties[key] = {"anyOf": [given, {"type": "null"}], **kept}


def _question() -> dict[str, Any]:
    """Return the schema of a fact sheet's question, whose values Codabench writes as text or as what they are."""
    properties: dict[str, Any] = {field: {} for field in FIELDS}
    properties |= {"key": {"type": "string"}, "title": {"type": "string"}}
    properties["type"] = {"enum": ["checkbox", "text", "select"]}
    return {"type": "object", "properties": properties, "required": ["key", "type", "title"]}

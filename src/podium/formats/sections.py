"""What the versions of competition.yaml read alike: needed texts and lists, the image, the switches, the end result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from podium.formats.faults import Collector
from podium.formats.model import DEFAULT_IMAGE, Competition, Phase
from podium.formats.reading import Fields
from podium.formats.unpacking import quoted
from podium.formats.yamlnodes import Node

MAX_TITLE: Final = 256
MAX_BOARD_TITLE: Final = 64
MAX_BOARD_KEY: Final = 36
MAX_COLUMN_TITLE: Final = 64
MAX_COLUMN_KEY: Final = 64
MAX_PRECISION: Final = 17
"""A double has no more decimals that mean something."""
MAX_COLUMNS: Final = 200
MAX_IMAGE_NAME: Final = 255
_IMAGE: Final = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
SWITCHES: Final[Mapping[str, bool]] = {
    "registration_auto_approve": False,
    "enable_detailed_results": False,
    "show_detailed_results_in_submission_panel": True,
    "show_detailed_results_in_leaderboard": True,
    "auto_run_submissions": True,
    "can_participants_make_submissions_public": True,
    "make_programs_available": False,
    "make_input_data_available": False,
    "forum_enabled": True,
    "allow_robot_submissions": False,
    "history": False,
    "published": False,
}
"""Keys that are true or false, with what holds when they are absent (Codabench's defaults)."""


def required_text(fields: Fields, key: str, message: str, hint: str, max_length: int = MAX_TITLE) -> str:
    """Read a text that must be there and say something."""
    fields.require(key, message, hint)
    text = fields.text(key, max_length=max_length).strip()
    if fields.present(key) is not None and not text:
        fields.faults.error("missing_key", message, fields.at(key), hint)
    return text


def required_list(fields: Fields, key: str, message: str, hint: str, code: str) -> Node | None:
    """Return the node of a list or mapping; one that is absent or empty is an error."""
    node = fields.require(key, message, hint, code)
    if node is not None and node.kind != "scalar" and not node.items and not node.entries:
        fields.faults.error(code, message, fields.at(key), hint)
    return node


def docker_image(fields: Fields, key: str) -> str:
    """Read the name of a container image; absent or empty is Codabench's default image."""
    image = fields.text(key, DEFAULT_IMAGE).strip() or DEFAULT_IMAGE
    if not _IMAGE.fullmatch(image) or len(image) > MAX_IMAGE_NAME:
        hint = "Write it like docker.io/organization/name:tag, without blanks; names are in lower case."
        fields.faults.error("bad_image_name", f"{quoted(image)} is no name of an image.", fields.at(key), hint)
    return image


def switches(fields: Fields, defaults: Mapping[str, bool]) -> dict[str, bool]:
    """Read keys that are true or false."""
    return {name: fields.boolean(name, default) for name, default in defaults.items()}


def built(
    version: str, facts: dict[str, Any], phases: Sequence[dict[str, Any]], faults: Collector
) -> Competition | None:
    """Put a competition together of what was read, phases in their order; None, and faults, when it is none."""
    if faults.failed:
        return None
    try:
        numbered = tuple(Phase(**{**phase, "index": index}) for index, phase in enumerate(phases))
        return Competition(version=version, phases=numbered, **facts)
    except ValidationError as problem:
        for error in problem.errors(include_url=False):
            faults.error("bad_value", f"{error['msg']}.", tuple(error["loc"]), "Correct this value.")
        return None

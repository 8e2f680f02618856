"""From a value in the YAML file to a part of the bundle, or a precise fault."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from podium.formats.faults import did_you_mean
from podium.formats.files import Bundle
from podium.formats.model import DatasetRef, FileRef, Part
from podium.formats.reading import Fields
from podium.formats.unpacking import ArchiveError, quoted

_WHAT: Final = {
    "image": "image",
    "terms": "page",
    "file": "page",
    "path": "solution",
}


def resolve_file(fields: Fields, key: str, bundle: Bundle, what: str = "") -> str | None:
    """Return the name of the file that a field points to; a fault and None when there is none.

    what: the word for such a file in the fault, where the key does not say it.
    """
    name = _name(fields, key, bundle)
    if name is None:
        return None
    if bundle.is_dir(name):
        message = f"{key} must be a file, but {quoted(name)} is a folder."
        fields.faults.error("not_a_file", message, fields.at(key), "Name the file inside of it.")
        return None
    if not bundle.exists(name):
        _missing(fields, key, name, bundle, what)
        return None
    return name


def resolve_part(fields: Fields, key: str, bundle: Bundle) -> Part | None:
    """Return what a field points to: a file, a folder, or a dataset of the platform by its UUID; None when absent.

    A file with such a name wins over a UUID (Codabench's rule). Anything else is a fault.
    """
    if fields.present(key) is None:
        return None
    name = _name(fields, key, bundle)
    if name is None:
        return None
    if name and bundle.exists(name):
        return FileRef(path=name, folder=bundle.is_dir(name))
    if not name:
        message = f"{key} names the bundle's own folder."
        fields.faults.error("not_a_part", message, fields.at(key), "Name a file or folder inside of it.")
        return None
    uuid = as_uuid(name)
    if uuid is not None:
        return DatasetRef(key=uuid)
    _missing(fields, key, name, bundle)
    return None


def as_uuid(text: str) -> str | None:
    """Return a UUID in its usual form, None when the text is none."""
    if len(text) not in (32, 36):
        return None
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _name(fields: Fields, key: str, bundle: Bundle) -> str | None:
    text = fields.text(key)
    if not text.strip():
        return None
    try:
        return bundle.resolve(text)
    except ArchiveError as problem:
        message = {
            "absolute_path": f"{key} is the absolute path {quoted(text)}.",
            "parent_path": f'{key} leads out of the bundle with "..": {quoted(text)}.',
        }.get(problem.code, f"{key}: {problem}")
        hint = "Use a path relative to competition.yaml, with forward slashes; only files of the bundle can be used."
        fields.faults.error(problem.code, message, fields.at(key), hint)
        return None


def _missing(fields: Fields, key: str, name: str, bundle: Bundle, what: str = "") -> None:
    if fields.faults.full:
        return
    what = what or _WHAT.get(key, key.replace("_", " "))
    candidates = set(bundle.names) | {n.rpartition("/")[0] for n in bundle.names} - {""}
    base = name.rpartition("/")[2]
    same = next((c for c in sorted(candidates) if c.rpartition("/")[2].lower() == base.lower()), None)
    near = f"Did you mean {quoted(same)}?" if same else did_you_mean(name, sorted(candidates))
    if what == "page" and " " in name and "." not in base:
        near = "Write the text into a file such as terms.md, and name that file here."
    hint = f"{near} If not, put" if near else "Put"
    fields.faults.error(
        "missing_file",
        f"Unable to find {what}: {quoted(name)} is not in the bundle.",
        fields.at(key),
        f"{hint} it into the bundle, or correct the path (relative to competition.yaml).",
    )

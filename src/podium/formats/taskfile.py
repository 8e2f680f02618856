"""Task archives: a zip with `task.yaml` and the programs and data that it names.

Each part is given as a mapping with `key`, a dataset of the platform, or `zip`, a member of the archive; with both,
the key counts. Names, defaults and the words of the first messages are Codabench's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from podium.formats.faults import Collector, Fault
from podium.formats.files import Bundle, ZipBundle
from podium.formats.model import DatasetRef, FileRef, Part, Task
from podium.formats.parts import as_uuid
from podium.formats.programs import check_programs
from podium.formats.reading import Fields
from podium.formats.sections import MAX_TITLE
from podium.formats.unpacking import DEFAULT_CAPS, ArchiveError, Caps, open_archive
from podium.formats.yamlnodes import MAX_BYTES, YamlError, decode, load

TASK_YAML: Final = "task.yaml"
PARTS: Final = ("scoring_program", "ingestion_program", "input_data", "reference_data")


@dataclass(frozen=True)
class TaskReport:
    """What was found in a task archive: the task when it is usable, and every fault."""

    task: Task | None
    faults: tuple[Fault, ...] = ()

    @property
    def message(self) -> str:
        """All errors as one text, a line each."""
        return "\n".join(fault.message for fault in self.faults if fault.severity == "error")

    @property
    def hint(self) -> str:
        """Where each error is and how to mend it, a line each, in the order of `message`."""
        errors = [fault for fault in self.faults if fault.severity == "error"]
        return "\n".join(f"{fault.place}: {fault.hint}" for fault in errors)


@contextmanager
def open_task(source: BinaryIO, caps: Caps = DEFAULT_CAPS) -> Iterator[Bundle]:
    """Open a task archive, a folder around everything accepted. Raises ArchiveError."""
    with open_archive(source, caps) as (archive, listing):
        infos = {member.name: listing.info(member.name) for member in listing.members}
        lifted = listing.top_folder is not None and TASK_YAML not in infos
        yield ZipBundle(archive, infos, f"{listing.top_folder}/" if lifted else "", listing.notes)


def read_task(bundle: Bundle) -> TaskReport:
    """Read `task.yaml` of an open archive and look into what it names; never raises for what is in there."""
    if not bundle.exists(TASK_YAML) or bundle.is_dir(TASK_YAML):
        message = f"{TASK_YAML} not found in the zip file"
        return TaskReport(None, (Fault("error", "no_task_yaml", message, TASK_YAML, hint="Put it at the root."),))
    try:
        root = load(decode(bundle.read(TASK_YAML, MAX_BYTES)))
    except (YamlError, ArchiveError) as problem:
        line, hint = (problem.line, problem.hint) if isinstance(problem, YamlError) else (None, "")
        place = f" (line {line})" if line is not None else ""
        message = f"Error parsing {TASK_YAML}: {problem}{place}"
        return TaskReport(None, (Fault("error", "yaml", message, TASK_YAML, line, None, "", hint),))
    faults = Collector(root, TASK_YAML)
    if root.kind != "map":
        faults.error("not_a_mapping", f"Error parsing {TASK_YAML}: it holds no keys", (), "Start with: name: My task")
        return TaskReport(None, faults.sorted())
    task = _task(Fields(root, (), faults), bundle)
    if task is not None:
        check_programs([(task, ())], bundle, faults)
    return TaskReport(None if faults.failed else task, faults.sorted())


def _task(fields: Fields, bundle: Bundle) -> Task | None:
    facts: dict[str, Any] = {}
    for key in ("name", "description"):
        hint = f"Add a line: {key}: My task"
        fields.require(key, f"Missing: {key}, task must have a {key}", hint)
        facts[key] = fields.text(key, max_length=MAX_TITLE) if key == "name" else fields.text(key)
    for key in ("is_public", "ingestion_only_during_scoring"):
        facts[key] = fields.boolean(key, False)
    hint = "Add scoring_program: and below it zip: scoring_program.zip or key: with the key of a dataset."
    fields.require("scoring_program", "Missing: scoring_program, task must have a scoring_program", hint)
    parts = {kind: _part(fields, kind, bundle) for kind in PARTS}
    fields.ignore("index")
    fields.finish()
    return None if fields.faults.failed else Task(index=0, **facts, **parts)


def _part(fields: Fields, kind: str, bundle: Bundle) -> Part | None:
    node = fields.present(kind)
    if node is None:
        return None
    inner = Fields(node, fields.at(kind), fields.faults) if node.kind == "map" else None
    if inner is None or (inner.given("key") is None and inner.given("zip") is None):
        hint = f"Write below {kind}: zip: NAME.zip, or key: with the key of a dataset of yours."
        fields.faults.error("missing_key", f"{kind} must have either a key or zip", fields.at(kind), hint)
        return None
    if inner.given("key") is not None:
        return _by_key(inner, kind)
    return _by_zip(inner, bundle)


def _by_key(inner: Fields, kind: str) -> Part | None:
    text = inner.text("key").strip()
    key = as_uuid(text)
    if key is None:
        inner.faults.error("bad_key", f"{kind} with key '{text[:100]}' not found.", inner.at("key"), "Keys are UUIDs.")
        return None
    inner.ignore("zip")
    inner.finish()
    return DatasetRef(key=key)


def _by_zip(inner: Fields, bundle: Bundle) -> Part | None:
    text = inner.text("zip").strip()
    inner.finish()
    try:
        name = bundle.resolve(text)
    except ArchiveError as problem:
        hint = "Name a member of the archive, with forward slashes."
        inner.faults.error(problem.code, str(problem), inner.at("zip"), hint)
        return None
    if not name or not bundle.exists(name) or bundle.is_dir(name):
        message = f"Dataset file '{text[:200]}' not found in the uploaded zip file."
        inner.faults.error("missing_file", message, inner.at("zip"), "Put it beside task.yaml.")
        return None
    if not name.lower().endswith(".zip"):
        message = f"Dataset file '{text[:200]}' should be a zip file."
        inner.faults.error("not_a_zip", message, inner.at("zip"), "Zip it, and name the zip here.")
        return None
    return FileRef(path=name)


__all__ = ["PARTS", "TASK_YAML", "ArchiveError", "TaskReport", "open_task", "read_task"]

"""Competition bundles: open one, and check it, reporting every fault at once with file, line and a hint."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from podium.formats import version1, version2
from podium.formats.faults import YAML_NAME, Collector, Fault, Report, Severity
from podium.formats.files import Bundle, FolderBundle, ZipBundle, open_bundle
from podium.formats.images import check_image
from podium.formats.model import Competition
from podium.formats.pages import check_pages
from podium.formats.reading import Fields
from podium.formats.unpacking import DEFAULT_CAPS, ArchiveError, Caps, quoted
from podium.formats.yamlnodes import MAX_BYTES, Node, YamlError, decode, load

__all__ = [
    "Bundle",
    "Fault",
    "FolderBundle",
    "Report",
    "Severity",
    "ZipBundle",
    "check_bundle",
    "check_open_bundle",
    "open_bundle",
    "place_of",
]

Reader = Callable[[Fields, Bundle, Collector, Mapping[str, float]], Competition | None]
NO_CEILINGS: Final[Mapping[str, float]] = MappingProxyType({})

_LESS: Final = "Take out what the competition does not need, or pack many files into one (tar, npz, parquet)."
_HINTS: Final[Mapping[str, str]] = {
    "not_a_zip": "Upload a zip of the bundle.",
    "not_found": "Check the path.",
    "unreadable": "Check who may read it.",
    "too_many_entries": _LESS,
    "too_large": _LESS,
    "ratio": "Take the file that is mostly empty or repeated out of it, or make it smaller.",
    "clash": "Rename one of the two.",
    "special_file": "Take it out of the zip.",
    "unsafe_name": "Rename it, and make the zip again.",
}
# One reader per version of competition.yaml; all of them give the same model.
VERSIONS: Final[dict[str, Reader]] = {
    "1": version1.read,
    "1.5": version1.read,
    "1.8": version1.read,
    "2": version2.read,
}


def check_bundle(source: Path, caps: Caps = DEFAULT_CAPS, *, ceilings: Mapping[str, float] = NO_CEILINGS) -> Report:
    """Check a bundle, a zip or a folder, and report everything that is wrong with it, in the order of the file.

    `ceilings` are the most that a site gives a phase, by the phase's keys; what asks for more is told.
    `Report.competition` is there when no error is. Never raises for what is in the bundle.
    """
    try:
        with open_bundle(source, caps) as bundle:
            return check_open_bundle(bundle, ceilings)
    except ArchiveError as problem:
        hint = _HINTS.get(problem.code, "Make the zip again, from inside the bundle's folder.")
        return Report(None, (Fault("error", problem.code, str(problem), None, hint=hint),))


def check_open_bundle(bundle: Bundle, ceilings: Mapping[str, float] = NO_CEILINGS) -> Report:
    """Check a bundle that is already open, so that its parts can be taken out afterwards."""
    name = bundle.yaml_name
    if name is None:
        return Report(None, (_no_yaml(bundle),), bundle.notes)
    try:
        root = load(decode(bundle.read(name, MAX_BYTES)))
    except (YamlError, ArchiveError) as problem:
        line, column = (problem.line, problem.column) if isinstance(problem, YamlError) else (None, None)
        hint = problem.hint if isinstance(problem, YamlError) else "Make the zip again."
        fault = Fault("error", "yaml", str(problem), name, line or 1, column, "", hint)
        return Report(None, (fault,), bundle.notes)
    faults = Collector(root, name)
    if name != YAML_NAME:
        faults.warning("yaml_name", f"The file is called {name}.", (), f"Rename it to {YAML_NAME}.")
    competition = _read(root, bundle, faults, ceilings)
    return Report(competition if not faults.failed else None, faults.sorted(), bundle.notes)


def place_of(bundle: Bundle, value: str) -> tuple[int, int] | None:
    """Return line and column at which a value first stands in the YAML file, None where it stands nowhere."""
    if bundle.yaml_name is None:
        return None
    root = load(decode(bundle.read(bundle.yaml_name, MAX_BYTES)))
    wanted = (node for node in root.walk() if node.kind == "scalar" and node.text.strip() == value)
    return next(((node.line, node.column) for node in wanted), None)


def _no_yaml(bundle: Bundle) -> Fault:
    elsewhere = next((n for n in bundle.names if n.rpartition("/")[2].lower() in (YAML_NAME, "competition.yml")), None)
    hint = "Zip the files from inside their folder, so that competition.yaml is at the root."
    at_root = {name.lower(): name for name in bundle.names if "/" not in name}
    near = difflib.get_close_matches(YAML_NAME, list(at_root), n=1, cutoff=0.8)
    if near:
        hint = f"Rename {quoted(at_root[near[0]])} to {YAML_NAME}."
    elif elsewhere is not None:
        hint = f"It is at {quoted(elsewhere)}: zip that folder's content."
    message = "competition.yaml is missing: it must be in the root directory of the bundle."
    return Fault("error", "no_competition_yaml", message, YAML_NAME, hint=hint)


def _read(root: Node, bundle: Bundle, faults: Collector, ceilings: Mapping[str, float]) -> Competition | None:
    if root.kind != "map":
        what = "is empty" if root.is_null else "holds no keys"
        faults.error("not_a_mapping", f"The file {what}.", (), "It starts with lines such as: version: 2")
        return None
    version = _version(root, faults)
    if version is None:
        return None
    competition = VERSIONS[version](Fields(root, (), faults), bundle, faults, ceilings)
    check_image(root, bundle, faults)
    check_pages(root, bundle, faults)
    return competition


def _version(root: Node, faults: Collector) -> str | None:
    """Return the version whose reader to use; CodaLab's files mostly name none, and are known by their shape."""
    node = root.get("version")
    if node is None or node.is_null:
        if _looks_old(root):
            return "1.5"
        hint = "Add this line at the top: version: 2"
        faults.warning("no_version", "No version is given; the file is read as version 2.", (), hint)
        return "2"
    text = node.text.strip().removesuffix(".0") if node.kind == "scalar" else ""
    if text in VERSIONS:
        return _told_by_keys(text, root, faults)
    message = f"There is no version {quoted(node.text)} of competition.yaml."
    faults.error("bad_version", message, ("version",), "Write: version: 2")
    return None


def _told_by_keys(version: str, root: Node, faults: Collector) -> str:
    """Return the version that the keys are those of; another one than is given is a fault, and not every key is one."""
    old, new = root.get("html") is not None, root.get("tasks") is not None
    meant = "1.5" if old and not new else "2"
    if old == new or VERSIONS[meant] is VERSIONS[version]:
        return version
    proof = "html" if old else "tasks"
    message = f"The version is {version}, but the keys (such as {proof}) are those of version {meant}."
    faults.error("wrong_version", message, ("version",), f"Write: version: {meant}")
    return meant


def _looks_old(root: Node) -> bool:
    phases = root.get("phases")
    return root.get("html") is not None or (phases is not None and phases.kind == "map" and root.get("tasks") is None)

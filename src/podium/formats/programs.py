"""Look into the programs and data of a bundle's tasks: can they run, and do they keep the labels apart?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from podium.formats.commands import CommandError, Role, argv, shell_feature, variables_for
from podium.formats.faults import Collector, Fault, Path, did_you_mean
from podium.formats.files import Bundle
from podium.formats.languages import python2_line
from podium.formats.metadata import MAX_BYTES, NAMES, MetadataError, ProgramMetadata, parse_metadata
from podium.formats.model import FileRef, Solution, Task
from podium.formats.unpacking import ArchiveError, open_archive, quoted, read_member, wrapping_folder

MAX_PROGRAM_BYTES: Final = 2**29
_MAX_SOURCE: Final = 2**20
_MAX_SOURCES: Final = 200
_SCRIPTS: Final = frozenset({".py", ".r", ".sh", ".pl", ".jl", ".rb", ".js", ".jar", ".exe"})
_RUNNERS: Final = {".py": "python3", ".sh": "bash", ".r": "Rscript", ".pl": "perl", ".jl": "julia", ".rb": "ruby"}
_ZIP_STARTS: Final = (b"PK\x03\x04", b"PK\x05\x06")
_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]{0,99})")
_NEARLY_METADATA: Final = re.compile(r"metadata(?:\.[a-z]{2,4})?", re.IGNORECASE)
# A scoring program that puts the submission on its import path, or runs from the folder of the submission. The gap is
# bounded: without that, a line that only repeats the beginning takes time that grows with the square of its length.
_RUNS_SUBMISSION: Final = re.compile(
    rb"/app/ingested_program|sys\.path\.(?:append|insert)\s*\([^)\n]{0,200}(?:\bres\b|submission|prediction|/app/input)"
)


@dataclass(frozen=True)
class _Program:
    """What a look into a program shows: metadata, names of files, and which of them are doubtful, and why."""

    path: str
    metadata: ProgramMetadata
    names: frozenset[str]
    executables: frozenset[str]
    runs_submission: str | None
    python2: str | None = None
    windows_script: str | None = None


class _Refused(Exception):
    """A program cannot be looked into; carries the fault's code, message and hint, or a fault with its own place."""

    def __init__(self, code: str, message: str, hint: str = "", fault: Fault | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.fault = fault


def check_programs(tasks: Sequence[tuple[Task, Path]], bundle: Bundle, faults: Collector) -> None:
    """Report programs that cannot run, data that cannot be unpacked, and labels that participants could read.

    `tasks` are those read so far, each with the path of the mapping that names its parts.
    """
    known: dict[str, _Program | _Refused] = {}
    for task, path in tasks:
        for kind in ("scoring_program", "ingestion_program"):
            part = getattr(task, kind)
            if isinstance(part, FileRef):
                if part.path not in known:
                    known[part.path] = _look(part, bundle)
                _check_program(known[part.path], kind, (*path, kind), task, faults)
        for kind in ("input_data", "reference_data"):
            part = getattr(task, kind)
            if isinstance(part, FileRef) and not part.folder:
                _check_zip(part, kind, (*path, kind), bundle, faults)
        _check_labels_apart(task, path, bundle, faults)


def _look(part: FileRef, bundle: Bundle) -> _Program | _Refused:
    try:
        return _look_into_folder(part.path, bundle) if part.folder else _look_into_zip(part.path, bundle)
    except ArchiveError as problem:
        code = "not_a_zip" if problem.code == "not_a_zip" else "bad_program"
        message = f"{quoted(part.path)} cannot be used: {problem}"
        return _Refused(code, message, "Give a folder, or a zip file of the program.")
    except MetadataError as problem:
        hint = "Write a line such as: command: python3 score.py"
        fault = Fault(
            "error", "bad_metadata", problem.message, f"{part.path}/{problem.file}", problem.line, None, "", hint
        )
        return _Refused("bad_metadata", str(problem), fault=fault)


def _look_into_folder(folder: str, bundle: Bundle) -> _Program:
    inside = [name.removeprefix(f"{folder}/") for name in bundle.walk(folder)]
    wrapper = wrapping_folder(inside)
    wrapped = wrapper is not None and any(f"{wrapper}/{name}" in inside for name in NAMES)
    root = f"{folder}/{wrapper}" if wrapped else folder
    names = frozenset(name.removeprefix(f"{root}/") for name in bundle.walk(root))
    metadata = ProgramMetadata()
    for name in NAMES:
        if name in names:
            metadata = parse_metadata(bundle.read(f"{root}/{name}", MAX_BYTES), name)
            break
    read = {name: bundle.read(f"{root}/{name}", _MAX_SOURCE) for name in _sources(names)}
    executables = frozenset(name for name in names if bundle.executable(f"{root}/{name}"))
    return _Program(root, metadata, names, executables, *_signs(read))


def _sources(names: Iterable[str]) -> list[str]:
    """Return the files of a program that are looked into."""
    return [name for name in sorted(names) if name.endswith((".py", ".sh"))][:_MAX_SOURCES]


def _signs(sources: Mapping[str, bytes]) -> tuple[str | None, str | None, str | None]:
    """Return the first file that runs the submission, is of Python 2, or is a script with line ends of Windows."""
    python = {name: source for name, source in sources.items() if name.endswith(".py")}
    runs = next((name for name, source in python.items() if _RUNS_SUBMISSION.search(source)), None)
    lines = ((name, python2_line(source)) for name, source in python.items())
    old = next((f"{name}, line {line}," for name, line in lines if line is not None), None)
    return runs, old, next((name for name in sources if name.endswith(".sh") and b"\r\n" in sources[name]), None)


def _look_into_zip(name: str, bundle: Bundle) -> _Program:
    with bundle.open_seekable(name, MAX_PROGRAM_BYTES) as stream, open_archive(stream) as (archive, listing):
        prefix = f"{listing.top_folder}/" if listing.top_folder is not None else ""
        files = {m.name.removeprefix(prefix): m.name for m in listing.members if not m.is_dir}
        metadata = ProgramMetadata()
        for file in NAMES:
            if file in files:
                metadata = parse_metadata(read_member(archive, listing.info(files[file]), MAX_BYTES), file)
                break
        read = {inner: read_member(archive, listing.info(files[inner]), _MAX_SOURCE) for inner in _sources(files)}
        marked = {member.name for member in listing.members if member.executable}
        executables = frozenset(inner for inner, whole in files.items() if whole in marked)
        return _Program(name, metadata, frozenset(files), executables, *_signs(read))


def _check_program(seen: _Program | _Refused, kind: str, path: Path, task: Task, faults: Collector) -> None:
    what = kind.replace("_", " ")
    if isinstance(seen, _Refused):
        if seen.fault is not None:
            faults.add(seen.fault)
        else:
            faults.error(seen.code, f"The {what} {seen}", path, seen.hint)
        return
    if not seen.metadata.present:
        message = f"The {what} {quoted(seen.path)} has no metadata.yaml, so nothing says how to run it."
        faults.error("no_metadata", message, path, _metadata_hint(seen.names))
        return
    if seen.metadata.command is None:
        message = f"The {what} {quoted(seen.path)} has no command in {seen.metadata.file}."
        near = difflib.get_close_matches("command", [key.lower() for key in seen.metadata.extra], n=1)
        meant = next((key for key in seen.metadata.extra if [key.lower()] == near), None)
        hint = "Add a line to it such as: command: python3 program.py"
        hint = hint if meant is None else f"Rename its key {quoted(meant)} to command."
        faults.error("no_command", message, path, hint)
        return
    for note in seen.metadata.notes:
        faults.warning("metadata_note", f"{seen.path}/{note}", path, "Take one of them out.")
    _check_command(seen, kind, path, faults)
    if seen.windows_script is not None:
        message = f"{seen.path}/{seen.windows_script} has line ends of Windows, which a shell takes for parts of words."
        faults.warning("windows_script", message, path, "Save it with the line ends of Unix (LF).")
    if seen.python2 is not None:
        message = f"{seen.path}/{seen.python2} is written for Python 2, which the usual images no longer have."
        hint = "Name an image that has it, such as codalab/codalab-legacy:py3, or bring the program to Python 3."
        faults.warning("python2", message, path, hint)
    if kind == "scoring_program" and not task.ingestion_only_during_scoring:
        _check_runs_submission(seen, path, faults)


def _metadata_hint(names: frozenset[str]) -> str:
    """Say how a program gets its metadata: by the file that is nearly it, else by a new one."""
    near = sorted((name for name in names if _NEARLY_METADATA.fullmatch(name.rpartition("/")[2])), key=_depth)
    if not near:
        return "Put a file metadata.yaml into it with a line such as: command: python3 program.py"
    if "/" in near[0]:
        return f"There is one at {quoted(near[0])}: move what is in that folder up, or name that folder."
    return f"Rename {quoted(near[0])} to metadata.yaml."


def _depth(name: str) -> tuple[int, str]:
    return name.count("/"), name


def _check_command(seen: _Program, kind: str, path: Path, faults: Collector) -> None:
    """Report a command that cannot be split, needs a shell, or calls a script that is not there."""
    role: Role = "scoring" if kind == "scoring_program" else "ingestion"
    known = variables_for(role, scoring_step=role == "scoring")
    what, file = kind.replace("_", " "), f"{seen.path}/{seen.metadata.file}"
    try:
        words = argv(seen.metadata.command or "", known)
    except CommandError as problem:
        faults.error("bad_command", f"{file}: {problem}", path, "Correct the quotes of the command.")
        return
    if "\n" in (seen.metadata.command or "").strip():
        message = f"{file}: the lines of the command are run as one command, not one after the other."
        faults.warning("several_lines", message, path, "Put them into a script and call that: bash run.sh")
        return
    shell = shell_feature(words)
    if shell is not None:
        message = f"{file}: the command uses {quoted(shell)}, but commands are run without a shell."
        faults.warning("needs_shell", message, path, "Put the commands into a script and call that: bash run.sh")
        return
    unknown = [found for word in words for found in _VARIABLE.findall(word)]
    for name in dict.fromkeys(unknown):
        message = f"{file}: ${name} is no variable of commands, and the program gets it as it stands there."
        every = f"The variables are {', '.join(f'${variable}' for variable in sorted(known))}."
        hint = did_you_mean(f"${name}", [f"${variable}" for variable in known]) or every
        faults.warning("unknown_variable", message, path, hint)
    if unknown:
        return
    script = next((word for word in words if PurePosixPath(word).suffix.lower() in _SCRIPTS), None)
    if script is None:
        return
    started, script = script if script == words[0] else None, _inside(script)
    runner = _RUNNERS.get(PurePosixPath(script).suffix.lower())
    if started and runner and script in seen.names and not ("/" in started and script in seen.executables):
        message = (
            f"{file}: the command starts {quoted(script)} itself, which it can only where the file is marked as "
            "executable, begins with #! and is named with its path."
        )
        hint = f"Name the program that runs it: {runner} $program/{script}"
        faults.warning("not_executable", message, path, hint)
    elif not script.startswith("/") and PurePosixPath(script).as_posix() not in seen.names:
        message = f"{file}: the command calls {quoted(script)}, which is not in the {what}."
        hint = did_you_mean(script, seen.names) or "Correct the command, or add the file."
        faults.warning("missing_script", message, path, hint)


def _inside(script: str) -> str:
    """The name of a program's file within its folder, as a command may write it."""
    for own in ("/app/program/", "/app/ingestion_program/", "./"):
        script = script.removeprefix(own)
    return script


def _check_runs_submission(seen: _Program, path: Path, faults: Collector) -> None:
    command = seen.metadata.command or ""
    if "ingested_program" in command or "$submission_program" in command:
        where = f"{seen.path}/{seen.metadata.file}"
    elif seen.runs_submission is not None:
        where = f"{seen.path}/{seen.runs_submission}"
    else:
        return
    message = f"{where}: the scoring program seems to run or import the participant's code beside the reference data."
    hint = "Run the submission in an ingestion program, so that it cannot read the labels."
    faults.warning("scoring_runs_submission", message, path, hint)


def _check_zip(part: FileRef, kind: str, path: Path, bundle: Bundle, faults: Collector) -> None:
    """Report data that is no zip: a run could not unpack it."""
    try:
        start = bundle.read(part.path, 4)[:4]
    except ArchiveError as problem:
        faults.error(problem.code, f"{kind}: {problem}", path, "Make the zip of the bundle again.")
        return
    if start not in _ZIP_STARTS:
        message = f"{quoted(part.path)} is no zip file, so it cannot be unpacked when a submission runs."
        faults.error("not_a_zip", message, path, f"Put it into a folder, and write: {kind}: name_of_the_folder/")


def check_solutions(solutions: Sequence[Solution], bundle: Bundle, faults: Collector) -> None:
    """Warn of sample solutions that are no zip: they could be shown, but not submitted."""
    places = faults.places_of("solutions", [solution.index for solution in solutions])
    for solution, path in zip(solutions, places, strict=True):
        part = solution.data
        if isinstance(part, FileRef) and not part.folder and not _starts_like_a_zip(part, bundle):
            message = f"{quoted(part.path)} is no zip file, so it cannot be submitted."
            faults.warning("not_a_zip", message, (*path, "path"), "Put it into a folder and name that folder.")


def _starts_like_a_zip(part: FileRef, bundle: Bundle) -> bool:
    try:
        return bundle.read(part.path, 4)[:4] in _ZIP_STARTS
    except ArchiveError:  # damaged inside the bundle's own zip
        return False


def _check_labels_apart(task: Task, path: Path, bundle: Bundle, faults: Collector) -> None:
    """Warn when input data and reference data are the same: participants' programs can read input data."""
    given, truth = task.input_data, task.reference_data
    if not isinstance(given, FileRef) or not isinstance(truth, FileRef):
        return
    same = given.path == truth.path
    if not same and not given.folder and not truth.folder:
        checksum = bundle.checksum(given.path)
        same = checksum is not None and checksum == bundle.checksum(truth.path)
    if same:
        message = "reference_data is the same as input_data, so submissions could read the test labels."
        faults.warning("labels_leak", message, (*path, "reference_data"), "Give the labels in a part of their own.")

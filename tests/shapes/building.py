"""What a shape is, and the small programs and data that most shapes share."""

# ruff: noqa: E501 - what is said of a shape stands on one line

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from podium.formats import model
from podium.protocol import Cause

Tree = Mapping[str, str | bytes]
"""Files by name; text is written as UTF-8, line ends as they stand."""


def png() -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    header = struct.pack(">2L5B", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def inside(folder: str, tree: Tree) -> dict[str, str | bytes]:
    """The same files in a folder."""
    return {f"{folder}/{name}": content for name, content in tree.items()}


def crlf(tree: Tree) -> dict[str, str | bytes]:
    """The same files with the line ends of Windows."""
    return {name: text.replace("\n", "\r\n") if isinstance(text, str) else text for name, text in tree.items()}


def zipped(tree: Tree, before: Tree | None = None) -> bytes:
    """A zip of the files; `before` are members of the same names that come first and are replaced by later ones."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*(before or {}).items(), *tree.items()]:
            with warnings.catch_warnings(action="ignore"):
                archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A submission, and what comes of it by `podium run`.

    Attributes:
        files: what is submitted.
        phase: index of the phase.
        scores: by column key, the same for each task of the phase.
        computed: what the row shows in its computed columns.
        cause: why it fails, in place of scores; `words` stand in the message then.
        private: files that only organizers get.
        report: a piece of the detailed results.
    """

    files: Tree
    phase: int = 0
    scores: Mapping[str, float] = field(default_factory=dict)
    computed: Mapping[str, float] = field(default_factory=dict)
    cause: Cause | None = None
    words: str = ""
    private: Tree = field(default_factory=dict)
    report: str = ""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A bundle of a kind that occurs in the wild, and what is made of it.

    Attributes:
        like: the bundles that have this shape, and what is odd about it.
        yaml: competition.yaml, with its line ends and byte order mark.
        files: everything else.
        before: members of the zip that later ones of the same name replace.
        faults: what `podium check` says, in its order: "LINE:COLUMN SEVERITY MESSAGE HINT".
        phases: "NAME: START to END, TASKS BOARD" of each phase; times in UTC, without seconds where there are none.
        columns: "KEY DIRECTION" of each column, computed ones as "KEY DIRECTION = OPERATION KEYS", with its group.
        facts: attributes of the competition.
        refused: what the platform says where only it can look a thing up.
        elsewhere: what `podium run` says where a file is on a platform.
        samples: submissions by name.
    """

    like: str
    yaml: str
    files: Tree
    before: Tree = field(default_factory=dict)
    faults: Sequence[str] = ()
    phases: Sequence[str] = ()
    columns: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""
    elsewhere: str = ""
    samples: Mapping[str, Sample] = field(default_factory=dict)

    def all_files(self) -> dict[str, str | bytes]:
        return {"competition.yaml": self.yaml, **self.files}

    def zip(self, folder: Path) -> Path:
        path = folder / "bundle.zip"
        path.write_bytes(zipped(self.all_files(), self.before))
        return path

    def folder(self, parent: Path) -> Path:
        root = parent / "bundle"
        for name, content in self.all_files().items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return root


def described_phase(name: str, start: datetime, end: datetime | None, tasks: Sequence[str], board: str) -> str:
    """A phase in the words of `Shape.phases`."""

    def when(instant: datetime) -> str:
        return instant.isoformat(sep=" ").removesuffix("+00:00").removesuffix(":00")

    return f"{name}: {when(start)} to {when(end) if end else 'open'}, {' + '.join(tasks)} -> {board}"


def described_column(column: Any, keys: Mapping[int, str]) -> str:
    """A column in the words of `Shape.columns`; `keys` are those of the board's columns by index."""
    text = f"{column.key} {model.Sorting(column.sorting).value}"
    if column.computation:
        operands = " ".join(keys[index] for index in column.computation_indexes)
        text += f" = {model.Computation(column.computation).value} {operands}"
    return f"{text} ({column.group})" if column.group else text


LOOK: Tree = {"logo.png": png(), "terms.md": "# Terms\n\nBe fair.\n", "overview.md": "# Overview\n\nGuess.\n"}
OLD_LOOK: Tree = {"logo.jpg": png(), "terms.html": "<h3>Terms</h3>\n", "overview.html": "<h3>Overview</h3>\n"}
QUESTION: Tree = {"question": "0 1 1 0\n"}
TRUTH: Tree = {"truth": "0 1 1 0\n"}
OTHER_TRUTH: Tree = {"truth": "1 1 1 0\n"}
CODE: Tree = {"metadata": "description: a sample\n", "model.py": "def answer(rows):\n    return rows\n"}
"""Right four times in four, given the question."""
RESULT: Tree = {"answer": "0 1 1 1\n"}
"""Right three times in four."""


def answers(question: str, submission: str, output: str) -> str:
    """The source of an ingestion program; the arguments are Python expressions for its folders."""
    return (
        "import sys\n"
        f"sys.path.insert(0, {submission})\n"
        "import model\n"
        f"rows = open({question} + '/question').read().split()\n"
        f"open({output} + '/answer', 'w').write(' '.join(model.answer(rows)))\n"
    )


def share(truth: str, answer: str) -> str:
    """Source that sets `share` to the share of right answers; the arguments are Python expressions for folders."""
    return (
        f"truth = open({truth} + '/truth').read().split()\n"
        f"answered = open({answer} + '/answer').read().split()\n"
        "share = sum(a == b for a, b in zip(truth, answered)) / float(len(truth))\n"
    )


INGESTION: Tree = {
    "metadata.yaml": "command: python3 ingestion.py\n",
    "ingestion.py": answers("'/app/input_data'", "'/app/ingested_program'", "'/app/output'"),
}
_SHARE = share("'/app/input/ref'", "'/app/input/res'")
SCORING: Tree = {
    "metadata.yaml": "command: python3 scoring.py\n",
    "scoring.py": (
        f"import json\n{_SHARE}"
        "json.dump({'accuracy': share, 'duration': 0.5}, open('/app/output/scores.json', 'w'))\n"
    ),
}
_OLD_SHARE = share("sys.argv[1] + '/ref'", "sys.argv[1] + '/res'")
_WRITE = "open(sys.argv[2] + '/scores.txt', 'w').write('correct:%s\\n' % share)\n"
OLD_SCORING: Tree = {
    "metadata": "command: python $program/evaluate.py $input $output\ndescription: share of right answers\n",
    "evaluate.py": f"import sys\n{_OLD_SHARE}{_WRITE}",
}
PYTHON_2: Tree = {
    **OLD_SCORING,
    "evaluate.py": 'import os, sys\nif not os.path.isdir(sys.argv[1]):\n    print "%s is gone" % sys.argv[1]\n'
    + _OLD_SHARE
    + _WRITE,
}

# What is said of several shapes.
RANKS = "CodaLab computes from the ranks in these columns, Podium from their scores, so the order may differ. Let the scoring program write what is to be ranked by, if that matters."
LEAK = "reference_data is the same as input_data, so submissions could read the test labels. Give the labels in a part of their own."
IMAGE = "which the usual images no longer have. Name an image that has it, such as codalab/codalab-legacy:py3, or bring the program to Python 3."
ADMINS = "admin_names is not taken over: Its names are those of CodaLab. Add collaborators after the upload."
LINKS = "The links under datasets are not shown. Name the data in a page, or give it as public_data."
PUT = "put it into the bundle, or correct the path (relative to competition.yaml)."
RUNS = "program.zip/score.py: the scoring program seems to run or import the participant's code beside the reference data. Run the submission in an ingestion program, so that it cannot read the labels."
OVER = "All phases are already over. Correct the dates if participants are to submit."
NO_VERSION = "No version is given; the file is read as version 2. Add this line at the top: version: 2"

"""Builders of bundles and zips: every fixture is made in code, so that its oddity can be read."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from podium.formats.bundle import Fault, Report, check_bundle

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32

YAML = """\
version: 2
title: Wheat seeds
description: Tell the sorts of wheat apart
image: logo.png
terms: pages/terms.md
pages:
  - title: Overview
    file: pages/overview.md
tasks:
  - index: 0
    name: Seeds
    description: A task
    input_data: input_data/
    reference_data: reference.zip
    ingestion_program: ingestion_program/
    scoring_program: scoring_program.zip
solutions:
  - index: 0
    tasks: [0]
    path: solution/
phases:
  - index: 0
    name: Development
    start: 2024-01-01 12:30:00
    end: 2098-01-01 00:00:00
    tasks: [0]
  - index: 1
    name: Final
    start: 2098-02-01
    max_submissions: 1
    tasks: [0]
leaderboards:
  - title: Results
    key: main
    columns:
      - title: Accuracy
        key: accuracy
        index: 0
        sorting: desc
      - title: Duration
        key: duration
        index: 1
        sorting: asc
"""


def zip_bytes(files: Mapping[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of the given files; a name that ends with a slash is a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def special_entry(name: str, mode: int, content: bytes = b"") -> bytes:
    """Return a zip with one entry of the given file type (link, pipe, device)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = (mode | 0o644) << 16
        archive.writestr(info, content)
    return buffer.getvalue()


def link_entry(name: str, target: str) -> bytes:
    """Return a zip with one symbolic link."""
    return special_entry(name, stat.S_IFLNK, target.encode())


SCORING_PROGRAM = {"metadata.yaml": "command: python3 score.py\n", "score.py": "print('scoring')\n"}


def _files() -> dict[str, bytes | str]:
    return {
        "logo.png": PNG,
        "pages/terms.md": "# Terms\n",
        "pages/overview.md": "# Overview\n",
        "input_data/train.csv": "1,2\n",
        "reference.zip": zip_bytes({"labels.csv": "1\n"}),
        "ingestion_program/metadata": "command: python3 $ingestion_program/ingestion.py $input $output\n",
        "ingestion_program/ingestion.py": "print('ingestion')\n",
        "scoring_program.zip": zip_bytes(SCORING_PROGRAM),
        "solution/model.py": "class Model: ...\n",
    }


def assert_mendable(fault: Fault) -> None:
    """Whoever has only the message knows where the fault is, what is wrong, and what to do about it."""
    assert fault.file, fault
    assert fault.line is not None or fault.code in WITHOUT_LINE, fault
    assert fault.message.endswith((".", "?")), fault
    assert fault.hint.endswith((".", "?")) or ": " in fault.hint, fault


WITHOUT_LINE = {"no_competition_yaml", "not_a_zip", "too_many_faults"}
"""Faults of the whole: there is no line to name."""


@dataclass
class BundleMaker:
    """A good bundle of two phases that a test spoils in one place."""

    where: Path
    yaml: str | bytes = YAML
    files: dict[str, bytes | str] = field(default_factory=_files)

    def replace(self, old: str, new: str) -> BundleMaker:
        """Replace a piece of the YAML file that must be there exactly once."""
        assert isinstance(self.yaml, str)
        assert self.yaml.count(old) == 1, f"{old!r} occurs {self.yaml.count(old)} times"
        self.yaml = self.yaml.replace(old, new)
        return self

    def all_files(self) -> dict[str, bytes | str]:
        return {"competition.yaml": self.yaml, **self.files}

    def folder(self, name: str = "bundle") -> Path:
        root = self.where / name
        for file, content in self.all_files().items():
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    def zip(self, prefix: str = "") -> Path:
        path = self.where / "bundle.zip"
        path.write_bytes(zip_bytes({prefix + name: content for name, content in self.all_files().items()}))
        return path

    def check(self) -> Report:
        """Check the bundle as a zip and as a folder, which must agree."""
        zipped, folder = check_bundle(self.zip()), check_bundle(self.folder())
        assert zipped.faults == folder.faults
        assert zipped.competition == folder.competition
        for fault in zipped.faults:
            assert_mendable(fault)
        return zipped

    def fault(self, code: str) -> Fault:
        """Return the only fault with that code."""
        report = self.check()
        found = [fault for fault in report.faults if fault.code == code]
        assert len(found) == 1, f"{code} not once in {[str(fault) for fault in report.faults]}"
        if found[0].severity == "error":
            assert not report.ok
            assert report.competition is None
        return found[0]

    def line_of(self, text: str) -> int:
        """Return the line of the YAML file on which a text stands."""
        assert isinstance(self.yaml, str)
        lines = [number for number, line in enumerate(self.yaml.splitlines(), 1) if text in line]
        assert len(lines) == 1, f"{text!r} stands on lines {lines}"
        return lines[0]

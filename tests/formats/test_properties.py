"""Property tests of archives and bundles: never outside the target, never half unpacked, never a traceback."""

from __future__ import annotations

import io
import os
import tempfile
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.formats.archives import ArchiveError, inspect, pack_folder, unpack
from podium.formats.bundle import check_bundle

from .building import YAML, BundleMaker, zip_bytes

PIECES = st.sampled_from(
    ["a", "b", "..", ".", "", "/", "\\", "C:", "\0", "\n", "x" * 300, "é", "__MACOSX", "~", "\ud800"]
)
NAMES = st.lists(PIECES, min_size=1, max_size=5).map("/".join)
MODES = st.sampled_from([0, 0o100644, 0o100755, 0o040755, 0o120777, 0o010644, 0o060644, 0o104755])
ENTRIES = st.lists(st.tuples(NAMES, st.binary(max_size=50), MODES), max_size=6)


def raw_zip(entries: list[tuple[str, bytes, int]]) -> bytes:
    """Return a zip with exactly these names, however dangerous."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content, mode in entries:
                info = zipfile.ZipInfo("x")
                info.filename = info.orig_filename = name.encode("utf-8", "replace").decode()
                info.external_attr = mode << 16
                archive.writestr(info, content)
    return buffer.getvalue()


def snapshot(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(p), p.lstat().st_mode) for p in folder.rglob("*"))


def unpack_in_the_middle(data: bytes, alias: bool = False) -> None:
    """Unpack inside a watched folder: nothing may change beside the target, and nothing is left of what is refused."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "beside").mkdir()
        (root / "beside/file").write_text("untouched")
        before = snapshot(root)
        target = root / "target"
        try:
            listing = unpack(io.BytesIO(data), target, alias_top_folder=alias)
        except ArchiveError as problem:
            assert problem.code
            assert str(problem)
            assert snapshot(root) == before
            return
        assert [entry for entry in snapshot(root) if "/target" not in entry[0]] == before
        for path in target.rglob("*"):
            assert path.resolve().is_relative_to(target.resolve())
            assert path.is_file() or path.is_dir()
            assert not path.is_symlink() or alias
        files = {m.name for m in listing.members if not m.is_dir}
        found = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file() and not p.is_symlink()}
        assert {f for f in found if not any(part.is_symlink() for part in (target / f).parents)} == files


@given(ENTRIES, st.booleans())
def test_no_archive_writes_outside_of_its_target(entries: list[tuple[str, bytes, int]], alias: bool) -> None:
    unpack_in_the_middle(raw_zip(entries), alias)


@given(ENTRIES, st.data())
def test_a_damaged_archive_is_unpacked_or_refused(entries: list[tuple[str, bytes, int]], data: st.DataObject) -> None:
    damaged = bytearray(raw_zip(entries))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, 3))
    unpack_in_the_middle(bytes(damaged[: len(damaged) - cut]))


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda data: data + b"PK\x05\x06" + bytes(18)))
def test_any_bytes_are_an_archive_or_refused(data: bytes) -> None:
    try:
        inspect(io.BytesIO(data))
    except ArchiveError as problem:
        assert problem.code == "not_a_zip"


FILE_NAMES = st.lists(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=12),
    min_size=1,
    max_size=3,
)


@given(st.dictionaries(FILE_NAMES.map("/".join), st.binary(max_size=100), max_size=6))
def test_a_folder_that_is_packed_can_be_unpacked_and_is_the_same_but_for_what_the_notes_say(
    files: dict[str, bytes],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "in").mkdir()
        for file, content in files.items():
            path = root / "in" / file
            if ".." in file.split("/") or any(parent.is_file() for parent in path.parents) or path.is_dir():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        listing = pack_folder(root / "in", root / "out.zip")
        back = unpack(root / "out.zip", root / "back")
        before = {os.path.relpath(p, root / "in"): p.read_bytes() for p in (root / "in").rglob("*") if p.is_file()}
        after = {os.path.relpath(p, root / "back"): p.read_bytes() for p in (root / "back").rglob("*") if p.is_file()}
        assert after.items() <= before.items()
        if not listing.notes and not back.notes:
            assert after == before


LINES = YAML.splitlines(keepends=True)
PLAIN = [*"-[]{}:'/", "null", "-1", "9" * 30, ".nan", "true", "*x", "..", "[0]", "[[0]]", "2024-99-99", "8-7-2019", "é"]
WORDS = st.sampled_from(["", "  ", "\t", "&x ", "<<: *x", "x" * 300, "{a: 1}", "competition.yaml", *PLAIN])


@st.composite
def spoiled_yaml(draw: st.DrawFn) -> str:
    """The good YAML file with some lines gone, doubled, moved, or with a value replaced."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(["drop", "double", "swap", "value", "key", "insert"]))
        if what == "drop":
            lines[at : at + 1] = [""]
        elif what == "double":
            lines.insert(at, lines[at])
        elif what == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif what == "insert":
            lines.insert(at, draw(WORDS) + "\n")
        else:
            key, colon, value = lines[at].partition(":")
            word = draw(WORDS)
            lines[at] = f"{key}{colon} {word}\n" if what == "value" else f"{word}{colon}{value}"
    return "".join(lines)


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoiled")


@given(yaml=spoiled_yaml())
@settings(max_examples=60, deadline=None)
def test_any_spoiled_bundle_is_a_competition_or_a_report_with_places(yaml: str, where: Path) -> None:
    maker = BundleMaker(where, yaml)
    report = check_bundle(maker.zip())
    assert report.ok == (not report.errors)
    assert report.ok or report.competition is None
    for fault in report.faults:
        assert fault.message
        assert fault.file
        assert fault.line is None or 1 <= fault.line <= yaml.count("\n") + 2
        assert len(str(fault)) < 2000


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_damaged_bundle_is_a_competition_or_a_report(data: st.DataObject, where: Path) -> None:
    whole = bytearray(zip_bytes(BundleMaker(where).all_files()))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = where / "damaged.zip"
    path.write_bytes(bytes(whole))
    report = check_bundle(path)
    assert report.ok == (not report.errors)

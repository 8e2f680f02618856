"""Read an archive that may come from a stranger: nothing is believed before its digest, its type and its place fit."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from podium.formats.competition_archive.kinds import FORMAT, KINDS, LATER, LATER_FIELDS, MANIFEST, VERSION, member_of
from podium.formats.unpacking import (
    ArchiveError,
    Caps,
    Listing,
    content_of,
    human_size,
    open_archive,
    quoted,
    read_member,
)

MAX_MANIFEST: Final = 4 * 2**20
MAX_LINE: Final = 32 * 2**20
_MAX_ENTRIES: Final = 1_000_000
_INTEGERS: Final = range(-(2**63), 2**63)
_DIGEST: Final = r"^[0-9a-f]{64}$"


class Target(Protocol):
    """What content can be written to."""

    def write(self, data: bytes, /) -> int: ...


class BadArchiveError(Exception):
    """The archive cannot be used; the message names the member and, of rows, the line."""


class MemberFacts(BaseModel):
    """What the manifest says of a member; `rows` is there for those that hold rows."""

    model_config = ConfigDict(frozen=True)

    size: int = Field(ge=0)
    sha256: str = Field(pattern=_DIGEST)
    rows: int | None = Field(default=None, ge=0)


class Source(BaseModel):
    """Which competition was archived."""

    model_config = ConfigDict(frozen=True)

    id: int
    title: str = Field(max_length=256)
    published: bool


class Manifest(BaseModel):
    """Where an archive comes from, and what it must hold."""

    model_config = ConfigDict(frozen=True)

    format: str
    version: int
    site: str = Field(max_length=1000)
    made: datetime
    competition: Source
    bundle: str = Field(max_length=2000)
    members: dict[str, MemberFacts]


def is_archive(path: Path) -> bool:
    """Whether a file is an archive of a competition, sound or not, and no bundle."""
    name = member_of("competition").encode()  # what the writer begins with
    try:
        with path.open("rb") as stream:
            if stream.read(30 + len(name))[30:] == name:
                return True
        with zipfile.ZipFile(path) as opened:
            return MANIFEST in opened.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


@contextmanager
def open_competition_archive(path: Path, *, max_bytes: int | None = None) -> Iterator[Archive]:
    """Open an archive whose directory and manifest are sound.

    max_bytes: the most that it may hold when unpacked; without it there is no such limit but that of the ratio.
    Raises BadArchiveError.
    """
    caps = Caps(max_entries=_MAX_ENTRIES, max_bytes=2**63 if max_bytes is None else max_bytes)
    try:
        with open_archive(path, caps) as (opened, listing):
            yield Archive(opened, listing)
    except ArchiveError as problem:
        raise BadArchiveError(str(problem)) from problem


class Archive:
    """An open archive."""

    def __init__(self, opened: zipfile.ZipFile, listing: Listing) -> None:
        self._zip, self._listing = opened, listing
        self._sizes = {member.name: member.size for member in listing.members if not member.is_dir}
        files = [info for info in opened.infolist() if not info.is_dir()]
        if len(files) != len(self._sizes):
            raise BadArchiveError("A member occurs twice, or is none that an archive has.")
        self.manifest = self._manifest()
        self.counts = self._counts()

    def _manifest(self) -> Manifest:
        if MANIFEST not in self._sizes:
            raise BadArchiveError(f"{MANIFEST} is missing: the file was cut short, or is no archive of a competition.")
        text = read_member(self._zip, self._listing.info(MANIFEST), MAX_MANIFEST)
        if len(text) > MAX_MANIFEST:
            raise BadArchiveError(f"{MANIFEST} is longer than {human_size(MAX_MANIFEST)}.")
        found = _parsed(text, MANIFEST)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise BadArchiveError(f'{MANIFEST}: this is not an archive of a competition ("format" is not "{FORMAT}").')
        if found.get("version") != VERSION:
            raise BadArchiveError(
                f"{MANIFEST}: the archive has version {quoted(str(found.get('version')))}; this Podium reads version "
                f"{VERSION}. Use a Podium of the archive's time or newer."
            )
        try:
            return Manifest.model_validate(found)
        except ValidationError as problem:
            first = problem.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise BadArchiveError(f"{MANIFEST}: {quoted(place)}: {first['msg']}.") from problem

    def _counts(self) -> dict[str, int]:
        counts = {}
        for kind in KINDS:
            facts = self.manifest.members.get(member_of(kind))
            if facts is None and kind in LATER:
                counts[kind] = 0
                continue
            if facts is None or facts.rows is None:
                raise BadArchiveError(f"{MANIFEST}: {member_of(kind)} is not listed with its rows.")
            counts[kind] = facts.rows
        if counts["competition"] != 1:
            raise BadArchiveError(f"{member_of('competition')}: there must be one competition.")
        for name, facts in self.manifest.members.items():
            if self._sizes.get(name) is None:
                raise BadArchiveError(f"{quoted(name)} is missing.")
            if self._sizes[name] != facts.size:
                raise BadArchiveError(f"{quoted(name)} has {self._sizes[name]} bytes, not {facts.size}.")
        return counts

    def rows(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a kind, checked; times as datetimes, days as dates. Raises BadArchiveError with the line.

        That the member's digest fits is known at its end; `verify` reads everything once to that purpose.
        """
        name, number = member_of(kind), 0
        if name not in self.manifest.members:
            return  # of a kind that came later; `_counts` refuses all others
        for number, line in enumerate(self._lines(name), start=1):
            if number > self.counts[kind]:
                break
            try:
                yield self._row(kind, number, _parsed(line, "it"))
            except BadArchiveError as problem:
                raise BadArchiveError(f"{name}, line {number}: {problem}") from problem
        if number != self.counts[kind]:
            raise BadArchiveError(f"{name}: there are other rows than the {self.counts[kind]} of the manifest.")

    def _lines(self, name: str) -> Iterator[bytes]:
        """The lines of a member; its digest is checked at the end."""
        digest, rest = hashlib.sha256(), bytearray()
        for piece in content_of(self._zip, self._listing.info(name)):
            digest.update(piece)
            rest += piece
            *lines, last = rest.split(b"\n")
            yield from (bytes(line) for line in lines)
            rest = last
            if len(rest) > MAX_LINE:
                raise BadArchiveError(f"{name}: a line is longer than {human_size(MAX_LINE)}.")
        if rest:
            yield bytes(rest)
        if digest.hexdigest() != self.manifest.members[name].sha256:
            raise BadArchiveError(f"{quoted(name)} is damaged: its digest is not that of the manifest.")

    def _row(self, kind: str, number: int, found: Any) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise BadArchiveError("a row must be an object.")
        if found.get("id") != number or isinstance(found.get("id"), bool):
            raise BadArchiveError(f'"id" must be {number}, the number of the line.')
        fields = KINDS[kind]
        unknown = sorted(set(found) - set(fields) - {"id"})
        if unknown:
            raise BadArchiveError(f"there is no field {quoted(unknown[0])}.")
        row: dict[str, Any] = {"id": number}
        for name, type_ in fields.items():
            if name not in found and name not in LATER_FIELDS.get(kind, ()):
                raise BadArchiveError(f'"{name}" is missing.')
            row[name] = self._value(kind, number, name, type_, found.get(name))
        return row

    def _value(self, kind: str, number: int, name: str, type_: str, value: Any) -> Any:
        plain = type_.removesuffix("?")
        if value is None and type_ != plain:
            return None
        if plain not in KINDS:
            try:
                return _READERS[plain](value)
            except RecursionError as problem:
                raise BadArchiveError(f'"{name}" is nested too deeply.') from problem
            except ValueError as problem:
                raise BadArchiveError(f'"{name}" {problem}.') from problem
        if not _is_whole(value) or not 1 <= value <= self.counts[plain]:
            raise BadArchiveError(f'"{name}" refers to nothing: there is no {quoted(str(value))} among {plain}.')
        if plain == kind and value >= number:
            raise BadArchiveError(f'"{name}" must refer to an earlier row.')
        return value

    def copy(self, row: Mapping[str, Any], target: Target) -> None:
        """Copy the content of a row of `files`, checked. Raises BadArchiveError."""
        name, size, digest = row["member"], 0, hashlib.sha256()
        if self._sizes.get(name) is None:
            raise BadArchiveError(f"{quoted(name)} is missing.")
        for piece in content_of(self._zip, self._listing.info(name)):
            size += len(piece)
            if size > row["size"]:
                break
            digest.update(piece)
            target.write(piece)
        if size != row["size"] or digest.hexdigest() != row["sha256"]:
            raise BadArchiveError(f"{quoted(name)} is damaged: its content is not what {member_of('files')} says.")

    def verify_rows(self) -> None:
        """Check every row, the small members, and that nothing else is in the archive. Raises BadArchiveError."""
        known = {MANIFEST, *self.manifest.members}
        for kind in KINDS:
            for row in self.rows(kind):
                if kind == "files":
                    known.add(row["member"])
        for name in set(self.manifest.members) - {member_of(kind) for kind in KINDS}:
            for _ in self._lines(name):
                pass
        foreign = sorted(set(self._sizes) - known)
        if foreign:
            raise BadArchiveError(f"{quoted(foreign[0])} does not belong to the archive.")

    def verify(self) -> None:
        """Check everything: rows, digests, members. Raises BadArchiveError."""
        self.verify_rows()
        seen = set()
        for row in self.rows("files"):
            if (row["member"], row["sha256"], row["size"]) not in seen:
                seen.add((row["member"], row["sha256"], row["size"]))
                self.copy(row, _Nowhere())


class _UnfitError(ValueError):
    """What is wrong with a value, in words that follow its name."""


class _Nowhere:
    """A stream that keeps nothing."""

    def write(self, data: bytes) -> int:
        return len(data)


def _parsed(text: bytes, name: str) -> Any:
    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no number that can be kept")

    try:
        return json.loads(text.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as problem:
        raise BadArchiveError(f"{name} is not JSON that can be read ({_short(problem)}).") from problem


def _short(problem: BaseException) -> str:
    return str(problem)[:200]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in _INTEGERS


def _whole(value: Any) -> int:
    if not _is_whole(value):
        raise _UnfitError("must be a whole number")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _UnfitError("must be a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise _UnfitError("must be a finite number")
    return found


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _UnfitError("must be true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _UnfitError("must be text")
    if "\0" in value:
        raise _UnfitError("holds a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _UnfitError("is not valid Unicode") from None
    return value


def _time(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(_text(value))
    except ValueError:
        raise _UnfitError("must be a time such as 2026-01-31T12:00:00+00:00") from None
    if found.tzinfo is None:
        raise _UnfitError("must be a time with its zone")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise _UnfitError("is beyond the calendar") from None


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(_text(value))
    except ValueError:
        raise _UnfitError("must be a day such as 2026-01-31") from None


def _list_of(read: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def reader(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _UnfitError("must be a list")
        return [read(each) for each in value]

    return reader


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _UnfitError("must be an object")
    _inner(value)
    return value


def _counts(value: Any) -> dict[str, int]:
    return {_text(key): _whole(inner) for key, inner in _object(value).items()}


def _inner(value: Any) -> None:
    """Check what stands in an object, however deep."""
    if isinstance(value, str):
        _text(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _text(key)
            _inner(inner)
    elif isinstance(value, list):
        for inner in value:
            _inner(inner)
    elif isinstance(value, float):
        _number(value)


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": _text,
    "whole": _whole,
    "number": _number,
    "flag": _flag,
    "time": _time,
    "day": _day,
    "texts": _list_of(_text),
    "wholes": _list_of(_whole),
    "object": _object,
    "objects": _list_of(_object),
    "counts": _counts,
}

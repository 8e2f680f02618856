"""What an answer tells: its fields, the marks in it, the files that it opens; and the committed tables of that."""

from __future__ import annotations

import asyncio
import io
import json
import re
import zipfile
from collections.abc import AsyncIterable, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tests.site.access_marks import Mark, Opened, files_of, marks_of, opened_by
from tests.site.access_worlds import OPEN, ROLES, World

FOLDER = Path(__file__).parent / "fields"
NOT_LISTED = {"GET api/schemas/competition.json"}
"""Documents that are the same for everybody."""
_ID = re.compile(r"(?<=[(-])\d+|^\d+(?=-|$)")
"""Ids and days as names or inside of them, which differ from run to run."""


@dataclass
class Told:
    """An answer: its status, the fields of its JSON (whether they hold something), its marks and its files."""

    status: int
    is_json: bool = False
    is_stream: bool = False
    fields: dict[str, bool] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    files: list[Opened] = field(default_factory=list)


def fields_of(value: Any, path: str = "") -> dict[str, bool]:
    """Every path in a JSON value, and whether something is there: `results[].owner.name`."""
    if isinstance(value, Mapping) and value:
        found: dict[str, bool] = {}
        for name, inner in value.items():
            step = _ID.sub("#", str(name))
            found |= _joined(found, fields_of(inner, f"{path}.{step}" if path else step))
        return found
    if isinstance(value, list) and value:
        found = {}
        for inner in value:
            found |= _joined(found, fields_of(inner, f"{path}[]"))
        return found
    return {path or "(answer)": value not in (None, "", [], {})}


def _joined(one: Mapping[str, bool], other: Mapping[str, bool]) -> dict[str, bool]:
    return {name: holds or one.get(name, False) for name, holds in other.items()}


class _Quiet(Exception):
    """A stream would wait for news."""


_works: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
"""What a stream that is being read wants done in the test's thread; None when it has been read."""


async def _here(work: Callable[[], Any]) -> Any:
    future: Future[Any] = Future()

    def do() -> None:
        if not future.set_running_or_notify_cancel():
            return  # who wanted it has gone
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            future.set_exception(error)

    _works.put(do)
    return await asyncio.wrap_future(future)


async def _quiet(*_: Any) -> None:
    raise _Quiet


def inline(monkeypatch: Any) -> None:
    """Let live answers do their database work in the test's thread, where its transaction is; no one waits for news."""
    monkeypatch.setattr("podium.site.threads.in_thread", _here)
    monkeypatch.setattr("podium.site.evaluation.following.in_thread", _here)
    monkeypatch.setattr("podium.site.evaluation.codabench_worker.watching.in_thread", _here)
    monkeypatch.setattr("podium.site.evaluation.codabench_worker.routes.in_thread", _here)
    monkeypatch.setattr("podium.site.evaluation.competition_events._Reader.pace", 0)
    monkeypatch.setattr("podium.site.evaluation.wakeups.wait", _quiet)


def pump() -> None:
    """Do in the test's thread what something that runs beside it wants done, until that is `done`."""
    while (work := _works.get()) is not None:
        work()


def done() -> None:
    """Say from beside the test's thread that nothing more is wanted done there."""
    _works.put(None)


async def _drained(content: AsyncIterable[bytes]) -> bytes:
    found = []
    try:
        async for piece in content:
            found.append(piece)
    except _Quiet:
        pass
    finally:
        done()
    return b"".join(found)


def body_of(answer: Any) -> bytes:
    """The whole content of an answer, of a live stream what is told at once; `inline` must be on."""
    if not answer.streaming:
        return bytes(answer.content)
    content: Any = answer.streaming_content
    if not answer.is_async:
        return b"".join(content)
    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(lambda: asyncio.run(_drained(content)))
        pump()
        return reading.result()


def _text_of(body: bytes) -> str:
    """A body as text; of a zip the names and contents of its members, also of zips within it."""
    if not body.startswith(b"PK"):
        return body.decode("utf-8", errors="replace")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return "\n".join(f"{one.filename}\n{_text_of(archive.read(one))}" for one in archive.infolist())


class Reader:
    """Reads answers of one world."""

    def __init__(self, world: World) -> None:
        self._setting = world.setting
        self.marks, self._files = marks_of(world), files_of(world)

    def __call__(self, answer: Any) -> Told:
        """What an answer tells, its headers included."""
        kind = answer.headers.get("Content-Type", "").split(";", maxsplit=1)[0]
        body = body_of(answer)
        headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        text = f"{headers}\n{_text_of(body)}"
        told = Told(answer.status_code, is_json=kind == "application/json" and answer.status_code < 300)
        told.is_stream = kind == "text/event-stream"
        told.marks = [mark for mark in self.marks if mark.text in text]
        told.files = sorted(set(opened_by(text, self._files, self._setting)), key=lambda one: one.name)
        if told.is_json:
            told.fields = fields_of(json.loads(body))
        return told


def leaks(address: str, role: str, told: Told) -> list[str]:
    """What an answer tells somebody who must not know it."""
    found = [f"the mark of {one.name}" for one in told.marks if role not in one.audience]
    found += [f"the file {one.name}" for one in told.files if role not in one.audience]
    return [f"{address}: {role} receives {what}" for what in found]


HEAD = """\
# What each role is told in the world "{world}", made by `pytest tests/site/test_access.py --rewrite-fields`.
# A line is a field of the JSON, a value that a page shows, or a file that an address opens; the columns are
#   {roles}
# x: there   o: there and empty   .: not there   -: refused, or sent elsewhere
"""
BESIDE = """\
# After each address stand the statuses, and below it only the lines that differ from those of the world "open".
"""


class Table:
    """The table of a world, for the roles that walk through it.

    differing: with the statuses of each address, and of the lines only those that differ from the open world's.
    """

    def __init__(self, world: str, roles: Sequence[str], *, differing: bool = False) -> None:
        self._world, self._roles, self._differing = world, roles, differing

    def text(self, answers: Mapping[str, Mapping[str, Told]]) -> str:
        """The table as it is kept; answers: by address and role."""
        lines = [HEAD.format(world=self._world, roles=" ".join(self._roles)) + (BESIDE if self._differing else "")]
        known = _kept(OPEN.name) if self._differing else {}
        patches: dict[str, list[str]] = {}
        for address, by_role in answers.items():
            method, _, route = address.partition(" ")
            rows = {} if address in NOT_LISTED else dict(self._rows(by_role))
            title = address if route else f"{method} /"
            if self._differing:
                seen = {role for role, told in by_role.items() if told.status < 300 or told.files}
                rows = self._other(rows, known.get(title, {}), seen)
                told = [f"{title}  {' '.join(str(by_role[role].status) for role in self._roles)}"]
            else:
                told = [title]
            shown = [
                f"  {' '.join(marks.get(role, '-') for role in self._roles)}  {name}" for name, marks in rows.items()
            ]
            if method == "PATCH":
                patches[route] = shown
            if method == "PUT" and shown and patches.get(route) == shown:
                shown = ["  as PATCH"]
            if shown or self._differing:
                lines += [*told, *shown, ""]
        return "\n".join(lines)

    @staticmethod
    def _other(
        rows: Mapping[str, Mapping[str, str]], known: Mapping[str, Mapping[str, str]], seen: Collection[str]
    ) -> dict[str, Mapping[str, str]]:
        """The lines that tell those who were answered something else than in the open world."""
        empty = dict.fromkeys(seen, ".")
        both = {name: rows.get(name, empty) for name in [*rows, *(name for name in known if name not in rows)]}
        return {
            name: marks
            for name, marks in both.items()
            if any(marks.get(role, "-") != known.get(name, {}).get(role, ".") for role in seen)
        }

    @staticmethod
    def _rows(by_role: Mapping[str, Told]) -> Iterable[tuple[str, dict[str, str]]]:
        seen = {role: told for role, told in by_role.items() if told.status < 300}
        names = {name for told in seen.values() for name in told.fields}
        for name in sorted(names):
            yield name, {role: _field(told, name) for role, told in seen.items()}
        shown = {mark.name for told in seen.values() if not told.is_json for mark in told.marks}
        for name in sorted(shown):
            has = {role: "x" if name in {m.name for m in told.marks} else "." for role, told in seen.items()}
            yield f"shows {name}", has
        led = {role: told for role, told in by_role.items() if told.status < 300 or told.files}
        for name in sorted({one.name for told in led.values() for one in told.files}):
            has = {role: "x" if name in {one.name for one in told.files} else "." for role, told in led.items()}
            yield f"opens {name}", has

    def check(self, answers: Mapping[str, Mapping[str, Told]], *, rewrite: bool) -> None:
        """Compare with the table that is kept, or write it."""
        known, told = FOLDER / f"{self._world}.txt", self.text(answers)
        if rewrite:
            known.write_text(told, encoding="utf-8")
        assert told.splitlines() == known.read_text(encoding="utf-8").splitlines(), "say so with --rewrite-fields"


def _kept(world: str) -> dict[str, dict[str, dict[str, str]]]:
    """A table of all roles as it was written: by address and line what each role has."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    address = ""
    for line in (FOLDER / f"{world}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("  ") and not line.startswith("  as "):
            *marks, name = line.split(maxsplit=len(ROLES))
            found[address][name] = dict(zip(ROLES, marks, strict=True))
        elif line and not line.startswith("#"):
            address = line
            found[address] = {}
    return found


def _field(told: Told, name: str) -> str:
    if name not in told.fields:
        return "."
    return "x" if told.fields[name] else "o"

"""Write a competition into an archive: its rows as they are at one moment, then the content of its files.

People, files, datasets, tasks and their versions get their numbers when a row first names them, all others in the order
in which they were made. So an archive of a restored competition numbers everything as the first one did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import IO, Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from podium.formats.competition_archive import KINDS, ArchiveWriter
from podium.formats.competition_archive.writing import ContentChangedError
from podium.formats.dump import to_yaml
from podium.ranking import keys
from podium.site.archives.tables import DERIVED, MODELS, column_of
from podium.site.competitions import policies
from podium.site.competitions.description import Description, describe
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Attempt
from podium.site.evaluation.services import output
from podium.site.evaluation.states import AttemptState
from podium.site.resources import storage
from podium.site.resources.queries import current_versions

_BATCH: Final = 500
_OWN: Final = {
    "collaborators": "competition",
    "whitelist_emails": "competition",
    "pages": "competition",
    "pictures": "competition",
    "leaderboards": "competition",
    "columns": "leaderboard__competition",
    "phases": "competition",
    "phase_tasks": "phase__competition",
    "participants": "competition",
    "submissions": "phase__competition",
    "runs": "submission__phase__competition",
    "attempts": "run__submission__phase__competition",
    "scores": "submission__phase__competition",
    "entries": "phase__competition",
    "withheld": "phase__competition",
    "standings": "phase__competition",
    "tries": "phase__competition",
    "works": "phase__competition",
    "threads": "forum__competition",
    "posts": "thread__forum__competition",
}
"""How the rows of a kind lead to their competition, in the order in which they are written."""
_NUMBERED_WHEN_NAMED: Final = frozenset({"people", "files", "datasets", "tasks", "task_versions"})
_REFERRED: Final = {type_.removesuffix("?") for fields in KINDS.values() for type_ in fields.values()} & set(KINDS)
_NAME_NOBODY: Final = frozenset({"datasets", "task_versions"})
"""Kinds that make nobody a person of the competition: the maker of a shared task takes no part in it."""

Progress = Callable[[int, int], None]


class FileGoneError(LookupError):
    """The content of a file is not there any more, or not what it was."""


def write(competition: Competition, stream: IO[bytes], progress: Progress = lambda done, total: None) -> None:
    """Write an archive of a competition into a seekable stream.

    progress: told how many bytes of files are written, of how many. Raises FileGoneError, also where a file was deleted
    after its row was written; trying again then succeeds.
    """
    _seal_logs(competition)
    with ArchiveWriter(stream) as writer:
        with _one_moment():
            source = Competition.objects.select_related("logo", "created_by").get(pk=competition.pk)
            description, problem = _described(source)
            rows = _Rows(source, writer, description)
            rows.write()
        if description is not None:
            writer.text("bundle/competition.yaml", to_yaml(description.competition).encode())
            for name, text in sorted(description.texts.items()):
                writer.text(f"bundle/{name}", text)
        _copy(writer, rows, progress)
        writer.finish(
            podium=version("podium"),
            site=settings.CONFIG.public_url,
            made=timezone.now().isoformat(),
            competition={"id": source.pk, "title": source.title, "published": source.published},
            bundle=problem,
        )


def _seal_logs(competition: Competition) -> None:
    """Put what ended attempts have printed into files, which the sweeper would do in a moment."""
    unsealed = Attempt.objects.filter(run__submission__phase__competition=competition, has_chunks=True)
    for pk in list(unsealed.exclude(state=AttemptState.ACTIVE).values_list("pk", flat=True)):
        output.seal(attempt_id=pk)


@contextmanager
def _one_moment() -> Iterator[None]:
    """Let every read of the block see the same state of the database; on SQLite without keeping others from writing."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        # `atomic` would take the lock of writers at once.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


def _described(competition: Competition) -> tuple[Description | None, str]:
    """The competition as a bundle that works on any server, or the reason why no bundle can say it."""
    if not competition.phases.exists() or not competition.leaderboards.exists():
        return None, "It has no phases or no leaderboard."
    try:
        description = describe(competition)
    except (LookupError, ValueError) as error:
        return None, str(error)[:2000] or type(error).__name__
    elsewhere = {"queue": None, "collaborators": ()}
    description.competition = description.competition.model_copy(update=elsewhere)
    return description, ""


class _Rows:
    """Writes the rows, and remembers the numbers that they got and the files that they name."""

    def __init__(self, competition: Competition, writer: ArchiveWriter, description: Description | None) -> None:
        self._competition, self._writer = competition, writer
        self._numbers: dict[str, dict[int, int]] = {kind: {} for kind in KINDS}
        self._reachable = 0
        self._unasked = policies.people_unasked(competition)
        files = description.files.items() if description else ()
        # A file that is part of the bundle lies there, every other one under its digest; each content once, but for
        # files of the bundle that have the same.
        self._own = {file.key: f"bundle/{name}" for name, file in files}
        self._members = {file.sha256: f"bundle/{name}" for name, file in sorted(files, reverse=True)}
        self.contents: dict[str, tuple[str, str, int]] = {}
        """By member: the key in storage, the digest and the size."""
        for name, file in files:
            self.contents[f"bundle/{name}"] = (file.key, file.sha256, file.size)

    def write(self) -> None:
        """Write every kind."""
        self._list("competition", Competition.objects.filter(pk=self._competition.pk))
        for kind, path in _OWN.items():
            rows = MODELS[kind]._default_manager.filter(**{path: self._competition})
            self._list(kind, rows.order_by(*(["phase", "sort_key"] if kind == "entries" else ["pk"])))
            if kind == "submissions":
                self._reachable = len(self._numbers["people"])
        tasks = self._numbers["tasks"]
        newest = current_versions(tasks)
        for pk in list(tasks):
            if pk in newest:
                self._number("task_versions", newest[pk].pk)
        self._named("task_versions")
        self._named("tasks")
        solutions = MODELS["solutions"]._default_manager.filter(tasks__in=list(tasks)).distinct()
        self._list("solutions", solutions.order_by("pk"))
        links = MODELS["solution_tasks"]._default_manager.filter(
            solution__in=list(self._numbers["solutions"]), task__in=list(tasks)
        )
        self._list("solution_tasks", links.order_by("pk"))
        for kind in ("datasets", "files", "people"):
            self._named(kind)

    def _list(self, kind: str, rows: QuerySet[Any]) -> None:
        self._writer.rows(kind, self._each(kind, rows.iterator(chunk_size=2000)))

    def _named(self, kind: str) -> None:
        """Write the rows of a kind that others have named, in the order of their numbers."""
        self._writer.rows(kind, self._each(kind, self._in_order(kind)))

    def _in_order(self, kind: str) -> Iterator[Any]:
        keys = list(self._numbers[kind])
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            found = MODELS[kind]._default_manager.in_bulk(batch)
            yield from (found[pk] for pk in batch)

    def _each(self, kind: str, rows: Iterable[Any]) -> Iterator[dict[str, Any]]:
        own = {name: column_of(kind, name) for name in KINDS[kind] if name not in DERIVED.get(kind, ())}
        for row in rows:
            number = self._number(kind, row.pk) if kind in _REFERRED else 0
            values = {name: self._value(kind, name, getattr(row, column)) for name, column in own.items()}
            if kind == "files":
                values |= {"member": self._member(row), "name": row.key.rpartition("/")[2]}
            elif kind == "people" and (number > self._reachable or row.pk in self._unasked):
                values["email"] = None  # whoever only keeps the platform running, or was made an administrator unasked
            elif kind == "standings":
                values["place"] = keys.without_id(row.sort_key)
            elif kind == "attempts" and row.log_id is None:
                values["log_ends"] = {}
            yield values

    def _number(self, kind: str, pk: int) -> int:
        return self._numbers[kind].setdefault(pk, len(self._numbers[kind]) + 1)

    def _value(self, kind: str, name: str, value: Any) -> Any:
        type_ = KINDS[kind][name].removesuffix("?")
        if value is None:
            return None
        if type_ in KINDS:
            if type_ in _NUMBERED_WHEN_NAMED and not (type_ == "people" and kind in _NAME_NOBODY):
                return self._number(type_, value)
            return self._numbers[type_].get(value)
        return value.isoformat() if type_ in {"time", "day"} else value

    def _member(self, file: Any) -> str:
        member = self._own.get(file.key) or self._members.setdefault(file.sha256, f"files/{file.sha256}")
        self.contents.setdefault(member, (file.key, file.sha256, file.size))
        return member


def _copy(writer: ArchiveWriter, rows: _Rows, progress: Progress) -> None:
    done, total = 0, sum(size for _, _, size in rows.contents.values())
    progress(done, total)
    for member, (key, sha256, _) in rows.contents.items():
        try:
            with storage.open_key(key) as source:
                done += writer.file(member, source, sha256=sha256)
        except FileNotFoundError:
            raise FileGoneError(f"The file {key} is gone.") from None
        except ContentChangedError:
            raise FileGoneError(f"The file {key} is damaged: its content is not what its digest says.") from None
        progress(done, total)

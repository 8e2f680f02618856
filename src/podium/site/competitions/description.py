"""A competition's rows as the model of a bundle: what a dump writes, and what two competitions are compared by."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from podium.formats import factsheet
from podium.formats import model as formats
from podium.formats.pages import shown_names
from podium.site.competitions.models import Competition, Phase
from podium.site.leaderboards.models import Leaderboard
from podium.site.resources.models import Dataset, StoredFile, Task
from podium.site.resources.queries import current_version, with_versions

TERMS: Final = "terms.md"
NO_LOGO: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763a8afff0f0003ff02005a2a"
    "6a0f0000000049454e44ae426082"
)
"""A grey picture of one pixel, for a competition without a logo; a bundle must have one."""
_EMPTY: Final = "<!-- nothing was written here -->"
_SAME: Final = (
    "registration_auto_approve",
    "enable_detailed_results",
    "show_detailed_results_in_submission_panel",
    "show_detailed_results_in_leaderboard",
    "auto_run_submissions",
    "can_participants_make_submissions_public",
    "make_programs_available",
    "make_input_data_available",
    "forum_enabled",
    "allow_robot_submissions",
    "history",
    "title",
    "description",
    "docker_image",
)
PHASE_SAME: Final = (
    "index",
    "name",
    "description",
    "start",
    "end",
    "execution_time_limit",
    "memory_limit",
    "disk_limit",
    "shared_memory_limit",
    "output_limit",
    "cpu_limit",
    "process_limit",
    "gpus",
    "network",
    "has_max_submissions",
    "accepts_only_result_submissions",
    "failed_submissions_count",
    "auto_migrate_to_this_phase",
    "hide_output",
    "hide_prediction_output",
    "hide_score_output",
)
"""What a phase is called alike in a bundle and in its row."""


@dataclass
class Description:
    """A competition as a bundle says it, with the content of the files that it names: text, or a stored file."""

    competition: formats.Competition
    texts: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)


def describe(competition: Competition, *, keys: bool = False) -> Description:
    """Describe a competition.

    keys: name tasks and datasets by their keys in place of files; solutions then stay with their tasks.
    Not described is what only belongs to this competition here: whether it is published, participants, submissions.
    Raises LookupError when a file is gone.
    """
    return _Describer(competition, keys=keys).describe()


class _Describer:
    """Gathers the files while it describes."""

    def __init__(self, competition: Competition, *, keys: bool) -> None:
        self._source = competition
        self._keys = keys
        self._names: dict[str, str] = {}
        self._texts: dict[str, bytes] = {}
        self._files: dict[str, StoredFile] = {}

    def describe(self) -> Description:
        source = self._source
        phases = list(source.phases.order_by("index").prefetch_related("phase_tasks"))
        ids = [link.task_id for phase in phases for link in phase.phase_tasks.all()]
        tasks = {task.pk: task for task in with_versions(Task.objects.filter(pk__in=ids))}
        indexes = {pk: index for index, pk in enumerate(dict.fromkeys(ids))}
        boards = list(source.leaderboards.prefetch_related("columns"))
        sheet, _ = factsheet.check_definition(source.fact_sheet) if source.fact_sheet else (None, [])
        pages = list(source.pages.order_by("index", "pk"))
        self._pictures(
            [
                source.terms,
                source.description,
                *(page.content for page in pages),
                *(phase.description for phase in phases),
            ]
        )
        described = formats.Competition(
            version="2",
            image=self._logo(),
            terms=self._text(TERMS, source.terms),
            competition_type=formats.CompetitionType(source.competition_type),
            queue=str(source.queue.vhost) if source.queue else None,
            collaborators=tuple(source.collaborators.order_by("username").values_list("username", flat=True)),
            whitelist_emails=tuple(source.whitelist_emails.order_by("email").values_list("email", flat=True)),
            contact_email=source.contact_email or None,
            reward=source.reward or None,
            report=source.report or None,
            fact_sheet=sheet,
            pages=tuple(
                formats.Page(index=n, title=page.title, file=self._text(f"page-{n + 1}.md", page.content))
                for n, page in enumerate(pages)
            ),
            tasks=tuple(self._task(index, tasks[pk]) for pk, index in indexes.items()),
            solutions=() if self._keys else tuple(self._solutions(tasks, indexes)),
            phases=tuple(self._phases(phases, indexes, boards)),
            leaderboards=tuple(_board(index, board) for index, board in enumerate(boards)),
            **{name: getattr(source, name) for name in _SAME},
        )
        return Description(described, self._texts, self._files)

    def _text(self, name: str, content: str) -> str:
        self._texts[name] = (content if content.strip() else _EMPTY).encode()
        return name

    def _logo(self) -> str:
        logo = self._source.logo
        if logo is None:
            name = self._free("logo", ".png")
            self._texts[name] = NO_LOGO
            return name
        name = self._free("logo", PurePosixPath(logo.key).suffix or ".png")
        self._files[name] = logo
        return name

    def _pictures(self, texts: list[str]) -> None:
        """Take the pictures that the texts show along, by their names; an unused one stays behind."""
        shown = shown_names(texts)
        if shown:
            for picture in self._source.pictures.filter(name__in=shown).select_related("file"):
                self._files[picture.name] = picture.file

    def _free(self, name: str, suffix: str) -> str:
        """A name that no other file of the bundle has."""
        while f"{name}{suffix}" in self._files:
            name += "-"
        return f"{name}{suffix}"

    def _part(self, dataset: Dataset | None) -> Any:
        if dataset is None:
            return None
        if self._keys:
            return formats.DatasetRef(key=str(dataset.key))
        file = dataset.data_file
        if file is None:
            raise LookupError(f"The file of {dataset.name} is gone.")
        # One file that is used at several places is written once.
        if file.key not in self._names:
            suffix = PurePosixPath(file.key).suffix or ".zip"
            self._names[file.key] = self._free(f"{dataset.type}-{len(self._names) + 1}", suffix)
            self._files[self._names[file.key]] = file
        return formats.FileRef(path=self._names[file.key])

    def _task(self, index: int, task: Task) -> formats.Task:
        if self._keys:
            return formats.Task(index=index, key=str(task.key), name=task.name)
        version = current_version(task)
        return formats.Task(
            index=index,
            name=task.name,
            description=task.description,
            is_public=task.is_public,
            ingestion_only_during_scoring=version.ingestion_only_during_scoring,
            **{part: self._part(getattr(version, part)) for part in version.PARTS},
        )

    def _solutions(self, tasks: dict[int, Task], indexes: dict[int, int]) -> list[formats.Solution]:
        found: dict[int, tuple[Any, list[int]]] = {}
        for pk, index in indexes.items():
            for solution in tasks[pk].solutions.select_related("data__data_file"):
                found.setdefault(solution.pk, (solution, []))[1].append(index)
        return [
            formats.Solution(
                index=place,
                tasks=tuple(at),
                data=self._part(solution.data),
                name=solution.name,
                description=solution.description,
            )
            for place, (solution, at) in enumerate(found[pk] for pk in sorted(found))
        ]

    def _phases(self, phases: list[Phase], indexes: dict[int, int], boards: list[Leaderboard]) -> list[formats.Phase]:
        keys = {board.pk: board.key for board in boards}
        described: list[formats.Phase] = []
        for phase in phases:
            before = described[-1] if described else None
            described.append(
                formats.Phase(
                    tasks=tuple(indexes[link.task_id] for link in phase.phase_tasks.all()),
                    max_submissions_per_day=phase.max_submissions_per_day or 0,
                    max_submissions=phase.max_submissions_per_person or 0,
                    parallel=before is not None and (before.end is None or phase.start < before.end),
                    public_data=self._part(phase.public_data),
                    starting_kit=self._part(phase.starting_kit),
                    leaderboard=keys.get(phase.leaderboard_id or 0, boards[0].key if boards else ""),
                    **{name: getattr(phase, name) for name in PHASE_SAME},
                )
            )
        return described


def _board(index: int, board: Leaderboard) -> formats.Leaderboard:
    return formats.Leaderboard(
        index=index,
        key=board.key,
        title=board.title,
        primary_index=board.primary_index,
        hidden=board.hidden,
        submission_rule=formats.SubmissionRule(board.submission_rule),
        columns=tuple(
            formats.Column(
                index=column.index,
                key=column.key,
                title=column.title,
                sorting=formats.Sorting(column.sorting),
                computation=formats.Computation(column.computation) if column.computation else None,
                computation_indexes=tuple(int(index) for index in column.computation_indexes),
                precision=column.precision,
                hidden=column.hidden,
                group=column.group,
            )
            for column in board.columns.order_by("index")
        ),
    )

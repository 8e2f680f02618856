"""What `podium run` does: a bundle's own programs on one submission, and the row that a leaderboard would show."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podium.formats.bundle import Bundle, open_bundle
from podium.formats.model import Competition, DatasetRef, FileRef, Leaderboard, Part, Phase, Solution, Task
from podium.protocol import JobLimits, Outcome
from podium.ranking import columns as ranking
from podium.ranking.display import format_score
from podium.sandbox import Sandbox
from podium.worker.local import LocalOutput, LocalResult, LocalTask, run_task

LONGEST_STEP = 24 * 3600.0
"""Bundles ask for limits like 2147483647 s; nobody waits here for more than a day."""


class RunError(Exception):
    """The run cannot be started as asked; the text says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """What to run: a phase, some of its tasks, and for each of them a submission."""

    competition: Competition
    phase: Phase
    board: Leaderboard
    runs: tuple[tuple[Task, Path | Solution], ...]


@dataclass(frozen=True)
class TaskRun:
    """A task and what came of it."""

    task: Task
    result: LocalResult

    def as_dict(self) -> dict[str, Any]:
        """For scripts."""
        failure = self.result.failure
        steps = (("prediction", self.result.prediction), ("scoring", self.result.scoring))
        return {
            "task": self.task.index,
            "name": self.task.name,
            "scores": {key: score.value for key, score in self.result.scores.items()},
            "failure": failure.model_dump(mode="json") if failure else None,
            "notes": self.result.notes,
            "steps": {name: _step_as_dict(outcome) for name, outcome in steps if outcome is not None},
            "detailed_results": str(self.result.detailed_results) if self.result.detailed_results else None,
        }


def _step_as_dict(outcome: Outcome) -> dict[str, Any]:
    return {"programs": [program.model_dump(mode="json") for program in outcome.programs]}


def make_plan(competition: Competition, submission: Path | None, phase: str | None, tasks: Sequence[str]) -> Plan:
    """Decide what to run.

    `phase` and `tasks` are indexes or names; the first phase and all its tasks when not given. Without a
    `submission`, each task gets the bundle's first solution for it.

    Raises RunError when a name fits nothing, a task is one of a platform, or there is no solution.
    """
    chosen = _pick("phase", competition.phases, phase) if phase is not None else competition.phases[0]
    of_phase = [competition.task(index) for index in chosen.tasks]
    wanted = [_pick("task", of_phase, word) for word in tasks] or of_phase
    runs: list[tuple[Task, Path | Solution]] = []
    for task in wanted:
        if task.key is not None:
            raise RunError(f"Task {task.index} is on a platform ({task.key}); only tasks whose files are here can run.")
        runs.append((task, submission if submission is not None else _solution_for(competition, task)))
    return Plan(competition, chosen, competition.leaderboard_of(chosen), tuple(runs))


def _pick(what: str, items: Sequence[Any], word: str) -> Any:
    for item in items:
        if word in {str(item.index), item.name}:
            return item
    known = ", ".join(f"{item.index} ({item.name})" for item in items)
    raise RunError(f"There is no {what} {word!r}. Choose one of: {known}.")


def _solution_for(competition: Competition, task: Task) -> Solution:
    for solution in competition.solutions:
        if task.index in solution.tasks:
            return solution
    raise RunError(
        f"The bundle has no solution for task {task.index} ({task.name}). "
        "Give a submission: podium run BUNDLE SUBMISSION."
    )


def run_plan(
    bundle_path: Path,
    plan: Plan,
    sandbox: Sandbox,
    *,
    results: Path,
    on_task: Callable[[Task, str], None],
    on_output: LocalOutput,
) -> list[TaskRun]:
    """Run every task of a plan, one after the other; outputs go to a folder per task below `results`.

    `on_task` is told each task and the name of its submission before it runs. Raises RunError when a file that is
    needed is on a platform.
    """
    done: list[TaskRun] = []
    with open_bundle(bundle_path) as bundle, _work_folder() as work:
        parts = _Parts(bundle, work)
        for task, submitted in plan.runs:
            archive = parts.get(submitted.data) if isinstance(submitted, Solution) else submitted
            if archive is None:
                raise RunError("The solution has no file.")
            on_task(task, _name_of(submitted))
            result = asyncio.run(
                _run(_local_task(plan, task, parts), archive, sandbox, results / f"task-{task.index}", on_output)
            )
            done.append(TaskRun(task, result))
    return done


def _name_of(submitted: Path | Solution) -> str:
    if isinstance(submitted, Path):
        return submitted.name
    return submitted.name or (submitted.data.path if isinstance(submitted.data, FileRef) else submitted.data.key)


async def _run(task: LocalTask, archive: Path, sandbox: Sandbox, results: Path, on_output: LocalOutput) -> LocalResult:
    return await run_task(task, archive, sandbox, results=results, on_output=on_output)


@contextmanager
def _work_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="podium-bundle-") as folder:
        yield Path(folder)


class _Parts:
    """Files of the bundle as zips in a folder, each taken out once."""

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        self._bundle = bundle
        self._folder = folder
        self._taken: dict[str, Path] = {}

    def get(self, part: Part | None) -> Path | None:
        """The file of a part, or None for no part."""
        if part is None:
            return None
        if isinstance(part, DatasetRef):
            raise RunError(f"The dataset {part.key} is on a platform; only bundles that hold their files can run here.")
        return self._taken.setdefault(part.path, self._take(part))

    def _take(self, part: FileRef) -> Path:
        if part.path in self._taken:
            return self._taken[part.path]
        name = Path(part.path).name or "part"
        target = self._folder / f"{len(self._taken)}-{name}{'.zip' if part.folder else ''}"
        with target.open("wb") as stream:
            self._bundle.extract_part(part.path, stream)
        return target


def _local_task(plan: Plan, task: Task, parts: _Parts) -> LocalTask:
    scoring = parts.get(task.scoring_program)
    if scoring is None:
        raise RunError(f"Task {task.index} has no scoring program.")
    return LocalTask(
        scoring_program=scoring,
        ingestion_program=parts.get(task.ingestion_program),
        input_data=parts.get(task.input_data),
        reference_data=parts.get(task.reference_data),
        ingestion_only_during_scoring=task.ingestion_only_during_scoring,
        image=plan.competition.docker_image,
        columns=plan.board.score_keys,
        limits=_limits(plan.phase),
        history=plan.competition.history,
    )


def _limits(phase: Phase) -> JobLimits:
    """What the phase asks for; this machine's own bounds are the sandbox's. Network and GPUs are not given here."""
    asked = {
        "memory_bytes": phase.memory_limit,
        "disk_bytes": phase.disk_limit,
        "shm_bytes": phase.shared_memory_limit,
        "output_bytes": phase.output_limit,
        "cpus": phase.cpu_limit,
        "processes": phase.process_limit,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    return JobLimits(wall_seconds=min(float(phase.execution_time_limit), LONGEST_STEP), **given)


@dataclass(frozen=True)
class Cell:
    """One value of a leaderboard row: `task` is None for a value computed over all of them."""

    task: int | None
    key: str
    title: str
    value: float | None
    shown: str

    def as_dict(self) -> dict[str, Any]:
        """For scripts."""
        return {"task": self.task, "key": self.key, "title": self.title, "value": self.value, "shown": self.shown}


def leaderboard_row(board: Leaderboard, runs: Sequence[TaskRun]) -> list[Cell]:
    """The row that a server would show for these runs: scores by task, then what is computed of them.

    Hidden columns are left out, as on the board. With one task, columns stand in their own order.
    """
    columns = [_ranking_column(column) for column in board.columns]
    scores = [{key: score.value for key, score in run.result.scores.items()} for run in runs]
    computed = ranking.compute(columns, scores)
    visible = [column for column in board.columns if not column.hidden]

    def cell(column: Any, task: int | None, value: float | None) -> Cell:
        return Cell(task, column.key, column.title, value, format_score(value, column.precision))

    if len(runs) == 1:
        values = {**scores[0], **computed}
        only = runs[0].task.index
        return [cell(c, None if c.computation else only, values.get(c.key)) for c in visible]
    given = [
        cell(column, run.task.index, own.get(column.key))
        for run, own in zip(runs, scores, strict=True)
        for column in visible
        if column.computation is None
    ]
    return [*given, *(cell(column, None, computed[column.key]) for column in visible if column.computation is not None)]


def _ranking_column(column: Any) -> ranking.Column:
    return ranking.Column(
        key=column.key,
        index=column.index,
        sorting=column.sorting,
        computation=column.computation,
        computation_indexes=column.computation_indexes,
        hidden=column.hidden,
        precision=column.precision,
    )

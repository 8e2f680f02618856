"""Read CodaLab's `competition.yaml` (versions 1, 1.5 and 1.8) into the model.

What a key means is CodaLab's documentation and Codabench's reader of such bundles. It differs from the latter where
that loses what the organizer wrote: phases last until the next one starts, parallel phases stay parallel, computed
columns are computed, columns of all boards are kept, and the switches that force submissions onto the board set the
rule. What has no counterpart is named in a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from podium.formats import rules
from podium.formats.faults import Collector, Path
from podium.formats.files import Bundle
from podium.formats.model import (
    DEFAULT_PER_DAY,
    DEFAULT_TIME_LIMIT,
    DEFAULT_TOTAL,
    Competition,
    Page,
    SubmissionRule,
    Task,
)
from podium.formats.parts import resolve_file, resolve_part
from podium.formats.programs import check_programs
from podium.formats.reading import Fields
from podium.formats.sections import SWITCHES, built, docker_image, required_list, required_text, switches
from podium.formats.unpacking import quoted
from podium.formats.version1_boards import read_board
from podium.formats.yamlnodes import Node

_SAME: Final = (
    "enable_detailed_results",
    "show_detailed_results_in_submission_panel",
    "show_detailed_results_in_leaderboard",
    "auto_run_submissions",
    "can_participants_make_submissions_public",
    "make_programs_available",
    "make_input_data_available",
)
_MEANINGLESS: Final = (
    "version",
    "force_submission_to_leaderboard",
    "disallow_leaderboard_modifying",
    "enable_medical_image_viewer",
    "enable_per_submission_metadata",
    "show_datasets_from_yaml",
    "require_team_approval",
    "allow_public_submissions",
    "hide_top_three",
    "hide_chart",
    "last_modified",
    "creator",
    "published",
)
_LOST: Final = {
    "admin_names": ("Its names are those of CodaLab.", "Add collaborators after the upload."),
    "allow_teams": ("There are no teams.", "Say in the terms how teams are to submit."),
    "enable_teams": ("There are no teams.", "Say in the terms how teams are to submit."),
    "anonymous_leaderboard": ("Leaderboards show names.", "Hide the leaderboard while names must not be seen."),
    "url_redirect": ("Competitions have no redirect.", "Link to the address in a page."),
}
_PHASE_MEANINGLESS: Final = (
    "phasenumber",
    "color",
    "is_scoring_only",
    "is_parallel_parent",
    "parent_phasenumber",
    "force_best_submission_to_leaderboard",
    "leaderboard_management_mode",
    "delete_submissions_except_best_and_last",
    "max_submission_size",
    "participant_max_storage_use",
    "input_data_organizer_dataset",
    "reference_data_organizer_dataset",
    "scoring_program_organizer_dataset",
)
_PARTS: Final = ("scoring_program", "ingestion_program", "input_data", "reference_data")


@dataclass(frozen=True)
class _Phase:
    """A phase as far as it could be read: its place in the file, its order, and the number of its parent or None."""

    fields: Fields
    number: int
    parent: int | None
    facts: dict[str, Any]
    parts: dict[str, Any]
    only_during_scoring: bool
    forces_best: bool

    @property
    def start(self) -> datetime | None:
        return self.facts["start"]  # type: ignore[no-any-return]

    @property
    def path(self) -> Path:
        return self.fields.path


def read(
    fields: Fields, bundle: Bundle, faults: Collector, ceilings: Mapping[str, float] = MappingProxyType({})
) -> Competition | None:
    """Read the whole file; None when something that is needed is missing or wrong (`faults` says what).

    ceilings: the most that the site gives a phase, by key.
    """
    fields.ignore(*_MEANINGLESS)
    _warn_of_lost(fields)
    terms, pages = _pages(fields, bundle)
    phases = _in_order(fields, bundle)
    board = read_board(fields, _rule(fields, phases))
    facts: dict[str, Any] = {
        "title": required_text(fields, "title", "The competition has no title.", "Add a line: title: My competition"),
        "description": fields.text("description"),
        "image": _image(fields, bundle),
        "terms": terms,
        "pages": pages,
        "docker_image": docker_image(fields, "competition_docker_image"),
        "queue": fields.text("queue").strip() or None,
        "reward": fields.text("reward").strip() or None,
        "registration_auto_approve": not fields.boolean("has_registration", True),
        "forum_enabled": fields.boolean("enable_forum", True),
        "history": True,
        "leaderboards": (board,) if board is not None else (),
        **switches(fields, {name: SWITCHES[name] for name in _SAME}),
    }
    drafts = _drafts(fields, phases, board.key if board is not None else "")
    tasks = [(_task(place, phase), phase.path) for place, phase in enumerate(phases)]
    rules.check_ceilings(drafts, ceilings, faults)
    fields.finish()
    check_programs(tasks, bundle, faults)
    facts["tasks"] = tuple(task for task, _ in tasks)
    version = "1.8" if any(phase.parent is not None for phase in phases) else "1.5"
    return built(version, facts, [draft for _, draft in drafts], faults)


def _warn_of_lost(fields: Fields) -> None:
    for key, (message, hint) in _LOST.items():
        node = fields.present(key)
        if node is not None and node.value is not False:
            fields.faults.warning("not_supported", f"{key} is not taken over: {message}", fields.at(key), hint)


def _image(fields: Fields, bundle: Bundle) -> str:
    message, hint = "The competition has no image (its logo).", "Add a line such as: image: logo.png"
    return (resolve_file(fields, "image", bundle) or "") if fields.require("image", message, hint) else ""


def _pages(fields: Fields, bundle: Bundle) -> tuple[str, tuple[Page, ...]]:
    """Read `html`, titles with files, of which `terms` are the terms of participation."""
    hint = "Add html: with lines such as overview: overview.html, and one for terms."
    node = required_list(fields, "html", "HTML pages could not be found.", hint, "no_pages")
    if node is None:
        return "", ()
    if node.kind != "map":
        fields.faults.error("wrong_type", "html must be a mapping of titles to files.", fields.at("html"), hint)
        return "", ()
    html = Fields(node, fields.at("html"), fields.faults)
    terms = ""
    pages: list[Page] = []
    html.require("terms", "There are no terms of participation among the pages.", "Add a line: terms: terms.html")
    for title in node.entries:
        file = resolve_file(html, title, bundle, "page")
        if title == "terms":
            terms = file or ""
        elif html.present(title) is None:
            html.faults.error("missing_key", f"The page {quoted(title)} names no file.", html.at(title), "Name a file.")
        elif file is not None:
            pages.append(Page(index=len(pages), title=title, file=file))
    return terms, tuple(pages)


def _in_order(fields: Fields, bundle: Bundle) -> list[_Phase]:
    """Read the phases and sort them by their numbers; a parent of parallel phases only holds them together."""
    hint = "Add phases: with a mapping of numbers to label, start_date, scoring_program and reference_data."
    required_list(fields, "phases", "No phases could be found for this competition.", hint, "no_phases")
    read = [_phase(place, name, phase, bundle) for place, (name, phase) in enumerate(fields.named("phases"))]
    parents = {phase.parent for phase in read if phase.parent is not None}
    kept = [phase for phase in read if not _is_parent(phase, parents)]
    if read and not kept:
        message = "Every phase is the parent of parallel phases, and there is none to submit to."
        fields.faults.error("no_phases", message, fields.at("phases"), "Add phases with parent_phasenumber.")
    return sorted(kept, key=lambda phase: phase.number)


def _is_parent(phase: _Phase, parents: set[int]) -> bool:
    return phase.parent is None and (phase.number in parents or phase.fields.boolean("is_parallel_parent", False))


def _phase(place: int, name: str, phase: Fields, bundle: Bundle) -> _Phase:
    phase.ignore(*_PHASE_MEANINGLESS)
    number = phase.integer("phasenumber", None)
    if number is None:
        number = int(name) if name.isascii() and name.isdigit() and len(name) < 10 else place
    parent = phase.integer("parent_phasenumber", None)
    is_parent = parent is None and phase.boolean("is_parallel_parent", False)
    label = required_text(phase, "label", "This phase has no label.", "Add a line: label: Development")
    hint = "Add a line such as: start_date: 2026-05-31 14:30:00"
    phase.require("start_date", f"The phase {quoted(label)} has no start_date.", hint)
    facts: dict[str, Any] = {
        "name": label,
        "description": phase.text("description"),
        "start": phase.date("start_date"),
        "execution_time_limit": _time_limit(phase),
        "auto_migrate_to_this_phase": phase.boolean("auto_migration", False),
        "accepts_only_result_submissions": False,
        **switches(phase, dict.fromkeys(("hide_output", "hide_prediction_output", "hide_score_output"), False)),
    }
    for key, default in (("max_submissions_per_day", DEFAULT_PER_DAY), ("max_submissions", DEFAULT_TOTAL)):
        facts[key] = 0 if phase.node.get(key) and phase.present(key) is None else phase.integer(key, default)
    # A parent's own programs are never run, and real ones name files that are not there.
    parts = {kind: None if is_parent else resolve_part(phase, kind, bundle) for kind in _PARTS}
    for key in ("public_data", "starting_kit"):
        facts[key] = None if is_parent else resolve_part(phase, key, bundle)
    if not is_parent and phase.given("scoring_program") is None:
        hint = "Add a line such as: scoring_program: scoring_program.zip"
        message = f"The phase {quoted(label)} does not have a scoring program."
        phase.faults.error("no_scoring_program", message, phase.path, hint)
    _warn_of_links(phase)
    during = phase.boolean("ingestion_program_only_during_scoring", False)
    during = phase.boolean("ingestion_only_during_scoring", during)
    forces_best = phase.boolean("force_best_submission_to_leaderboard", False)
    phase.ignore(*_PARTS, "public_data", "starting_kit")
    phase.finish()
    return _Phase(phase, number, parent, facts, parts, during, forces_best)


def _time_limit(phase: Fields) -> int:
    """Read a limit in seconds; 0 stood for CodaLab's default, so it does for ours."""
    return phase.integer("execution_time_limit", DEFAULT_TIME_LIMIT) or DEFAULT_TIME_LIMIT


def _warn_of_links(phase: Fields) -> None:
    if phase.present("datasets") is not None:
        message = "The links under datasets are not shown."
        hint = "Name the data in a page, or give it as public_data."
        phase.faults.warning("not_supported", message, phase.at("datasets"), hint)


def _task(place: int, phase: _Phase) -> Task:
    """Make the task of a phase; Codabench calls it so."""
    return Task(
        index=place,
        name=f"{phase.facts['name']} Task",
        ingestion_only_during_scoring=phase.only_during_scoring,
        **phase.parts,
    )


def _rule(fields: Fields, phases: list[_Phase]) -> SubmissionRule:
    """Say how submissions come onto the board: CodaLab's switches in terms of Codabench's rules."""
    if any(phase.forces_best for phase in phases):
        return SubmissionRule.FORCE_BEST
    if fields.boolean("force_submission_to_leaderboard", False):
        return SubmissionRule.FORCE_LAST
    if fields.boolean("disallow_leaderboard_modifying", False):
        return SubmissionRule.ADD
    return SubmissionRule.ADD_AND_DELETE


def _drafts(fields: Fields, phases: list[_Phase], board: str) -> list[rules.Draft]:
    """Give each phase its end: the start of the next one, or the competition's end."""
    node = fields.present("end_date")
    end = None if node is None or _says_none(node) else fields.date("end_date")
    stages = list(_stages(phases))
    drafts: list[rules.Draft] = []
    for place, stage in enumerate(stages):
        following = stages[place + 1] if place + 1 < len(stages) else None
        until = _earliest(following) if following is not None else end
        for beside, phase in enumerate(stage):
            _check_time(fields, phase, following, until)
            facts = {**phase.facts, "end": until, "tasks": (len(drafts),), "leaderboard": board}
            facts |= {"parallel": beside > 0, "auto_migrate_to_this_phase": _migrates(phase, place, beside)}
            drafts.append((phase.path, facts))
    rules.warn_if_over([facts["end"] for _, facts in drafts], fields.at("end_date"), fields.faults)
    return drafts


def _says_none(node: Node) -> bool:
    return node.kind == "scalar" and node.text.strip().lower() in {"", "null", "none", "~"}


def _stages(phases: list[_Phase]) -> Iterator[list[_Phase]]:
    """Yield the phases that follow each other; children of one parent come together."""
    stage: list[_Phase] = []
    for phase in phases:
        if stage and (phase.parent is None or phase.parent != stage[0].parent):
            yield stage
            stage = []
        stage.append(phase)
    if stage:
        yield stage


def _earliest(stage: list[_Phase]) -> datetime | None:
    return min((phase.start for phase in stage if phase.start is not None), default=None)


def _check_time(fields: Fields, phase: _Phase, following: list[_Phase] | None, until: datetime | None) -> None:
    """Report a phase that would be over before it starts: CodaLab's phases end where the next one starts."""
    if phase.start is None or until is None or phase.start < until:
        return
    name = quoted(phase.facts["name"])
    if following is None:
        message = f"The competition ends ({rules.when(until)}) before its phase {name} starts."
        hint = "Correct end_date, or remove it for a competition without end; dates are in UTC."
        fields.faults.error("end_before_start", message, fields.at("end_date"), hint)
        return
    message = f"The phase {quoted(following[0].facts['name'])} must start after the phase {name}, which it ends."
    hint = f"Let it start after {rules.when(phase.start)}, or give both one parent_phasenumber to run them at once."
    fields.faults.error("phases_overlap", message, (*following[0].path, "start_date"), hint)


def _migrates(phase: _Phase, stage: int, beside: int) -> bool:
    """Whether submissions are taken over from the phase before; the first phase, and one beside another, has none."""
    wanted = bool(phase.facts["auto_migrate_to_this_phase"])
    if wanted and (stage == 0 or beside > 0):
        message = "There is no phase before this one whose submissions could be taken over."
        phase.fields.faults.warning(
            "auto_migrate_first", message, phase.fields.at("auto_migration"), "Remove this line."
        )
        return False
    return wanted

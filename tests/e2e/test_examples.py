"""Every example's every submission, on a platform and by `podium run`: as expected.json says."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from podium.client import Competition, Submission
from podium.client.errors import ApiError
from tests.examples.harness import EXAMPLES, NAMES, expected
from tests.examples.harness import competition as source_of

from . import bundles
from .people import Person, Terminal
from .running import Platform

pytestmark = [pytest.mark.slow, pytest.mark.bwrap, pytest.mark.xdist_group("e2e-embedded")]

DECIMALS = 1e-10
"""The API writes scores with ten decimals."""
FINAL_NOW = (
    ('end: "2035-01-01"', 'end: "2024-06-01"'),
    ('start: "2035-01-02"', 'start: "2024-06-02"'),
    ("title: Iris\n", "title: Iris, final\n"),
)


def rows(name: str) -> list[dict[str, Any]]:
    return list(expected(name)["submissions"])


def cases() -> Iterator[Any]:
    for name in NAMES:
        for place, row in enumerate(rows(name)):
            yield pytest.param(name, place, id=f"{name}-{row['path']}-{row.get('phase', 0)}")


def variant(name: str, row: Mapping[str, Any]) -> str:
    """Which form of the bundle a submission needs: as it is, with its last phase open, or with a short limit."""
    if row.get("phase", 0):
        return "final"
    return f"limit-{row['execution_time_limit']}" if "execution_time_limit" in row else name


def bundle_of(name: str, form: str, folder: Path) -> Path:
    """Write that form of the bundle."""
    if form == "final":
        return bundles.example(name, folder, *FINAL_NOW)
    if form.startswith("limit-"):
        limit = ("execution_time_limit: 20", f"execution_time_limit: {form.removeprefix('limit-')}")
        return bundles.example(name, folder, limit, ("title: Iris\n", "title: Iris, short\n"))
    return bundles.example(name, folder)


class Played:
    """All submissions of all examples on one platform, made at once, each looked at when its test comes."""

    def __init__(self, olivia: Person, people: list[Person], folder: Path) -> None:
        self.competitions: dict[tuple[str, str], Competition] = {}
        self.made: dict[tuple[str, int], tuple[Person, Submission]] = {}
        for name in NAMES:
            for place, row in enumerate(rows(name)):
                form = variant(name, row)
                if (name, form) not in self.competitions:
                    self._publish(olivia, people, name, form, folder / name / form)
                # On a board, every entry is another person's, so that each keeps its place.
                board = expected(name)["leaderboard"]
                person = people[board.index(row["path"]) if row["path"] in board else 0]
                facts = row.get("fact_sheet_answers")
                submission = person.submit(
                    self.competitions[name, form],
                    EXAMPLES / name / row["path"],
                    phase=row.get("phase", 0),
                    fact_sheet_answers=facts,
                )
                self.made[name, place] = (person, submission)

    def _publish(self, olivia: Person, people: list[Person], name: str, form: str, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.competitions[name, form] = made = olivia.publish(bundle_of(name, form, folder))
        for person in people:
            person.take_part(made)


@pytest.fixture(scope="module")
def played(
    embedded: Platform, person: Callable[[Platform, str], Person], tmp_path_factory: pytest.TempPathFactory
) -> Played:
    people = [person(embedded, name) for name in ("pat", "paul", "petra", "pia")]
    return Played(person(embedded, "olivia"), people, tmp_path_factory.mktemp("examples"))


def assert_close(found: Mapping[str, float], wanted: Mapping[str, float], tolerance: float) -> None:
    for key, value in wanted.items():
        assert math.isclose(found[key], value, rel_tol=tolerance, abs_tol=DECIMALS), (key, found)


def scores_by_task(person: Person, ended: Submission) -> dict[str, dict[str, float]]:
    """Scores by the name of the task: the submission's own, or its parts'."""
    parts = [person.client.submission(child) for child in ended.children] or [ended]
    assert all(part.task for part in parts)
    return {
        part.task.name: {score.column_key: float(score.score or "nan") for score in part.scores}
        for part in parts
        if part.task
    }


@pytest.mark.parametrize(("name", "place"), list(cases()))
def test_on_the_platform(name: str, place: int, played: Played) -> None:
    row = rows(name)[place]
    person, made = played.made[name, place]
    ended = person.ended(made.id, within=150)
    log = person.log(made.id)
    assert ended.status == row["status"], log
    if row["status"] == "Failed":
        assert row["log"] in log
        facts = person.facts(made.id)
        assert facts["cause"] == row.get("cause", facts["cause"] or "a cause")
        assert facts["fault"]
        assert facts["status_details"]
        return
    found = scores_by_task(person, ended)
    names = {str(task["index"]): task["name"] for task in source_of(name)["tasks"]}
    assert set(found) == {names[index] for index in row["scores"]}
    for index, scores in row["scores"].items():
        assert_close(found[names[index]], scores, row["tolerance"])
        assert set(row.get("present", ())) <= set(found[names[index]])
        assert not set(row.get("absent", ())) & set(found[names[index]])


@pytest.mark.parametrize("name", NAMES)
def test_the_board_stands_in_the_expected_order_with_its_computed_columns(name: str, played: Played) -> None:
    places = {row["path"]: place for place, row in enumerate(rows(name)) if not row.get("phase", 0)}
    wanted = expected(name)["leaderboard"]
    for path in wanted:
        person, made = played.made[name, places[path]]
        assert person.ended(made.id, within=150).status == "Finished"
    phase = played.competitions[name, name].phases[0]
    board = played.made[name, 0][0].client.leaderboard(phase.id)
    order = [played.made[name, places[path]][1].id for path in wanted]
    assert [row.id for row in board.submissions] == order
    assert [row.rank for row in board.submissions] == list(range(1, len(order) + 1))
    for path, shown in zip(wanted, board.submissions, strict=True):
        computed = rows(name)[places[path]].get("computed", {})
        found = {
            score.column_key: float(score.score or "nan") for score in shown.scores if score.column_key in computed
        }
        # Boards round to the precision of the column.
        assert_close(found, computed, max(rows(name)[places[path]]["tolerance"], 1e-3))


def test_a_submission_to_three_tasks_has_three_parts_and_its_answers(played: Played) -> None:
    person, made = played.made["tabular", 0]
    ended = person.ended(made.id, within=150)
    assert ended.has_children
    parts = [person.client.submission(child) for child in ended.children]
    assert [part.task.name for part in parts if part.task] == [task["name"] for task in source_of("tabular")["tasks"]]
    assert {part.parent for part in parts} == {made.id}
    assert person.used_tries(played.competitions["tabular", "tabular"].id) == 1
    details = person.client.details(made.id)
    assert details.fact_sheet_answers == rows("tabular")[0]["fact_sheet_answers"]


def test_detailed_results_are_shown_in_an_origin_of_their_own(played: Played) -> None:
    person, made = played.made["tabular", 1]
    part = person.ended(made.id, within=150).children[0]
    url = person.client.details(part).detailed_result
    assert url
    answer = person.get(url.removeprefix(person.platform.url))
    assert answer.status_code == 200
    assert "<svg" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_fact_sheet_that_is_not_filled_in_is_refused(played: Played) -> None:
    person, _ = played.made["tabular", 0]
    competition = played.competitions["tabular", "tabular"]
    before = person.used_tries(competition.id)
    answers = {"method_name": "", "family": "baseline", "tuned": False}
    with pytest.raises(ApiError, match=r"method_name|Name of the method"):
        person.submit(competition, EXAMPLES / "tabular/solutions/majority", fact_sheet_answers=answers)
    assert person.used_tries(competition.id) == before


@pytest.mark.parametrize(("name", "place"), list(cases()))
def test_by_podium_run(name: str, place: int, environment: Path, tmp_path: Path) -> None:
    row = rows(name)[place]
    terminal = Terminal.of(tmp_path / "terminal", PODIUM_WORKER_DEFAULT_ENVIRONMENT=str(environment))
    bundle = bundle_of(name, variant(name, row), tmp_path / "bundle")
    phase = str(row.get("phase", 0))
    done = terminal.podium(
        "run", str(bundle), str(EXAMPLES / name / row["path"]), "--phase", phase, "--engine", "bubblewrap", "--json"
    )
    answer = json.loads(done.stdout)
    if row["status"] == "Failed":
        assert done.returncode == 1
        causes = {task["failure"]["cause"] for task in answer["tasks"] if task["failure"]}
        assert causes
        assert row.get("cause", next(iter(causes))) in causes
        return
    assert done.returncode == 0, done.stderr
    tasks = {str(task["task"]): task["scores"] for task in answer["tasks"]}
    assert set(tasks) == set(row["scores"])
    for index, scores in row["scores"].items():
        assert_close(tasks[index], scores, row["tolerance"])
        assert set(row.get("present", ())) <= set(tasks[index])
    computed = {cell["key"]: cell["value"] for cell in answer["leaderboard"]["row"] if cell["task"] is None}
    assert_close(computed, row.get("computed", {}), row["tolerance"])

"""Dumps: a competition written as version 2 and read again is the same competition."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.formats.bundle import check_bundle
from podium.formats.dump import to_yaml
from podium.formats.factsheet import Question
from podium.formats.model import (
    Column,
    Competition,
    CompetitionType,
    Computation,
    DatasetRef,
    FileRef,
    Leaderboard,
    Page,
    Phase,
    Solution,
    Sorting,
    SubmissionRule,
    Task,
)
from podium.formats.sections import SWITCHES

from .building import PNG, SCORING_PROGRAM, BundleMaker, zip_bytes
from .test_version1 import YAML as OLD_YAML

FILES: dict[str, bytes | str] = {
    "a logo.png": PNG,
    "pages/yes": "# Terms\n",
    "pages/1.md": "# One\n",
    "program.zip": zip_bytes(SCORING_PROGRAM),
    "programs/one/metadata": "command: python3 score.py\n",
    "programs/one/score.py": "pass\n",
    "data/1e3/x.csv": "1\n",
    "null": zip_bytes({"a": "b"}),
}
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60).map(str.strip)
ODD = st.sampled_from(
    ["yes", "null", "~", "1e3", "0x1F", "12:30", "- a", "a: b", "#x", "'", '"', "*a", "&a", "%a", "=", "<<"]
)
NAME = st.one_of(TEXT.filter(bool), ODD)
LONG = st.one_of(
    st.just(""), NAME, st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200).map("a\n{}\n\tb".format)
)
UUIDS = st.uuids().map(str)
PROGRAM = st.sampled_from([FileRef(path="program.zip"), FileRef(path="programs/one", folder=True)]) | st.builds(
    DatasetRef, key=UUIDS
)
DATA = st.sampled_from([FileRef(path="data/1e3", folder=True), FileRef(path="null")]) | st.builds(DatasetRef, key=UUIDS)
MAYBE_DATA = st.none() | DATA


@st.composite
def boards(draw: st.DrawFn, index: int) -> Leaderboard:
    count = draw(st.integers(1, 4))
    columns = []
    for place in range(count):
        computed = place > 0 and draw(st.booleans())
        operands = draw(st.lists(st.integers(0, place - 1), min_size=1, max_size=3, unique=True)) if computed else []
        columns.append(
            Column(
                index=place,
                key=f"k{place}",
                title=draw(NAME),
                sorting=draw(st.sampled_from(Sorting)),
                computation=draw(st.sampled_from(Computation)) if computed else None,
                computation_indexes=tuple(operands),
                precision=draw(st.integers(0, 17)),
                hidden=draw(st.booleans()),
                group=draw(st.just("") | NAME),
            )
        )
    return Leaderboard(
        index=index,
        key=f"board{index}",
        title=draw(NAME),
        primary_index=draw(st.integers(0, count - 1)),
        hidden=draw(st.booleans()),
        submission_rule=draw(st.sampled_from(SubmissionRule)),
        columns=tuple(columns),
    )


@st.composite
def phases(draw: st.DrawFn, index: int, last: bool, keys: list[str], tasks: int) -> Phase:
    start = datetime(2030 + index, 1, 1, tzinfo=UTC)
    moment = st.datetimes(datetime(2030 + index, 1, 2), datetime(2030 + index, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
    limits = {
        key: draw(st.none() | st.integers(2**20, 2**40)) for key in ("memory_limit", "disk_limit", "output_limit")
    }
    wanted = draw(st.lists(st.integers(0, tasks - 1), min_size=1, max_size=tasks, unique=True))
    return Phase(
        index=index,
        name=draw(NAME),
        description=draw(LONG),
        start=start,
        end=draw(st.none() | moment) if last else draw(moment),
        tasks=tuple(wanted),
        max_submissions_per_day=draw(st.integers(0, 9)),
        max_submissions=draw(st.integers(0, 2**31 - 1)),
        has_max_submissions=draw(st.booleans()),
        execution_time_limit=draw(st.integers(1, 2**31 - 1)),
        cpu_limit=draw(st.none() | st.floats(0.1, 4096)),
        process_limit=draw(st.none() | st.integers(1, 1000)),
        gpus=draw(st.none() | st.integers(0, 8)),
        **{
            key: draw(st.booleans())
            for key in ("network", "hide_output", "hide_prediction_output", "hide_score_output")
        },
        accepts_only_result_submissions=draw(st.booleans()),
        failed_submissions_count=draw(st.booleans()),
        auto_migrate_to_this_phase=draw(st.booleans()) if index else False,
        public_data=draw(MAYBE_DATA),
        starting_kit=draw(MAYBE_DATA),
        leaderboard=draw(st.sampled_from(keys)),
        **limits,
    )


@st.composite
def competitions(draw: st.DrawFn) -> Competition:
    tasks = draw(st.integers(1, 3))
    made_boards = [draw(boards(index)) for index in range(draw(st.integers(1, 2)))]
    keys = [board.key for board in made_boards]
    count = draw(st.integers(1, 3))
    question = Question.model_validate(
        {"key": "q", "type": "select", "title": draw(NAME), "selection": ["", "yes", "1"], "is_required": "false",
         "is_on_leaderboard": "true"}
    )  # fmt: skip
    return Competition(
        version="2",
        title=draw(NAME),
        description=draw(LONG),
        image="a logo.png",
        terms="pages/yes",
        pages=tuple(Page(index=n, title=draw(NAME), file="pages/1.md") for n in range(draw(st.integers(1, 2)))),
        competition_type=draw(st.sampled_from(CompetitionType)),
        queue=draw(st.none() | UUIDS),
        collaborators=tuple(draw(st.lists(NAME, max_size=2))),
        whitelist_emails=tuple(draw(st.lists(NAME, max_size=2))),
        reward=draw(st.none() | NAME),
        report=draw(st.none() | NAME),
        fact_sheet=draw(st.sampled_from([None, {"q": question}])),
        **{key: draw(st.booleans()) for key in SWITCHES},
        tasks=tuple(
            Task(
                index=n,
                name=draw(NAME),
                description=draw(LONG),
                is_public=draw(st.booleans()),
                ingestion_only_during_scoring=draw(st.booleans()),
                scoring_program=draw(PROGRAM),
                ingestion_program=draw(st.none() | PROGRAM),
                input_data=draw(MAYBE_DATA),
                reference_data=draw(MAYBE_DATA),
            )
            for n in range(tasks)
        ),
        solutions=tuple(
            Solution(index=n, tasks=(0,), data=draw(DATA), name=draw(st.just("") | NAME), description=draw(LONG))
            for n in range(draw(st.integers(0, 2)))
        ),
        phases=tuple(draw(phases(n, n == count - 1, keys, tasks)) for n in range(count)),
        leaderboards=tuple(made_boards),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that a made-up competition may name."""
    root = tmp_path_factory.mktemp("dumped")
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(competition=competitions())
def test_any_competition_comes_back_equal(folder: Path, competition: Competition) -> None:
    (folder / "competition.yaml").write_text(to_yaml(competition), encoding="utf-8")
    report = check_bundle(folder)
    assert report.errors == ()
    assert report.competition == competition


def test_what_is_read_dumped_and_read_again_is_the_same(bundle: BundleMaker) -> None:
    first = bundle.check().competition
    assert first is not None
    bundle.yaml = to_yaml(first)
    assert bundle.check().competition == first


def test_an_old_bundle_is_dumped_as_version_2(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = dict.fromkeys(("overview.html", "evaluation.md", "terms.html"), "text")
    files |= {"logo.png": PNG, "program.zip": zip_bytes(SCORING_PROGRAM), "reference.zip": zip_bytes({"a": "b"})}
    old = BundleMaker(tmp_path, OLD_YAML, files)
    first = old.check().competition
    assert first is not None
    old.yaml = to_yaml(first)
    report = old.check()
    assert report.errors == ()
    assert report.competition == first.model_copy(update={"version": "2"})


def test_parallel_phases_and_the_key_of_a_task_come_back(bundle: BundleMaker) -> None:
    key = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    bundle.replace("    max_submissions: 1\n", "    parallel: true\n").replace("start: 2098-02-01", "start: 2030-01-01")
    text = "  - index: 1\n    key: " + key + "\nsolutions:\n"
    bundle.replace("solutions:\n", text)
    first = bundle.check().competition
    assert first is not None
    bundle.yaml = to_yaml(first)
    second = bundle.check().competition
    assert second == first
    facts: Any = (second.tasks[1].key, second.phases[1].parallel)
    assert facts == (key, True)

"""Good bundles: what is read, what the defaults are, and which oddities of real bundles work."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

import pytest

from podium.formats.archives import inspect
from podium.formats.bundle import check_bundle, check_open_bundle, open_bundle
from podium.formats.model import (
    DEFAULT_IMAGE,
    Competition,
    CompetitionType,
    Computation,
    DatasetRef,
    FileRef,
    Sorting,
    SubmissionRule,
)

from .building import BundleMaker, zip_bytes

UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


def good(bundle: BundleMaker) -> Competition:
    """Return the competition of a bundle that must have no fault at all."""
    report = bundle.check()
    assert [str(fault) for fault in report.faults] == []
    assert report.ok
    assert report.competition is not None
    return report.competition


def test_a_good_bundle_is_read_without_a_fault(bundle: BundleMaker) -> None:
    competition = good(bundle)
    assert (competition.version, competition.title) == ("2", "Wheat seeds")
    assert (competition.image, competition.terms) == ("logo.png", "pages/terms.md")
    assert [(page.index, page.title, page.file) for page in competition.pages] == [(0, "Overview", "pages/overview.md")]
    (task,) = competition.tasks
    assert task.input_data == FileRef(path="input_data", folder=True)
    assert task.reference_data == FileRef(path="reference.zip")
    assert [phase.name for phase in competition.phases] == ["Development", "Final"]
    assert competition.phases[0].start == datetime(2024, 1, 1, 12, 30, tzinfo=UTC)
    assert competition.phases[1].end is None
    assert competition.leaderboards[0].score_keys == ("accuracy", "duration")
    assert competition.leaderboard_of(competition.phases[1]).key == "main"
    assert competition.task(0) is task
    assert [kind for kind, _ in competition.parts()] == [
        *["scoring_program", "ingestion_program", "input_data", "reference_data", "solution"]
    ]


def test_what_is_not_given_has_the_documented_default(bundle: BundleMaker) -> None:
    competition = good(bundle)
    assert competition.docker_image == DEFAULT_IMAGE == "codalab/codalab-legacy:py37"
    assert competition.competition_type is CompetitionType.COMPETITION
    off = "registration_auto_approve enable_detailed_results make_programs_available make_input_data_available"
    assert not any(getattr(competition, name) for name in off.split())
    assert not competition.allow_robot_submissions
    assert not competition.published
    on = "show_detailed_results_in_submission_panel show_detailed_results_in_leaderboard auto_run_submissions"
    assert all(getattr(competition, name) for name in on.split())
    assert competition.can_participants_make_submissions_public
    assert competition.forum_enabled
    assert competition.fact_sheet is None
    assert competition.queue is None
    phase, final = competition.phases
    assert (phase.max_submissions_per_day, phase.max_submissions, phase.execution_time_limit) == (5, 100, 600)
    assert (final.max_submissions_per_day, final.max_submissions) == (5, 1)
    assert not phase.hide_output
    assert not phase.accepts_only_result_submissions
    board = competition.leaderboards[0]
    assert (board.submission_rule, board.hidden, board.primary_index) == (SubmissionRule.ADD, False, 0)
    assert (board.columns[0].precision, board.columns[0].hidden, board.columns[0].computation) == (2, False, None)


def test_every_documented_key_is_read(bundle: BundleMaker) -> None:
    extra = f"""\
docker_image: codalab/codalab-legacy:py39
registration_auto_approve: yes
make_programs_available: true
make_input_data_available: True
enable_detailed_results: on
show_detailed_results_in_submission_panel: no
show_detailed_results_in_leaderboard: False
auto_run_submissions: false
can_participants_make_submissions_public: "False"
forum_enabled: 0
allow_robot_submissions: 1
published: true
competition_type: Benchmark
queue: {UUID}
contact_email: olivia@example.org
reward: $1000 prize pool
report: https://example.org/report
collaborators: [ada, sam]
whitelist_emails: [pat@example.org]
"""
    assert isinstance(bundle.yaml, str)
    bundle.yaml += extra
    bundle.replace(
        "    max_submissions: 1\n",
        """\
    description: The last one
    max_submissions: 10
    max_submissions_per_day: 2
    execution_time_limit: 2147483647
    auto_migrate_to_this_phase: True
    hide_output: True
    hide_prediction_output: True
    hide_score_output: True
    accepts_only_result_submissions: True
    failed_submissions_count: true
    has_max_submissions: True
    starting_kit: solution/
    public_data: reference.zip
    leaderboard: main
""",
    )
    competition = good(bundle)
    assert competition.docker_image == "codalab/codalab-legacy:py39"
    on = "registration_auto_approve make_programs_available make_input_data_available enable_detailed_results"
    assert all(getattr(competition, name) for name in [*on.split(), "allow_robot_submissions", "published"])
    off = "show_detailed_results_in_submission_panel show_detailed_results_in_leaderboard auto_run_submissions"
    assert not any(getattr(competition, name) for name in off.split())
    assert not competition.can_participants_make_submissions_public
    assert not competition.forum_enabled
    assert competition.competition_type is CompetitionType.BENCHMARK
    assert (competition.queue, competition.contact_email) == (UUID, "olivia@example.org")
    assert (competition.reward, competition.report) == ("$1000 prize pool", "https://example.org/report")
    assert (competition.collaborators, competition.whitelist_emails) == (("ada", "sam"), ("pat@example.org",))
    final = competition.phases[1]
    assert (final.max_submissions, final.max_submissions_per_day) == (10, 2)
    assert final.execution_time_limit == 2147483647
    assert final.auto_migrate_to_this_phase
    assert final.hide_output
    assert final.hide_prediction_output
    assert final.hide_score_output
    assert final.accepts_only_result_submissions
    assert final.failed_submissions_count
    assert final.starting_kit == FileRef(path="solution", folder=True)
    assert final.public_data == FileRef(path="reference.zip")


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(bundle: BundleMaker) -> None:
    expected = good(bundle)
    assert isinstance(bundle.yaml, str)
    bundle.yaml = b"\xef\xbb\xbf" + bundle.yaml.replace("\n", "\r\n").encode()
    assert good(bundle) == expected


def test_a_file_without_a_last_line_end_in_utf16_is_read(bundle: BundleMaker) -> None:
    expected = good(bundle)
    assert isinstance(bundle.yaml, str)
    bundle.yaml = bundle.yaml.rstrip("\n").encode("utf-16")
    assert good(bundle) == expected


def test_a_bundle_inside_one_folder_is_read_with_a_note(bundle: BundleMaker) -> None:
    expected = good(bundle)
    bundle.files["../__MACOSX/._x"] = "rubbish"
    path = bundle.zip(prefix="my bundle/")
    data = zip_bytes(
        {**{f"my bundle/{n}": c for n, c in bundle.all_files().items() if ".." not in n}, "__MACOSX/._x": ""}
    )
    path.write_bytes(data)
    report = check_bundle(path)
    assert report.faults == ()
    assert report.competition == expected
    assert any('"my bundle"' in note for note in report.notes)
    assert any("__MACOSX" in note for note in report.notes)


def test_a_folder_around_the_bundles_folder_is_accepted_too(bundle: BundleMaker) -> None:
    expected = good(bundle)
    bundle.folder("outer/inner")
    report = check_bundle(bundle.where / "outer")
    assert report.competition == expected
    assert report.notes == ('The bundle is inside the folder "inner".',)


def test_zero_and_empty_limits_mean_no_limit(bundle: BundleMaker) -> None:
    bundle.replace("    max_submissions: 1\n", "    max_submissions: 0\n    max_submissions_per_day:\n")
    development, final = good(bundle).phases
    assert (final.max_submissions, final.max_submissions_per_day) == (0, 0)
    assert not final.limited
    assert development.limited


def test_dates_in_every_style_are_read(bundle: BundleMaker) -> None:
    bundle.replace("start: 2024-01-01 12:30:00", "start: 8-27-2019")
    bundle.replace("end: 2098-01-01 00:00:00", "end: 2098-01-01T02:00:00.5+02:00")
    bundle.replace("start: 2098-02-01", "start: '2098-2-1'")
    development, final = good(bundle).phases
    assert development.start == datetime(2019, 8, 27, tzinfo=UTC)
    assert development.end == datetime(2098, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    assert final.start == datetime(2098, 2, 1, tzinfo=UTC)


def test_a_phase_may_start_at_the_instant_at_which_the_one_before_ends(bundle: BundleMaker) -> None:
    bundle.replace("start: 2098-02-01", "start: 2098-01-01")
    assert len(good(bundle).phases) == 2


def test_phases_are_put_in_the_order_of_their_indexes_and_numbered_from_zero(bundle: BundleMaker) -> None:
    bundle.replace("- index: 0\n    name: Development", "- index: 7\n    name: Later")
    bundle.replace("start: 2024-01-01 12:30:00", "start: 2098-03-01").replace("    end: 2098-01-01 00:00:00\n", "")
    bundle.replace("- index: 1\n    name: Final", "- index: 3\n    name: Earlier")
    bundle.replace("start: 2098-02-01", "start: 2098-02-01\n    end: 2098-02-02")
    assert [(phase.index, phase.name) for phase in good(bundle).phases] == [(0, "Earlier"), (1, "Later")]


def test_phases_without_any_index_keep_the_order_of_the_file(bundle: BundleMaker) -> None:
    bundle.replace("- index: 0\n    name: Development", "- name: Development")
    bundle.replace("- index: 1\n    name: Final", "- name: Final")
    assert [(phase.index, phase.name) for phase in good(bundle).phases] == [(0, "Development"), (1, "Final")]


def test_leaderboard_in_the_singular_and_without_a_list_is_accepted(bundle: BundleMaker) -> None:
    bundle.replace("leaderboards:\n  - title: Results\n", "leaderboard:\n    title: Results\n")
    assert good(bundle).leaderboards[0].title == "Results"


def test_columns_without_sorting_rank_large_scores_first(bundle: BundleMaker) -> None:
    bundle.replace("        sorting: desc\n", "")
    assert good(bundle).leaderboards[0].columns[0].sorting is Sorting.DESC


def test_a_computed_column_and_a_null_computation_are_read(bundle: BundleMaker) -> None:
    bundle.replace("        sorting: asc\n", "        sorting: asc\n        computation: null\n")
    assert isinstance(bundle.yaml, str)
    bundle.yaml += """\
      - title: Mean
        key: Mean Score
        index: 2
        computation: AVG
        computation_indexes: [0, 1]
      - title: Largest
        key: largest
        index: 3
        computation: max
        computation_indexes: "0,1"
"""
    columns = good(bundle).leaderboards[0].columns
    assert columns[1].computation is None
    assert (columns[2].computation, columns[2].computation_indexes) == (Computation.AVG, (0, 1))
    assert columns[2].key == "Mean Score"
    assert columns[3].computation_indexes == (0, 1)


def test_a_phase_names_its_board_among_several(bundle: BundleMaker) -> None:
    assert isinstance(bundle.yaml, str)
    bundle.yaml += """\
  - title: Second
    key: second
    submission_rule: force_best
    primary_index: 4
    hidden: true
    columns: [{title: Score, key: score, index: 4}]
"""
    bundle.replace("    max_submissions: 1\n", "    leaderboard: second\n")
    competition = good(bundle)
    assert [phase.leaderboard for phase in competition.phases] == ["main", "second"]
    second = competition.leaderboard_of(competition.phases[1])
    assert (second.submission_rule, second.primary_index, second.hidden) == (SubmissionRule.FORCE_BEST, 4, True)


def test_datasets_tasks_and_solutions_of_the_platform_are_kept_by_key(bundle: BundleMaker) -> None:
    bundle.replace("input_data: input_data/", f"input_data: {UUID}")
    bundle.replace("solutions:\n", f"  - index: 1\n    key: {UUID.upper()}\nsolutions:\n")
    bundle.replace("max_submissions: 1\n    tasks: [0]", "max_submissions: 1\n    tasks: [0, 1]")
    bundle.replace("path: solution/", f"key: {UUID}")
    competition = good(bundle)
    assert competition.tasks[0].input_data == DatasetRef(key=UUID)
    assert competition.tasks[1].key == UUID
    assert competition.solutions[0].data == DatasetRef(key=UUID)


def test_a_file_named_like_a_key_is_the_file(bundle: BundleMaker) -> None:
    bundle.files[UUID] = zip_bytes({"a": "x"})
    bundle.replace("input_data: input_data/", f"input_data: {UUID}")
    assert good(bundle).tasks[0].input_data == FileRef(path=UUID)


def test_no_solutions_are_no_fault(bundle: BundleMaker) -> None:
    bundle.replace("solutions:\n  - index: 0\n    tasks: [0]\n    path: solution/\n", "solutions: []\n")
    assert good(bundle).solutions == ()


def test_a_task_without_ingestion_input_or_reference_is_fine(bundle: BundleMaker) -> None:
    for line in ("input_data: input_data/", "reference_data: reference.zip", "ingestion_program: ingestion_program/"):
        bundle.replace(f"    {line}\n", "")
    assert good(bundle).tasks[0].ingestion_program is None


def test_a_merge_key_and_an_alias_are_read(bundle: BundleMaker) -> None:
    bundle.replace("- index: 0\n    name: Development", "- &base\n    index: 0\n    name: Development")
    bundle.replace("- index: 1\n    name: Final", "- <<: *base\n    index: 1\n    end:\n    name: Final")
    assert [phase.tasks for phase in good(bundle).phases] == [(0,), (0,)]


def test_a_fact_sheet_is_read(bundle: BundleMaker) -> None:
    assert isinstance(bundle.yaml, str)
    bundle.yaml += """\
fact_sheet: {
    "method": {"key": "method", "type": "text", "title": "Method", "selection": "", "is_required": "true",
               "is_on_leaderboard": "true"},
    "gpu": {"key": "gpu", "type": "checkbox", "title": "GPU", "selection": [True, False], "is_required": "false",
            "is_on_leaderboard": false},
    "kind": {"key": "kind", "type": "select", "title": "Kind", "selection": ["", "v1", 2], "is_required": "false",
             "is_on_leaderboard": "false"},
}
"""
    sheet = good(bundle).fact_sheet
    assert sheet is not None
    assert list(sheet) == ["method", "gpu", "kind"]
    assert sheet["method"].is_required
    assert sheet["kind"].selection == ("", "v1", 2)


def test_an_empty_fact_sheet_is_none(bundle: BundleMaker) -> None:
    bundle.replace("description: Tell the sorts of wheat apart\n", "fact_sheet: {}\n")
    assert good(bundle).fact_sheet is None


def test_a_scoring_program_inside_a_wrapper_folder_of_its_zip_is_found(bundle: BundleMaker) -> None:
    files = {"program/metadata": "command: python3 score.py", "program/score.py": "", "__MACOSX/program/._x": ""}
    bundle.files["scoring_program.zip"] = zip_bytes(files)
    good(bundle)


def test_files_whose_names_differ_only_in_case_live_together(bundle: BundleMaker) -> None:
    bundle.files |= {"README.md": "a", "readme.md": "b"}
    good(bundle)


def test_paths_are_cleaned(bundle: BundleMaker) -> None:
    bundle.replace("image: logo.png", "image: ./logo.png").replace("path: solution/", "path: ./solution//")
    competition = good(bundle)
    assert competition.image == "logo.png"
    assert competition.solutions[0].data == FileRef(path="solution", folder=True)


def test_a_folder_part_comes_out_as_a_zip_with_its_content_at_the_root(bundle: BundleMaker) -> None:
    bundle.files |= {"input_data/deep/b.csv": "2", "input_data/run.sh": "#!"}
    for source in (bundle.zip(), bundle.folder()):
        with open_bundle(source) as opened:
            report = check_open_bundle(opened)
            assert report.competition is not None
            part = report.competition.tasks[0].input_data
            assert isinstance(part, FileRef)
            buffer = io.BytesIO()
            opened.extract_part(part.path, buffer)
        with zipfile.ZipFile(buffer) as archive:
            assert archive.testzip() is None
            content = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        assert content == {"train.csv": b"1,2\n", "deep/b.csv": b"2", "run.sh": b"#!"}
        assert inspect(buffer).top_folder is None


def test_a_zip_part_comes_out_as_it_is(bundle: BundleMaker) -> None:
    for source in (bundle.zip(), bundle.folder()):
        with open_bundle(source) as opened:
            buffer = io.BytesIO()
            opened.extract_part("reference.zip", buffer)
        assert buffer.getvalue() == bundle.files["reference.zip"]


def test_pages_are_read_as_text_whatever_their_encoding(bundle: BundleMaker) -> None:
    bundle.files["pages/overview.md"] = "# Übersicht\r\n".encode()
    bundle.files["pages/terms.md"] = "Gebühr\n".encode("cp1252")
    for source in (bundle.zip(), bundle.folder()):
        with open_bundle(source) as opened:
            assert opened.read_text("pages/overview.md") == "# Übersicht\n"
            assert opened.read_text("pages/terms.md") == "Gebühr\n"
    fault = bundle.fault("not_utf8")
    assert (fault.severity, fault.line) == ("warning", bundle.line_of("terms: pages/terms.md"))


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [
        ("2000000", 2_000_000),
        ("8 GB", 8 * 10**9),
        ("8gb", 8 * 10**9),
        ("1.5 GiB", 3 * 2**29),
        ('"512 MiB"', 512 * 2**20),
        ("1 TiB", 2**40),
        ("4000 kB", 4_000_000),
    ],
)
def test_a_size_is_written_with_or_without_a_unit(bundle: BundleMaker, written: str, bytes_: int) -> None:
    bundle.replace("    max_submissions: 1\n", f"    memory_limit: {written}\n")
    assert good(bundle).phases[1].memory_limit == bytes_


def test_a_phase_asks_for_what_its_steps_need_and_else_for_nothing(bundle: BundleMaker) -> None:
    bundle.replace(
        "    max_submissions: 1\n",
        "    cpu_limit: 1.5\n    process_limit: 64\n    gpus: 0\n    network: true\n    shared_memory_limit: 1 GiB\n",
    )
    silent, asking = good(bundle).phases
    assert (asking.cpu_limit, asking.process_limit, asking.gpus, asking.network) == (1.5, 64, 0, True)
    assert asking.shared_memory_limit == 2**30
    assert (silent.memory_limit, silent.disk_limit, silent.output_limit, silent.gpus) == (None, None, None, None)
    assert (silent.cpu_limit, silent.process_limit, silent.network) == (None, None, False)

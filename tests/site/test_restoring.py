"""Restoring: what comes out of an archive went in, nobody is taken for somebody, bad archives leave nothing."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.test import Client

from podium.formats.competition_archive import BadArchiveError, open_competition_archive
from podium.formats.competition_archive.kinds import member_of
from podium.site.accounts.models import User
from podium.site.archives import restoring
from podium.site.competitions.models import Competition, Phase
from podium.site.evaluation.models import Attempt, Run, Submission, TryEntry
from podium.site.evaluation.services import attempts
from podium.site.evaluation.tries import tries
from podium.site.leaderboards import queries as boards
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset, StoredFile, Task, TaskVersion
from tests.factories import PASSWORD, UserFactory, dataset
from tests.site.acting import WorkerDouble, files_in, phase_of, submit
from tests.site.test_archives import archived, rich, rows_of

__all__ = ["rich"]

pytestmark = pytest.mark.django_db(transaction=True)


def restored(path: Path, **options: Any) -> restoring.Restored:
    """Restore an archive."""
    with open_competition_archive(path) as archive:
        return restoring.restore(archive=archive, **options)


def digests(path: Path) -> dict[str, str]:
    """The digest of every member but the people and the manifest: equal where two competitions are equal."""
    with open_competition_archive(path) as archive:
        return {name: facts.sha256 for name, facts in archive.manifest.members.items() if "people" not in name}


def board_of(phase: Phase, user: User) -> list[tuple[Any, ...]]:
    """What the board of a phase shows, with exact scores."""
    shown = boards.board(phase, user)
    assert shown is not None
    return [
        (row.rank, [(cell.value, cell.text) for cell in row.cells], row.facts, row.created_when) for row in shown.rows
    ]


def test_what_is_restored_archives_to_the_same_and_takes_nobody_for_somebody(
    rich: Competition, olivia: User, pat: User, ada: User, tmp_path: Path
) -> None:
    path = Path(archived(rich, olivia).rename(tmp_path / "first.zip"))
    before, board = rows_of(path), board_of(phase_of(rich), ada)
    made = restored(path)
    again = archived(made.competition, ada)
    assert digests(again) == digests(path)
    phase = phase_of(made.competition)
    assert board_of(phase, ada) == board
    assert made.warnings == []
    assert made.interrupted == 0
    assert (made.competition.published, made.competition.queue) == (False, None)
    assert made.competition.secret_key != rich.secret_key
    twin = made.people["pat"]
    assert (twin.username, twin.email, twin.is_active, twin.has_usable_password()) == ("pat-2", None, False, False)
    assert (tries(twin, phase).used_total, tries(twin, phase).left_total) == (
        tries(pat, phase_of(rich)).used_total,
        tries(pat, phase_of(rich)).left_total,
    )
    assert pat.submissions.filter(phase__competition=made.competition).count() == 0
    assert not Client().login(username="pat-2", password=PASSWORD)
    assert Run.objects.filter(state="queued").count() == 0
    names = [row["username"] for row in rows_of(again)["people"]]
    assert names == [f"{row['username']}-2" for row in before["people"]]
    assert not Dataset.objects.filter(created_by__username__endswith="-2", is_public=True).exists()


def test_two_files_of_one_content_are_restored_both(
    make_competition: Callable[..., Competition], olivia: User, ada: User, files: Path
) -> None:
    competition = make_competition(ingestion=True)
    version = competition.phases.get().tasks.get().versions.get()
    twin = dataset(olivia, (files / version.reference_data.data_file.key).read_bytes(), type="input_data")
    TaskVersion.objects.filter(pk=version.pk).update(input_data=twin)
    path = archived(competition, olivia)
    made = restored(path).competition.phases.get().tasks.get().versions.get()
    assert made.input_data.data_file.sha256 == made.reference_data.data_file.sha256 == twin.data_file.sha256


def test_a_restored_submission_can_be_deleted_and_the_others_keep_their_files(
    rich: Competition, olivia: User, ada: User, files: Path
) -> None:
    from podium.site.evaluation.services import deletion  # noqa: PLC0415

    made = restored(archived(rich, olivia))
    mine = Submission.objects.filter(phase__competition=made.competition, parent=None, data__isnull=False)
    one, other = mine.order_by("pk")[0], mine.order_by("pk")[1]
    deletion.delete(submission=one, by=ada)
    assert (files / other.data.data_file.key).exists()
    archived(made.competition, ada)
    archived(rich, ada)


def test_the_table_of_people_decides_who_is_who_and_nothing_else_does(
    rich: Competition, olivia: User, pat: User, ada: User, tmp_path: Path
) -> None:
    EmailAddress.objects.create(user=pat, email="pat@example.org", verified=True)
    User.objects.filter(username="sam").update(is_superuser=True)
    EmailAddress.objects.create(user=User.objects.get(username="sam"), email="sam@example.org", verified=True)
    User.objects.filter(username="pia").update(display_name="=1+1")
    path, table, out = archived(rich, olivia), tmp_path / "users.csv", io.StringIO()
    call_command("restore_archive", str(path), "--write-users", str(table), stdout=out)
    assert "4 people, 1 of them with an account" in out.getvalue()
    proposed = dict(line.split(",")[::3] for line in table.read_text().splitlines()[1:])
    assert proposed == {"olivia": "", "pat": "pat", "sam": "", "pia": ""}, "no administrator, nobody unconfirmed"
    assert "pia,pia@example.org,'=1+1," in table.read_text()
    call_command("restore_archive", str(path), "--users", str(table), "--owner", "ada", stdout=out)
    made = Competition.objects.latest("pk")
    assert made.created_by == ada
    assert pat.submissions.filter(phase__competition=made).exists()
    assert Task.objects.filter(phases__competition=made, created_by=ada).count() == 4
    assert "sam is sam-2 here" in out.getvalue()
    for text, reason in {
        "archived,username\npat,nobody\n": 'line 2: there is no account "nobody"',
        "archived,username\npat,pat\npat,ada\n": 'line 3: "pat" stands there twice',
        "archived,username\npat,pat\npia,pat\n": '"pat" is named for two people',
        "archived,username\neve,pat\n": 'There is no "eve" in the archive',
        "user\n": "line 1: the columns archived and username",
    }.items():
        table.write_text(text)
        with pytest.raises(CommandError, match=reason):
            call_command("restore_archive", str(path), "--users", str(table))
    with pytest.raises(CommandError, match="no account"):
        call_command("restore_archive", str(path), "--owner", "eve")


def test_what_was_under_way_has_failed_what_was_held_is_held_and_nothing_starts(
    competition: Competition, olivia: User, pat: User, queue: Queue
) -> None:
    worker = WorkerDouble(queue)
    running, waiting = submit(pat, competition), submit(pat, competition)
    job = worker.job()
    worker.beat(job)
    Competition.objects.update(auto_run_submissions=False)
    held = submit(pat, competition)
    path = archived(competition, olivia)
    made = restored(path, users={"pat": pat})
    assert made.interrupted == 2
    twins = list(Submission.objects.filter(phase__competition=made.competition).order_by("pk"))
    assert [one.status for one in twins] == ["Failed", "Failed", "Submitting"]
    assert {(one.cause, one.fault) for one in twins[:2]} == {("platform", "platform")}
    assert "evaluate it again" in twins[0].status_details
    assert TryEntry.objects.filter(phase__competition=made.competition, amount=-1).count() == 2
    assert [run.state for run in Run.objects.filter(submission__in=twins)] == ["cancelled", "cancelled"]
    assert [each.state for each in Attempt.objects.filter(run__submission__in=twins)] == ["cancelled"]
    originals = [Submission.objects.get(pk=one.pk).status for one in (running, waiting, held)]
    assert originals == ["Scoring", "Submitted", "Submitting"], "the archived competition goes on"
    assert attempts.sweep() == 0
    rerun = restored(path)
    assert rerun.competition.pk != made.competition.pk, "twice makes two"


Alter = Callable[[dict[str, bytes]], None]


def altered(
    path: Path, target: Path, alter: Alter, *, sealed: bool = True, compression: int = zipfile.ZIP_STORED
) -> Path:
    """A copy of an archive whose members are changed; sealed: with digests that fit again."""
    with zipfile.ZipFile(path) as source:
        members = {name: source.read(name) for name in source.namelist()}
    alter(members)
    if sealed and "manifest.json" in members:
        manifest = json.loads(members["manifest.json"])
        for name, facts in manifest["members"].items():
            if name in members:
                text = members[name]
                facts.update(size=len(text), sha256=hashlib.sha256(text).hexdigest())
                facts.update({"rows": text.count(b"\n")} if "rows" in facts else {})
        members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(target, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return target


def row_with(kind: str, line: int, **values: Any) -> Alter:
    """Change a row."""

    def alter(members: dict[str, bytes]) -> None:
        lines = members[member_of(kind)].splitlines()
        row = json.loads(lines[line - 1]) | values
        lines[line - 1] = json.dumps({name: value for name, value in row.items() if value is not ...}).encode()
        members[member_of(kind)] = b"\n".join(lines) + b"\n"

    return alter


def text_for(kind: str, old: bytes, new: bytes) -> Alter:
    def alter(members: dict[str, bytes]) -> None:
        assert old in members[member_of(kind)]
        members[member_of(kind)] = members[member_of(kind)].replace(old, new, 1)

    return alter


def again(kind: str) -> Alter:
    """Write the first row a second time, under a number that fits."""

    def alter(members: dict[str, bytes]) -> None:
        lines = members[member_of(kind)].splitlines()
        lines.append(json.dumps(json.loads(lines[0]) | {"id": len(lines) + 1}).encode())
        members[member_of(kind)] = b"\n".join(lines) + b"\n"

    return alter


def manifest_with(**values: Any) -> Alter:
    def alter(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | values).encode()

    return alter


def a_file(members: dict[str, bytes]) -> str:
    return next(name for name in members if name.startswith("files/"))


def damaged_file(members: dict[str, bytes]) -> None:
    members[a_file(members)] = members[a_file(members)][:-1] + b"!"


def missing_file(members: dict[str, bytes]) -> None:
    del members[a_file(members)]


BAD: dict[str, tuple[Alter, str]] = {
    "a file that is damaged": (damaged_file, "is damaged: its content is not what rows/files.jsonl says"),
    "a file that is missing": (missing_file, r'"files/\w+" is missing'),
    "a member too many": (lambda members: members.update({"more.txt": b""}), '"more.txt" does not belong'),
    "a missing member": (lambda members: members.pop("rows/scores.jsonl"), '"rows/scores.jsonl" is missing'),
    "no manifest": (lambda members: members.pop("manifest.json"), "manifest.json is missing"),
    "an absolute path": (lambda members: members.update({"/etc/passwd": b""}), "is an absolute path"),
    "a parent path": (lambda members: members.update({"../up": b""}), "leads out of the archive"),
    "another format": (manifest_with(format="zip"), "not an archive of a competition"),
    "an unknown version": (manifest_with(version=7), 'has version "7"; this Podium reads version 1'),
    "a manifest without digests": (manifest_with(members={}), "rows/people.jsonl is not listed"),
    "a row that refers to nothing": (
        row_with("scores", 1, submission=999),
        '^rows/scores.jsonl, line 1: "submission" refers to nothing: there is no "999" among submissions',
    ),
    "a child before its parent": (row_with("submissions", 1, parent=3), 'line 1: "parent" must refer to an earlier'),
    "a duplicate id": (row_with("scores", 2, id=1), 'scores.jsonl, line 2: "id" must be 2'),
    "a missing field": (row_with("pages", 1, title=...), 'pages.jsonl, line 1: "title" is missing'),
    "an unknown field": (row_with("people", 1, password="x"), 'people.jsonl, line 1: there is no field "password"'),
    "a number that is none": (
        text_for("scores", b'"value":0.1', b'"value":NaN'), "scores.jsonl, line .*NaN is no number"
    ),
    "a number without end": (
        text_for("scores", b'"value":0.1', b'"value":1e999'), 'scores.jsonl, line .*"value" must be a finite number'
    ),
    "a wrong type": (row_with("phases", 1, network="no"), 'phases.jsonl, line 1: "network" must be true or false'),
    "a NUL": (row_with("pages", 1, content="a\0b"), 'pages.jsonl, line 1: "content" holds a NUL'),
    "half a character": (
        text_for("pages", b'"title":"', b'"title":"\\ud800'), 'pages.jsonl, line 1: "title" is not valid Unicode'
    ),
    "no JSON": (text_for("tasks", b"{", b"["), "tasks.jsonl, line 1: it is not JSON"),
    "deep JSON": (
        text_for("competition", b'"fact_sheet":{', b'"fact_sheet":' + b"[" * 100_000 + b"{"),
        "competition.jsonl, line 1: it is not JSON",
    ),
    "an unknown word": (row_with("submissions", 1, status="Won"), 'submissions.jsonl, line 1: "status": .*not a valid'),
    "a text too long": (row_with("columns", 1, key="k" * 65), 'columns.jsonl, line 1: "key": .*at most 64'),
    "a number too small": (row_with("phases", 1, gpus=-1), 'phases.jsonl, line 1: "gpus": .*greater than or equal'),
    "a row that contradicts itself": (
        row_with("phases", 1, end="1999-01-01T00:00:00+00:00"), "phases.jsonl, lines 1 to 2: a row contradicts"
    ),
    "the same score twice": (again("scores"), "scores.jsonl, lines 1 to .*: a row contradicts another"),
    "the same name twice": (row_with("people", 2, username="olivia"), "a user name occurs twice"),
    "a log that is none": (row_with("attempts", 1, log_ends={"stdout": 9}), 'attempts.jsonl, line 1: "log_ends"'),
    "a place that is none": (row_with("standings", 1, place="zz"), 'standings.jsonl, line 1: "place"'),
    "a task of several on a board": (row_with("entries", 1, submission=2), "entries.jsonl, line 1: One of several"),
}  # fmt: skip


def test_a_bad_archive_is_refused_by_member_and_line_and_leaves_nothing(
    rich: Competition, olivia: User, files: Path, tmp_path: Path
) -> None:
    path = archived(rich, olivia)
    before = (files_in(files), _counts())
    target = tmp_path / "bad.zip"
    told = {}
    for what, (alter, reason) in BAD.items():
        altered(path, target, alter)
        with pytest.raises(BadArchiveError, match=reason) as refused:
            restored(target)
        told[what] = str(refused.value)
        assert (files_in(files), _counts()) == before, what
    assert len(set(told.values())) == len(BAD)
    for what, alter in {"a page": text_for("pages", b"Overview", b"Overviex"), "a file": damaged_file}.items():
        altered(path, target, alter, sealed=False)
        with pytest.raises(BadArchiveError, match="is damaged"):
            restored(target)
        assert (files_in(files), _counts()) == before, what


def test_an_archive_of_before_is_read_without_the_fields_that_came_later(
    rich: Competition, olivia: User, ada: User, tmp_path: Path
) -> None:
    def without_them(members: dict[str, bytes]) -> None:
        for line in range(1, members["rows/submissions.jsonl"].count(b"\n") + 1):
            row_with("submissions", line, original_when=...)(members)

    made = restored(altered(archived(rich, olivia), tmp_path / "before.zip", without_them))
    rerun = Submission.objects.get(phase__competition=made.competition, original__isnull=False)
    assert rerun.submitted_when == rerun.created_when, "what they did not say is not made up"
    assert len(board_of(phase_of(made.competition), ada)) == len(board_of(phase_of(rich), ada))


def _counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Competition, User, Submission, StoredFile, Dataset, Task))


def test_five_gigabytes_of_zeros_are_refused_by_the_directory_alone(tmp_path: Path) -> None:
    path = tmp_path / "zeros.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("manifest.json", "{}")
        with made.open("files/zeros", "w", force_zip64=True) as member:
            for _ in range(600):
                member.write(bytes(2**20))
    with pytest.raises(BadArchiveError, match="times its size"), open_competition_archive(path):
        pass
    with pytest.raises(BadArchiveError, match="the limit is"), open_competition_archive(path, max_bytes=2**20):
        pass


def test_a_taken_name_gets_a_number_and_a_bad_one_another_name(db: None) -> None:
    from podium.site.accounts.services import create_placeholder  # noqa: PLC0415

    UserFactory(username="Pat")
    assert create_placeholder(username="pat", display_name="").username == "pat-2"
    assert create_placeholder(username="pat", display_name="").username == "pat-3"
    assert create_placeholder(username="pat@example.org", display_name="").username == "person"
    long = create_placeholder(username="x" * 50, display_name="y" * 60)
    assert len(create_placeholder(username="x" * 50, display_name="").username) <= 50
    assert long.display_name == "y" * 50

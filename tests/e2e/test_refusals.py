"""Hostile archives, programs that want too much and what programs are told, as those meet it who submit."""

from __future__ import annotations

import re
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.client import Competition
from podium.client.errors import ApiError, CreationFailedError

from . import bundles
from .people import Person
from .running import Platform

pytestmark = [pytest.mark.slow, pytest.mark.bwrap, pytest.mark.xdist_group("e2e-embedded")]

Compete = Callable[..., Competition]
FLOODED = "import os\nwhile True: os.write(1, b'x' * 65536)\n"
FILLING = "import sys\nfile = open(sys.argv[1] + '/big', 'wb')\nwhile True: file.write(bytes(2**20)); file.flush()\n"
HUNGRY = "print('before the limit', flush=True)\ndata = bytearray(2**30)\nprint(len(data))\n"


def zipped(path: Path, *entries: tuple[str, bytes], mode: int = 0o644) -> Path:
    """A zip of entries whose names may repeat."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore", UserWarning)
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def link(folder: Path) -> Path:
    return zipped(folder / "link.zip", ("data/link", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777)


def zeros(folder: Path) -> Path:
    """Five gigabytes of zeros in five megabytes."""
    path = folder / "zeros.zip"
    block = bytes(10 * 2**20)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("answer.txt", "w", force_zip64=True) as member,
    ):
        for _ in range(480):
            member.write(block)
    assert path.stat().st_size < 5 * 10**6 + 2**20
    return path


def entries(folder: Path) -> Path:
    """More entries than an archive may have."""
    path = folder / "entries.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(100_001):
            archive.writestr(f"{number}", b"")
    return path


REFUSED = {
    "link": (link, r'"data/link" is a symbolic link'),
    "zeros": (zeros, r"would unpack to 5\.0 GB"),
    "entries": (entries, r"100,000"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_hostile_submission_is_refused_by_name_and_costs_nothing(
    kind: str, compete: Compete, pat: Person, tmp_path: Path
) -> None:
    make, told = REFUSED[kind]
    competition = compete()
    with pytest.raises(ApiError, match=told):
        pat.submit(competition, make(tmp_path))
    assert pat.used_tries(competition.id) == 0
    assert not pat.client.submissions(competition=competition.id).all()


@pytest.mark.parametrize("kind", REFUSED)
def test_a_hostile_bundle_is_refused_by_name_and_leaves_no_competition(
    kind: str, olivia: Person, tmp_path: Path
) -> None:
    make, told = REFUSED[kind]
    before = olivia.client.competitions(mine=True).all()
    with pytest.raises(CreationFailedError) as refused:
        olivia.client.wait_for_competition(olivia.client.upload_bundle(make(tmp_path)), timeout=60)
    assert [fault for fault in refused.value.faults if re.search(told, fault)], refused.value.faults
    assert olivia.client.competitions(mine=True).all() == before


def test_of_two_members_of_one_name_the_last_is_scored(compete: Compete, pat: Person, tmp_path: Path) -> None:
    competition = compete()
    made = pat.submit(competition, zipped(tmp_path / "two.zip", ("answer.txt", b"0.25"), ("answer.txt", b"0.75")))
    ended = pat.ended(made.id)
    assert [float(score.score or "nan") for score in ended.scores] == [0.75], ended


def test_a_folder_around_a_submission_is_seen_through(compete: Compete, pat: Person, tmp_path: Path) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN)
    files = {
        "metadata": "",
        "mark": "a-mark",
        "main.py": "import sys\nopen(sys.argv[1] + '/answer.txt', 'w').write('0.5')\n",
    }
    wrapped = [(f"my model/{name}", text.encode()) for name, text in files.items()]
    made = pat.submit(
        competition, zipped(tmp_path / "wrapped.zip", *wrapped, ("__MACOSX/my model/._main.py", b"rubbish"))
    )
    ended = pat.ended(made.id)
    assert [float(score.score or "nan") for score in ended.scores] == [0.5], (ended, pat.log(made.id))


@pytest.mark.parametrize(
    ("limits", "program", "cause", "limit"),
    [
        ({"memory_limit": "100 MiB"}, HUNGRY, "memory_limit", "105 MB"),
        ({"disk_limit": "20 MB"}, FILLING, "disk_limit", "20 MB"),
        ({"output_limit": "1 MiB"}, FLOODED, "output_limit", "1.05 MB"),
    ],
    ids=["memory", "disk", "output"],
)
def test_who_goes_beyond_a_limit_of_the_phase_is_told_which(  # noqa: PLR0917 - fixtures
    limits: dict[str, str],
    program: str,
    cause: str,
    limit: str,
    compete: Compete,
    pat: Person,
    platform: Platform,
    tmp_path: Path,
) -> None:
    competition = compete(ingestion=bundles.RUNS_MAIN, phase=limits)
    mine = bundles.write(tmp_path / "mine", {"metadata": "", "mark": "a-mark", "main.py": program})
    ended = pat.ended(pat.submit(competition, mine).id)
    facts = pat.facts(ended.id)
    assert (ended.status, facts["cause"], facts["fault"], facts["failed_step"]) == (
        "Failed",
        cause,
        "participant",
        "prediction",
    ), pat.log(ended.id)
    assert facts["limit"] == limit
    log = pat.log(ended.id)
    assert cause != "memory_limit" or "before the limit" in log
    assert cause != "output_limit" or log.rstrip().endswith("[output truncated at 1 MiB]")


def test_a_program_reaches_no_network(compete: Compete, pat: Person, platform: Platform, tmp_path: Path) -> None:
    """It asks for the site itself, which answers this test at the same address."""
    assert pat.get("/api/").status_code < 500
    competition = compete(ingestion=bundles.RUNS_MAIN)
    asks = (
        "import socket, sys\n"
        f"host, port = {platform.url.rpartition('/')[2].rpartition(':')[0]!r}, {int(platform.url.rpartition(':')[2])}\n"
        "try:\n    socket.create_connection((host, port), timeout=5)\n"
        "except OSError as error:\n    print('no network:', error)\n"
        "else:\n    print('the site answers')\n"
        "open(sys.argv[1] + '/answer.txt', 'w').write('1')\n"
    )
    mine = bundles.write(tmp_path / "mine", {"metadata": "", "mark": "a-mark", "main.py": asks})
    made = pat.submit(competition, mine)
    assert pat.ended(made.id).status == "Finished"
    assert "no network:" in pat.log(made.id)
    assert "the site answers" not in pat.log(made.id)


def test_a_submission_is_run_on_the_tasks_that_were_chosen(compete: Compete, pat: Person, tmp_path: Path) -> None:
    tasks = [{"index": n, "name": f"Task {n}", "scoring_program": "scoring_program"} for n in range(3)]
    competition = compete(tasks=tasks, phase={"tasks": [0, 1, 2]})
    (phase,) = competition.phases
    chosen = [task.id for task in phase.tasks if task.name != "Task 1"]
    made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "0.5"}), tasks=chosen)
    assert pat.ended(made.id).status == "Finished"
    parts = [pat.facts(part)["task"]["name"] for part in pat.client.submission(made.id).children]
    assert sorted(parts) == ["Task 0", "Task 2"]


TELLS = {
    "metadata": "command: python3 $program/score.py $input $output\n",
    "score.py": (
        "import os, sys\n"
        "given, output = sys.argv[1:]\n"
        "facts = dict(line.split(': ', 1) for line in open(given + '/metadata').read().splitlines())\n"
        "found = [top for top, _, files in os.walk(given + '/history') if 'scores.txt' in files]\n"
        "print(facts['submitted-by'], 'has', len(found), 'before')\n"
        "earlier = [float(open(top + '/scores.txt').readline().split(':')[1]) for top in found]\n"
        "answer = float(open(given + '/res/answer.txt').read())\n"
        "open(output + '/scores.txt', 'w').write('score: %s\\n' % (answer + sum(earlier)))\n"
    ),
}
"""Adds up what somebody got before."""


def test_a_scoring_program_of_codalab_reads_who_submits_and_what_they_got_before(
    compete: Compete, pat: Person, olivia: Person, tmp_path: Path
) -> None:
    competition = compete(scorer=TELLS, history=True)
    for who, answer, wanted in ((pat, "1", 1), (olivia, "32", 32), (pat, "2", 3), (pat, "4", 8)):
        made = who.submit(competition, bundles.write(tmp_path / answer, {"answer.txt": answer}))
        assert [float(score.score or "nan") for score in who.ended(made.id).scores] == [wanted]
    assert '"pat" has 2 before' in olivia.log(made.id)


def test_a_queue_that_is_deleted_sends_what_waits_in_it_to_the_default_queue(
    compete: Compete, pat: Person, olivia: Person, tmp_path: Path
) -> None:
    """Nobody serves the queue, so what is submitted waits until it goes."""
    lab = olivia.post("/api/queues/", json={"name": "Lab", "is_public": False}).json()
    competition = compete()
    changed = olivia.patch(f"/api/competitions/{competition.id}/", json={"queue": lab["id"]})
    assert changed.status_code == 200, changed.text
    made = pat.submit(competition, bundles.write(tmp_path / "mine", {"answer.txt": "1"}))
    assert pat.facts(made.id)["status"] == "Submitted"
    assert olivia.delete(f"/api/queues/{lab['id']}/").status_code == 204
    assert pat.ended(made.id).status == "Finished"
    assert olivia.get(f"/api/competitions/{competition.id}/").json()["queue"] is None

"""The example robots run as programs, in the order in which a robot's owner would use them."""

from __future__ import annotations

import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from podium.client import Competition

from . import bundles
from .people import Person, sign_up
from .running import PASSWORD, Platform, clean_environment, podium_command

pytestmark = [pytest.mark.slow, pytest.mark.bwrap, pytest.mark.xdist_group("e2e-embedded")]

ROBOTS = Path(__file__).parents[2] / "examples" / "robots"
NAMES = ["get_competition_details", "example_submission", "get_submission_details", "rerun_submission"]


def run(name: str, *words: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a robot to its end."""
    return subprocess.run(
        [sys.executable, str(ROBOTS / f"{name}.py"), *map(str, words)],
        env={**clean_environment(), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.fixture
def bot(platform: Platform) -> Iterator[Person]:
    """An account that an administrator has made a bot's."""
    made = sign_up(platform, f"bot{uuid.uuid4().hex[:8]}")
    change = (
        f"from podium.site.accounts.models import User;User.objects.filter(username='{made.name}').update(is_bot=True)"
    )
    done = subprocess.run(
        podium_command("manage", "shell", "-v", "0", "-c", change),
        env=platform.environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    yield made
    made.client.close()


@pytest.mark.timeout(300)
def test_the_four_robots_do_their_work(
    bot: Person, pat: Person, olivia: Person, compete: Callable[..., Competition], tmp_path: Path
) -> None:
    platform = bot.platform
    competition = compete(allow_robot_submissions=True)
    (phase,) = competition.phases
    (task,) = phase.tasks
    who = {"PODIUM_URL": platform.url, "PODIUM_USERNAME": bot.name, "PODIUM_PASSWORD": PASSWORD}

    def robot(name: str, *words: object, **env: str) -> str:
        done = run(name, *words, **{**who, **env})
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return done.stdout

    for name in NAMES:
        assert "--url" in robot(name, "--help")
    assert f"{competition.id}: {competition.title}" in robot("get_competition_details", "--username", bot.name)
    told = robot("get_competition_details", competition.id, PODIUM_USERNAME="")
    assert f"phase {phase.id}: Open (Current)" in told
    assert f"task {task.id}: Task" in told

    answer = bundles.write(tmp_path / "answer", {"answer.txt": "42\n"})
    with zipfile.ZipFile(tmp_path / "answer.zip", "w") as archive:
        archive.write(answer / "answer.txt", "answer.txt")
    number = int(robot("example_submission", "--phase", phase.id, "--task", task.id, tmp_path / "answer.zip"))
    assert bot.ended(number).status == "Finished"

    assert f"{number}: answer.zip by {bot.name}, Finished" in robot("get_submission_details", "--phase", phase.id)
    output = tmp_path / "details.zip"
    told = robot("get_submission_details", "--submission", number, "--output", output)
    assert f"{number}: Finished" in told
    with zipfile.ZipFile(output) as archive:
        assert {"data_file.zip", "scoring_result.zip", "logs/scoring_stdout.txt"} <= set(archive.namelist())
        assert archive.read("data_file.zip") == (tmp_path / "answer.zip").read_bytes()

    theirs = pat.ended(pat.submit(competition, tmp_path / "answer.zip").id).id
    key = bot.facts(theirs)["task"]["key"]
    refused = run("rerun_submission", "--submission", theirs, "--task", key, **who)
    assert (refused.returncode, "There is no task with the key" in refused.stderr) == (1, True), refused.stderr
    answer_of = httpx.patch(
        f"{platform.url}/api/tasks/{task.id}/",
        json={"is_public": True},
        headers={"Authorization": f"Token {olivia.client.token}"},
        timeout=60,
    )
    assert answer_of.status_code == 200, answer_of.text
    listed = robot("rerun_submission")
    assert f"submission {theirs}: pat, Finished" in listed
    assert f"task {key}: Task" in listed
    again = int(robot("rerun_submission", "--submission", theirs, "--task", key))
    found = bot.ended(again)
    assert (found.status, found.owner) == ("Finished", "pat")
    assert bot.facts(again)["is_specific_task_re_run"] is True

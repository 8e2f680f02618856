"""The examples of the client's documentation, and the one for CI, run against a platform as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.harness import EXAMPLES

from . import bundles
from .people import Person

pytestmark = [pytest.mark.slow, pytest.mark.bwrap, pytest.mark.xdist_group("e2e-embedded")]
PAGE = Path(__file__).parents[2] / "docs" / "participants" / "client.md"


@pytest.mark.timeout(300)
def test_the_documented_examples_and_the_one_for_ci_run(
    olivia: Person, pat: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    title = ("title: Digits of pi", "title: Pi, by the documentation")
    competition = olivia.publish(bundles.example("pi", tmp_path / "pi", title))
    pat.client.register(competition.id)
    token = str(pat.client.token)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(EXAMPLES / "pi/solutions/machin", tmp_path / "my-solution")

    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 6
    names: dict[str, object] = {}
    for block in blocks:
        code = block.replace("https://podium.example.org", pat.platform.url).replace('token="..."', f"token={token!r}")
        code = code.replace("phase=7", f"phase={competition.phases[0].id}")
        code = code.replace("watch_competition(3)", f"watch_competition({competition.id})")
        code = code.replace("leaderboard(7)", f"leaderboard({competition.phases[0].id})")
        exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102 - our own documentation
    said = capsys.readouterr().out
    assert "Finished [('" in said
    assert "(1, 'pat')" in said
    assert "There is no submission 999999999" in said
    assert (tmp_path / "mine.zip").stat().st_size > 100

    environment = {**os.environ, "PODIUM_URL": pat.platform.url, "PODIUM_TOKEN": token, "PODIUM_TRIES": "1"}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PODIUM_CONFIG_DIR": str(tmp_path)}
    script = [str(EXAMPLES / "ci" / "submit.sh"), str(competition.id)]
    column = str(competition.leaderboards[0].columns[0].key)

    def run(*words: str, **changed: str) -> int:
        done = subprocess.run([*script, *words], env={**environment, **changed}, capture_output=True, check=False)
        return done.returncode

    assert run("my-solution", column, "1") == 0
    assert run("my-solution", column, "1e9") == 1, "a score below the bar fails the build"
    assert run(str(EXAMPLES / "pi/bad/no_file")) == 1
    assert run("my-solution", PODIUM_TOKEN="wrong") == 5
    assert run("my-solution", PODIUM_URL="http://127.0.0.1:9") == 6

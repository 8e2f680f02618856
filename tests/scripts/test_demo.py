"""The demonstration when its story goes wrong: it is told, and the platform stays."""

from __future__ import annotations

from pathlib import Path

import demo
import demo_story
import pytest
from demo_accounts import Accounts


class Platform:
    """Stands for a platform that is ready at once, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def wait_until_ready(self) -> str | None:
        return "http://127.0.0.1:8000"

    def greet(self) -> None:
        self.asked.append("greet")

    def wait(self) -> int:
        self.asked.append("wait")
        return 0

    def stop(self) -> int:
        self.asked.append("stop")
        return 0


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (demo_story.StoryError("No phase runs now."), "Error: No phase runs now.\n"),
        (KeyError("participant_status"), "KeyError: 'participant_status'"),
    ],
)
def test_whatever_goes_wrong_in_the_story_is_told_and_the_platform_stays(
    fault: Exception,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def play(_story: demo_story.Story) -> None:
        raise fault

    monkeypatch.setattr(demo_story.Story, "play", play)
    platform = Platform()
    assert demo._play(platform, Accounts.of(tmp_path)) == 1  # type: ignore[arg-type]
    assert told in capsys.readouterr().err
    assert platform.asked == ["greet", "wait"]

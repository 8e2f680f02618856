"""People, who come in by the sign-up page as everybody does."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from podium.client import Competition, Podium, Submission

from .running import PASSWORD, Platform, clean_environment, podium_command
from .waiting import PATIENCE, eventually


@dataclass
class Person:
    """Somebody with an account: the client holds their token."""

    name: str
    client: Podium
    platform: Platform

    def publish(self, bundle: Path) -> Competition:
        """Upload a bundle, wait for its competition and publish it."""
        number = self.client.wait_for_competition(self.client.upload_bundle(bundle), timeout=PATIENCE)
        self.client.publish(number)
        return self.client.competition(number)

    def take_part(self, competition: Competition) -> None:
        """Register; every competition here approves by itself."""
        assert self.client.register(competition.id) == "approved"

    def submit(self, competition: Competition, folder: Path, *, phase: int = 0, **more: Any) -> Submission:
        """Submit to the phase with that index."""
        (chosen,) = (one for one in competition.phases if one.index == phase)
        return self.client.submit_file(chosen.id, folder, **more)

    def ended(self, submission: int, *, within: float = PATIENCE) -> Submission:
        """Wait for the end of a submission."""

        seen = self.client.submission(submission)

        def look() -> Submission | None:
            nonlocal seen
            seen = self.client.submission(submission)
            return seen if seen.ended else None

        try:
            return eventually(look, f"the end of submission {submission}", within=within)
        except AssertionError as error:
            raise AssertionError(f"{error}, it is {seen.status}; {self.platform.dead()}") from None

    def get(self, path: str, **more: Any) -> httpx.Response:
        """A bare request with the person's token."""
        headers = {"Authorization": f"Token {self.client.token}"}
        return httpx.get(f"{self.platform.url}{path}", headers=headers, timeout=60, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        """A bare POST with the person's token."""
        headers = {"Authorization": f"Token {self.client.token}"}
        return httpx.post(f"{self.platform.url}{path}", headers=headers, timeout=60, **more)

    def patch(self, path: str, **more: Any) -> httpx.Response:
        """A bare PATCH with the person's token."""
        headers = {"Authorization": f"Token {self.client.token}"}
        return httpx.patch(f"{self.platform.url}{path}", headers=headers, timeout=60, **more)

    def delete(self, path: str, **more: Any) -> httpx.Response:
        """A bare DELETE with the person's token."""
        headers = {"Authorization": f"Token {self.client.token}"}
        return httpx.delete(f"{self.platform.url}{path}", headers=headers, timeout=60, **more)

    def cancel(self, submission: int) -> None:
        """Cancel a submission that has not ended."""
        answer = self.post(f"/api/submissions/{submission}/cancel_submission/")
        assert answer.json() == {"canceled": True}, answer.text

    def used_tries(self, competition: int) -> int | None:
        """How many tries count in the first phase, as its page says."""
        return self.client.competition(competition).phases[0].used_submissions_per_person

    def facts(self, submission: int) -> dict[str, Any]:
        """A submission as the API gives it, with what the client's model leaves out."""
        answer = self.get(f"/api/submissions/{submission}/")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def log(self, submission: int) -> str:
        """Everything that the programs of a submission (and of its parts) have printed."""
        members = [submission, *self.client.submission(submission).children]
        return "\n".join(text for member in members for text in self.client.logs(member).values())


def sign_up(platform: Platform, name: str) -> Person:
    """Make an account with the real form, then log in for a token."""
    with httpx.Client(base_url=platform.url, timeout=60) as browser:
        page = browser.get("/accounts/signup/")
        page.raise_for_status()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, "the sign-up page has no form"
        fields = {
            "csrfmiddlewaretoken": token[1],
            "username": name,
            "email": f"{name}@example.org",
            "password1": PASSWORD,
            "password2": PASSWORD,
        }
        answer = browser.post("/accounts/signup/", data=fields, headers={"Referer": f"{platform.url}/accounts/signup/"})
        assert answer.is_redirect, f"the sign-up page refused {name}: {answer.status_code} {answer.text[:2000]}"
    client = Podium(platform.url, timeout=60)
    client.login(name, PASSWORD)
    return Person(name, client, platform)


@dataclass
class Terminal:
    """A person's terminal: `podium` with a configuration folder of its own."""

    folder: Path
    env: dict[str, str]

    @classmethod
    def of(cls, folder: Path, **env: str) -> Terminal:
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, {**clean_environment(), "PODIUM_CONFIG_DIR": str(folder / "config"), **env})

    def podium(self, *words: str, given: str | None = None, timeout: float = 100) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            podium_command(*words),
            cwd=self.folder,
            env={**self.env, "COLUMNS": "200", "HOME": os.environ.get("HOME", "/")},
            input=given,
            stdin=None if given is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

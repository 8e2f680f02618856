"""The story of the demonstration: an organizer publishes the Iris example, a participant submits and is ranked."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
from demo_accounts import ORGANIZER, PARTICIPANT, Accounts

from podium.cli import catalogue, live, output
from podium.cli.submissions import show_leaderboard
from podium.client import Podium
from podium.client.errors import ApiError, PodiumError
from podium.client.models import Competition, CreationStatus, Phase, Submission
from podium.formats.bundle import check_bundle

SIGN_UP = "/accounts/signup/"


class StoryError(Exception):
    """The story could not be played to its end; the text says where and why."""


class Story:
    """Plays the story on a platform at `server`, with the bundle in a folder; steps that were played are skipped."""

    def __init__(self, server: str, accounts: Accounts, bundle: Path) -> None:
        self._server = server
        self._accounts = accounts
        self._bundle = bundle

    def play(self) -> None:
        """Play it. Raises StoryError."""
        try:
            with self._person(ORGANIZER) as organizer:
                competition = self._publish(organizer)
            with self._person(PARTICIPANT) as participant:
                phase = _running(competition)
                self._take_part(participant, competition)
                self._submit(participant, competition, phase)
                output.say(f"\nLeaderboard of {competition.title}, phase {phase.name}", style="bold")
                show_leaderboard(participant.leaderboard(phase.id))
        except PodiumError as error:
            raise StoryError(f"{error.message} {error.hint}".strip()) from error
        except httpx.HTTPError as error:
            raise StoryError(f"The platform at {self._server} did not answer: {error}") from error

    def _person(self, name: str) -> Podium:
        """A person, logged in; signed up first when the platform does not know the name."""
        client = Podium(self._server)
        password = self._accounts.passwords[name]
        try:
            client.login(name, password)
        except ApiError as error:
            if error.status != httpx.codes.BAD_REQUEST:
                raise
            output.say(f"{name} signs up")
            sign_up(self._server, name, password)
            client.login(name, password)
        return client

    def _publish(self, organizer: Podium) -> Competition:
        """The example as a competition: found by its title, else uploaded; published in either case."""
        title = self._title()
        mine = [item for item in organizer.competitions(mine=True) if item.title == title]
        if mine:
            number = mine[0].id
        else:
            output.say(f"{ORGANIZER} uploads {self._bundle.name}")
            number = organizer.wait_for_competition(
                organizer.upload_bundle(self._bundle), timeout=120, on_change=_CreationTeller()
            )
        if not mine or not mine[0].published:
            organizer.publish(number)
            output.say(f"{ORGANIZER} publishes it: {self._server}/competitions/{number}/")
        return organizer.competition(number)

    def _title(self) -> str:
        report = check_bundle(self._bundle)
        if report.competition is None:
            raise StoryError(f"The example in {self._bundle} is faulty; see `podium check {self._bundle}`.")
        return report.competition.title

    def _take_part(self, participant: Podium, competition: Competition) -> None:
        if participant.competition(competition.id).participant_status != "approved":
            answer = participant.register(competition.id)
            output.say(f"{PARTICIPANT} registers: {answer}")

    def _submit(self, participant: Podium, competition: Competition, phase: Phase) -> None:
        """One submission that went well is enough; one that is still on its way is watched to its end."""
        known = participant.submissions(phase=phase.id).all()
        if any(item.status == "Finished" for item in known):
            return
        waiting = [item for item in known if not item.ended]
        if waiting:
            made = waiting[0]
        else:
            output.say(f"{PARTICIPANT} submits the sample solution")
            made = participant.submit_file(phase.id, self._bundle / "solutions" / "sample")
        told = live.show_events(participant.watch(made.id, timeout=120), main=made.id)
        ended = participant.submission(made.id)
        columns = catalogue.Catalogue()
        columns.add(competition)
        members = [participant.submission(child) for child in ended.children]
        live.show_end(ended, members, told=told, catalogue=columns)
        if ended.status != "Finished":
            raise StoryError(_why(ended))


def sign_up(server: str, name: str, password: str) -> None:
    """Make an account by the sign-up page, as a person with a browser does.

    Raises StoryError with what the page says when it refuses.
    """
    with httpx.Client(base_url=server, follow_redirects=False, timeout=30) as browser:
        page = browser.get(SIGN_UP)
        page.raise_for_status()
        form = _Form()
        form.feed(page.text)
        fields = {
            **form.hidden,
            "username": name,
            "email": f"{name}@example.org",
            "password1": password,
            "password2": password,
        }
        answer = browser.post(SIGN_UP, data=fields, headers={"Referer": server + SIGN_UP})
        if not answer.is_redirect:
            complaints = _Form()
            complaints.feed(answer.text)
            said = " ".join(complaints.errors) or f"status {answer.status_code}"
            raise StoryError(f"The sign-up page refused {name}: {said}")


class _Form(HTMLParser):
    """Reads hidden fields and error messages off a page."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.errors: list[str] = []
        self._open: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember hidden inputs, and whether this element holds an error."""
        values = dict(attrs)
        if tag == "input":
            if values.get("type") == "hidden" and values.get("name"):
                self.hidden[str(values["name"])] = values.get("value") or ""
        elif tag in {"ul", "p", "div", "span", "li"}:
            words = re.split(r"[\s_-]+", f"{values.get('class') or ''} {values.get('role') or ''}".lower())
            self._open.append(any(word.startswith(("error", "alert")) for word in words))

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if tag in {"ul", "p", "div", "span", "li"} and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Keep the text of error elements."""
        if any(self._open) and data.strip():
            self.errors.append(data.strip())


class _CreationTeller:
    """Prints the steps of unpacking as they are done, each once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, status: CreationStatus) -> None:
        """Take a new state."""
        for step in status.steps:
            if step.state in {"done", "failed"} and step.name not in self._told:
                self._told.add(step.name)
                output.say(f"  {step.name}: {step.state}")


def _running(competition: Competition) -> Phase:
    running = [phase for phase in competition.phases if phase.status == "Current"]
    if not running:
        raise StoryError(f"No phase of {competition.title} runs now.")
    return running[0]


def _why(submission: Submission) -> str:
    reason = submission.message or submission.status_details or submission.cause or "no reason was given"
    return f"The sample solution ended as {submission.status}: {reason} {submission.advice or ''}".strip()

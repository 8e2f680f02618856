"""`make pictures`: plays a small competition on a platform of its own and keeps pictures of its pages in docs/images.

The pictures of README and docs are made by this alone, so they can be made anew whenever the pages change. It needs
Chromium and the packages of the tests.
"""

# ruff: noqa: E402 - the folders of what is imported are named first

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from demo_story import sign_up
from playwright.sync_api import Browser, Page, sync_playwright

from bench.common import platform
from podium.cli import output
from podium.client import Podium
from podium.client.models import Submission

IMAGES = ROOT / "docs" / "images"
EXAMPLES = ROOT / "examples"
PASSWORD = "correct horse battery staple"  # noqa: S105 - of a platform that lives as long as this script
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
RIVALS = {
    "amara": (1, 4),
    "bo": (3, 3),
    "chen": (5, 4),
    "dina": (9, 2),
    "emeka": (15, 3),
    "farah": (1, 1),
    "hana": (7, 1),
}
"""Who takes part in Iris: so many nearest neighbours vote, by so many of the four measurements."""
NEIGHBOURS = '''"""The species of the {near} nearest flowers, by {measured} of the four measurements."""

from collections import Counter


class Model:
    def fit(self, features, labels):
        self.known = list(zip(features, labels))

    def predict(self, features):
        return [self._name(row) for row in features]

    def _name(self, row):
        def far(known):
            return sum((a - b) ** 2 for a, b in zip(known[0][:{measured}], row[:{measured}]))

        nearest = sorted(self.known, key=far)[:{near}]
        return Counter(label for _, label in nearest).most_common(1)[0][0]
'''
BROKEN = """class Model:
    def fit(self, features, labels):
        raise ValueError(f"{len(labels)} flowers are too few to learn from")
"""
FAULTY = """version: 2
title: Clouds
image: logo.png
terms: terms.md
tasks:
  - index: 0
    name: Clouds of one day
    scoring_programm: scoring_program
phases:
  - index: 0
    name: First
    start: 2026-13-01
    tasks: [0, 1]
leaderboards: []
"""


def main() -> None:
    """Play and take the pictures."""
    with platform() as up, tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        story = Story(up.url, Path(scratch))
        story.play()
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        Pictures(up.url, browser, story).take()
        browser.close()


class Story:
    """An organizer with four competitions, seven people in one of them, and a bundle that is refused.

    iris, phase: the competition and its running phase. failed: a submission that failed. refused: the creation that was
    refused.
    """

    def __init__(self, server: str, scratch: Path) -> None:
        self._server = server
        self._scratch = scratch

    def play(self) -> None:
        """Play it."""
        olivia = self._person("olivia")
        made = {name: self._publish(olivia, name) for name in ("pi", "data-centric", "tabular", "iris")}
        self.iris = made["iris"]
        self.phase = phase = olivia.competition(self.iris).phases[0].id
        for name, (near, measured) in RIVALS.items():
            person = self._person(name)
            person.register(self.iris)
            ended = self._submit(person, phase, NEIGHBOURS.format(near=near, measured=measured))
            output.say(f"{name}: {ended.status}")
        pat = self._person("pat")
        pat.register(self.iris)
        self.failed = self._submit(pat, phase, BROKEN).id
        bundle = self._scratch / "clouds"
        (bundle / "scoring_program").mkdir(parents=True)
        (bundle / "competition.yaml").write_text(FAULTY)
        (bundle / "scoring_program" / "metadata.yaml").write_text("command: python3 scoring.py $input $output\n")
        self.refused = olivia.upload_bundle(bundle)

    def _person(self, name: str) -> Podium:
        sign_up(self._server, name, PASSWORD)
        client = Podium(self._server)
        client.login(name, PASSWORD)
        return client

    def _publish(self, organizer: Podium, example: str) -> int:
        number = organizer.wait_for_competition(organizer.upload_bundle(EXAMPLES / example), timeout=120)
        organizer.publish(number)
        return number

    def _submit(self, person: Podium, phase: int, program: str) -> Submission:
        folder = Path(tempfile.mkdtemp(dir=self._scratch)) / "nearest-neighbours"
        folder.mkdir()
        (folder / "model.py").write_text(program)
        (folder / "metadata.yaml").write_text("description: nearest neighbours\n")
        made = person.submit_file(phase, folder)
        for _ in person.watch(made.id, timeout=120):
            pass
        return person.submission(made.id)


class Pictures:
    """Takes the pictures of a story that was played."""

    def __init__(self, server: str, browser: Browser, story: Story) -> None:
        self._server = server
        self._browser = browser
        self._story = story

    def take(self) -> None:
        """Take all of them."""
        IMAGES.mkdir(exist_ok=True)
        site = f"/competitions/{self._story.iris}"
        with self._window("chen") as page:
            self._keep(page, "competition", f"{site}/")
            self._keep(page, "results", f"{site}/results/")
            self._keep(page, "submissions", f"{site}/submissions/")
        with self._window("chen", phone=True) as page:
            self._keep(page, "results-phone", f"{site}/results/")
        with self._window("pat") as page:
            self._keep(page, "failed", f"/submissions/{self._story.failed}/")
        with self._window("olivia") as page:
            self._keep(page, "home", "/")
            self._keep(page, "report", f"/competitions/upload/{self._story.refused}/")
            self._keep(page, "editor", f"{site}/edit/phases/{self._story.phase}/")
            self._keep(page, "all-submissions", f"{site}/submissions/all/")

    @contextmanager
    def _window(self, name: str, *, phone: bool = False) -> Iterator[Page]:
        look = {"viewport": PHONE if phone else WIDE, "color_scheme": "dark" if phone else "light", "locale": "en-GB"}
        context = self._browser.new_context(**look, device_scale_factor=1.5 if phone else 1)
        page = context.new_page()
        page.goto(f"{self._server}/accounts/login/")
        page.get_by_label("User name or e-mail address").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("main").get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{self._server}/")
        yield page
        context.close()

    def _keep(self, page: Page, name: str, path: str) -> None:
        answer = page.goto(self._server + path)
        if answer is None or not answer.ok:
            raise RuntimeError(f"{path}: {answer.status if answer else 'no answer'}")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / f"{name}.png")
        output.say(f"docs/images/{name}.png")


if __name__ == "__main__":
    main()

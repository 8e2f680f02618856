"""Uploads on connections that break, and uploads that people call off."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.evaluation.models import Submission
from podium.site.resources.models import Dataset
from tests.browser.conftest import Visit
from tests.factories import RESULT, zip_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]
PART = 2**20
PARTS = 6


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zip that goes in six parts."""
    monkeypatch.setattr("podium.site.resources.parts.SMALLEST_PART", PART)
    file = tmp_path / "weights.zip"
    file.write_bytes(zip_of({"weights.bin": os.urandom(PARTS * PART - PART // 2)}))
    return file


class Line:
    """A connection that lets some parts through and breaks then, until it is mended."""

    def __init__(self, page: Page, *, parts: int) -> None:
        self.passed = 0
        self._breaks_at: int | None = parts
        page.route("**/files/**", self._carry)

    def mend(self) -> None:
        self._breaks_at = None

    def _carry(self, route: Route) -> None:
        if route.request.method != "PUT":
            route.continue_()
        elif self._breaks_at is not None and self.passed >= self._breaks_at:
            route.abort("internetdisconnected")
        else:
            self.passed += 1
            route.continue_()


def _slow(page: Page, bytes_per_second: int) -> None:
    facts = {"offline": False, "latency": 1, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", facts)


def _open(visit: Visit, competition: Competition, file: Path) -> tuple[Page, list[str]]:
    """The form with a file chosen, and what is put into storage from now on."""
    page = visit.open(f"/competitions/{competition.pk}/submissions/")
    sent: list[str] = []

    def arrived(request: Request) -> None:
        if request.method == "PUT":
            sent.append(request.url)

    page.on("requestfinished", arrived)
    page.get_by_label("Choose a zip file").set_input_files(file)
    return page, sent


def test_an_upload_goes_on_by_itself_when_the_connection_is_back(
    competition: Competition, pat: User, visit: Visiting, large: Path
) -> None:
    page, _sent = _open(visit(pat, may_complain=True), competition, large)
    line = Line(page, parts=2)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("The connection broke. The upload goes on when it is back.")).to_be_visible()
    expect(page.get_by_role("button", name="Submit")).to_be_disabled()
    line.mend()
    page.wait_for_url(re.compile(r"/submissions/\d+/$"))
    assert line.passed == PARTS, "what has arrived is not sent again"
    assert Submission.objects.get().data.data_file.size == large.stat().st_size  # type: ignore[union-attr]


def test_an_upload_that_was_given_up_goes_on_where_it_broke_off(
    competition: Competition, pat: User, visit: Visiting, large: Path
) -> None:
    person = visit(pat, may_complain=True)
    person.page.clock.install()
    page, _sent = _open(person, competition, large)
    line = Line(page, parts=2)
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("The upload goes on when it is back").wait_for()
    error = page.locator("[data-upload-error]")
    while not error.inner_text():
        page.clock.run_for(60_000)
    expect(error).to_have_text("The connection broke. Try again: the upload goes on where it broke off.")
    expect(page.get_by_role("button", name="Submit")).to_be_focused()
    line.mend()
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/submissions/\d+/$"))
    assert line.passed == PARTS, "what has arrived is not sent again"
    assert Dataset.objects.filter(type="submission").count() == 1


def test_an_upload_is_stopped_and_leaves_nothing(
    competition: Competition, pat: User, visit: Visiting, large: Path
) -> None:
    page, _sent = _open(visit(pat), competition, large)
    _slow(page, PART // 4)
    page.get_by_role("button", name="Submit").click()
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.get_by_role("button", name="Stop the upload").click()
    expect(page.locator("[data-upload-error]")).to_have_text("Stopped. Nothing was submitted.")
    expect(page.get_by_role("button", name="Submit")).to_be_enabled()
    assert not Dataset.objects.filter(type="submission").exists()


def test_a_file_that_has_arrived_waits_for_the_connection_before_the_form_goes(
    competition: Competition, pat: User, visit: Visiting, large: Path
) -> None:
    page, _sent = _open(visit(pat, may_complain=True), competition, large)
    page.evaluate("Object.defineProperty(navigator, 'onLine', {configurable: true, get: () => window.there})")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("The connection broke. The upload goes on when it is back.")).to_be_visible()
    assert not Submission.objects.exists()
    page.evaluate("window.there = true; window.dispatchEvent(new Event('online'))")
    page.wait_for_url(re.compile(r"/submissions/\d+/$"))


def test_a_page_that_is_left_while_a_file_goes_asks_first(
    competition: Competition, pat: User, visit: Visiting, large: Path
) -> None:
    page, _sent = _open(visit(pat), competition, large)
    _slow(page, PART // 4)
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name="Stop the upload").wait_for()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.evaluate("location.assign('/')")
    page.get_by_role("button", name="Stop the upload").click()
    expect(page.locator("[data-upload-error]")).to_have_text("Stopped. Nothing was submitted.")
    assert asked == ["beforeunload"]


def test_what_is_no_whole_zip_file_is_refused_before_a_byte_is_sent(
    competition: Competition, pat: User, visit: Visiting, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(RESULT[:-30])
    page, sent = _open(visit(pat), competition, cut)
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("[data-upload-error]")).to_have_text("cut.zip is not a zip file, or its end is missing.")
    expect(page.locator("input[type=file]")).to_be_focused()
    assert sent == []
    assert not Dataset.objects.filter(type="submission").exists()


def test_a_file_is_dropped_anywhere_on_the_page(competition: Competition, pat: User, visit: Visiting) -> None:
    page = visit(pat).open(f"/competitions/{competition.pk}/submissions/")
    dropped = page.evaluate_handle(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["x"], "dropped.zip"));
          return data;
        }"""
    )
    heading = page.get_by_role("heading", name="My submissions")
    heading.dispatch_event("dragover", {"dataTransfer": dropped})
    expect(page.locator("[data-drop]")).to_have_class(re.compile("is-over"))
    heading.dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.locator("[data-drop]").get_by_text("dropped.zip")).to_be_visible()


def test_a_refused_file_is_told_to_screen_readers_and_has_the_focus(
    competition: Competition, pat: User, visit: Visiting
) -> None:
    page = visit(pat, may_complain=True).open(f"/competitions/{competition.pk}/submissions/")
    page.get_by_role("button", name="Submit").click()
    field = page.locator("input[type=file]")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description("Choose a file first.")

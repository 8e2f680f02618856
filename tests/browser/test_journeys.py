"""What people do, from end to end, in a real browser."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from podium.formats.competition_archive import is_archive
from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, CreationStatus, Page
from podium.site.competitions.services.creation import run_creation
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Entry
from podium.site.queues.models import Queue
from podium.site.resources.models import Dataset
from tests.browser.conftest import PHONE, WIDE, Visit
from tests.factories import CODE, RESULT, CompetitionFactory, UserFactory, bundle, finished_submission, zip_of
from tests.site.acting import WorkerDouble, background, frame, put, scores, submit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Visiting = Callable[..., Visit]
Making = Callable[..., Competition]
PHRASE = "a phrase that nobody knows"


def _file(folder: Path, content: bytes, name: str = "answer.zip") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_somebody_signs_up_joins_submits_watches_and_sees_their_rank(
    make_competition: Making, queue: Queue, visit: Visiting, tmp_path: Path
) -> None:
    make_competition(ingestion=True, registration_auto_approve=True)
    worker = WorkerDouble(queue)
    page = visit().open("/")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("User name").fill("nora")
    page.get_by_label("E-mail address").fill("nora@example.org")
    page.get_by_label("Password", exact=True).fill(PHRASE)
    page.get_by_label("Password again").fill(PHRASE)
    page.get_by_role("button", name="Sign up").click()
    page.get_by_role("link", name="Sums").click()
    page.get_by_role("link", name="My submissions").click()
    page.get_by_label("I have read the terms").check()
    page.get_by_role("button", name="Take part").click()
    expect(page.get_by_text("You take part in Sums.")).to_be_visible()

    page.get_by_label("Choose a zip file").set_input_files(_file(tmp_path, CODE))
    expect(page.get_by_text("answer.zip")).to_be_visible()
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/submissions/\d+/$"))
    expect(page.get_by_text("No worker serves its queue")).to_be_visible()

    job = worker.job()
    worker.beat(job, frames=[frame("epoch 1\n")])
    expect(page.locator("[data-status=Running]")).to_be_visible()
    expect(page.locator("pre")).to_have_text("epoch 1\n")
    worker.beat(job, frames=[frame("epoch 2\n", offset=8)])
    expect(page.locator("pre")).to_have_text("epoch 1\nepoch 2\n")
    worker.finish(job)
    worker.work_off(accuracy=0.75)
    expect(page.locator("[data-status=Finished]")).to_be_visible()
    expect(page.get_by_role("heading", name="Scores")).to_be_visible()
    expect(page.get_by_text("0.75")).to_be_visible()

    page.get_by_role("link", name="place 1 of 1").click()
    expect(page.get_by_role("row", name=re.compile(r"^1 nora You Why 1\? .*0\.75 "))).to_be_visible()
    assert Submission.objects.get().owner.username == "nora"


def test_a_failure_is_explained_on_the_page_that_was_watching(
    competition: Competition, queue: Queue, pat: User, visit: Visiting
) -> None:
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    page = visit(pat).open(f"/submissions/{submission.pk}/")
    job = worker.job()
    worker.beat(job, frames=[frame("about to fail\n")])
    failure = Failure(
        cause=Cause.TIME_LIMIT, step=Step.SCORING, message="It took too long.", limit="600 s", measured="601 s"
    )
    worker.finish(job, failure=failure, output=False)
    expect(page.get_by_role("heading", name="The time limit was reached")).to_be_visible()
    expect(page.get_by_text("The organizer's", exact=True)).to_be_visible()
    expect(page.get_by_text("about to fail")).to_be_visible()


def test_a_running_submission_is_cancelled_after_asking(competition: Competition, pat: User, visit: Visiting) -> None:
    submission = submit(pat, competition)
    page = visit(pat).open(f"/submissions/{submission.pk}/")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Keep it running").click()
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Cancel the submission").click()
    expect(page.get_by_role("heading", name="This submission was cancelled")).to_be_visible()


def test_a_refused_upload_says_why_beside_the_field(
    competition: Competition, pat: User, visit: Visiting, tmp_path: Path
) -> None:
    page = visit(pat, may_complain=True).open(f"/competitions/{competition.pk}/submissions/")
    page.get_by_label("Choose a zip file").set_input_files(_file(tmp_path, b"not a zip", "notes.zip"))
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("[data-upload-error]")).to_contain_text("zip")
    assert not Submission.objects.exists()
    page.get_by_label("notes.zip").set_input_files(_file(tmp_path, b"", "empty.zip"))
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("[data-upload-error]")).to_have_text("empty.zip is empty.")
    expect(page.get_by_role("button", name="Submit")).to_be_enabled()


def test_a_form_that_comes_back_keeps_the_file_and_the_answers(
    make_competition: Making, pat: User, visit: Visiting, tmp_path: Path
) -> None:
    question = {"key": "why", "type": "text", "title": "Why", "selection": "", "is_required": "true"}
    competition = make_competition(fact_sheet={"why": {**question, "is_on_leaderboard": "false"}})
    page = visit(pat, may_complain=True).open(f"/competitions/{competition.pk}/submissions/")
    page.get_by_label("Choose a zip file").set_input_files(_file(tmp_path, RESULT))
    page.get_by_label("Why").fill(" ")  # enough for the browser, not for the server
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("Your file is uploaded")).to_be_visible()
    page.get_by_label("Why").fill("because")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/submissions/\d+/$"))
    assert Dataset.objects.filter(type="submission").count() == 1


def test_an_organizer_uploads_a_bundle_and_publishes_the_competition(
    queue: Queue, olivia: User, visit: Visiting, tmp_path: Path
) -> None:
    page = visit(olivia).open("/competitions/upload/")
    page.get_by_label("Choose a zip file").set_input_files(_file(tmp_path, zip_of(bundle()), "sums.zip"))
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("heading", name="Checking the bundle")).to_be_visible()
    run_creation(status_id=CreationStatus.objects.get().pk)
    page.get_by_role("link", name="Open Sums").click()
    expect(page.get_by_text("Not published")).to_be_visible()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Sums is published: everybody can see it.")).to_be_visible()
    assert Competition.objects.get().published


def test_a_bundle_with_faults_shows_the_report_by_itself(
    queue: Queue, olivia: User, visit: Visiting, tmp_path: Path
) -> None:
    content = bundle()
    del content["overview.md"]
    page = visit(olivia).open("/competitions/upload/")
    page.get_by_label("Choose a zip file").set_input_files(_file(tmp_path, zip_of(content), "sums.zip"))
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url(re.compile(r"/upload/\d+/$"))
    run_creation(status_id=CreationStatus.objects.get().pk)
    expect(page.get_by_role("heading", name="This bundle cannot be used yet: 1 fault")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="overview.md").first).to_be_visible()


def test_with_scripts_off_one_reads_logs_in_and_submits(
    competition: Competition, pat: User, visit: Visiting, tmp_path: Path
) -> None:
    page = visit(pat, java_script_enabled=False).open("/")
    page.get_by_role("link", name="Sums").first.click()
    for tab in ("Phases", "Results", "My submissions"):
        page.get_by_role("link", name=tab, exact=True).click()
    page.locator("input[type=file]").set_input_files(_file(tmp_path, RESULT))
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name=re.compile("Submission"))).to_be_visible()
    page.get_by_role("button", name="Switch to light").click()
    assert page.locator("html").get_attribute("data-theme") == "light"
    assert Submission.objects.count() == 1


def test_the_colours_change_without_a_new_page_and_stay(visit: Visiting) -> None:
    somebody = visit()
    page = somebody.open("/")
    page.evaluate("window.same = true")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Switch to light").click()
    page.get_by_role("button", name="Switch to dark").click()
    assert page.evaluate("window.same")
    dark = page.evaluate(paper)
    assert dark != light
    somebody.open("/about/")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate(paper) == dark


def test_times_are_shown_in_the_viewers_zone_with_utc_in_the_title(competition: Competition, visit: Visiting) -> None:
    competition.phases.update(start="2020-01-01T20:30:00Z")
    page = visit(timezone_id="Asia/Tokyo", locale="en-GB").open(f"/competitions/{competition.pk}/phases/")
    start = page.locator("time").filter(has_text="2 Jan 2020")
    expect(start.first).to_have_attribute("title", "1 Jan 2020, 20:30 UTC")
    expect(start.first).to_have_text("2 Jan 2020, 05:30 GMT+9")


def test_the_list_is_searched_while_one_types(visit: Visiting) -> None:
    for title in ("Leaves of grass", "Stones of rivers"):
        CompetitionFactory(title=title)
    page = visit().open("/competitions/public/")
    page.evaluate("window.same = true")
    page.get_by_label("Search").press_sequentially("stones")
    expect(page.get_by_role("link", name="Leaves of grass")).to_be_hidden()
    expect(page.get_by_role("link", name="Stones of rivers")).to_be_visible()
    assert "search=stones" in page.url
    assert page.evaluate("window.same")
    page.get_by_label("Search").fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    page.get_by_label("Search").fill("")
    expect(page.get_by_role("link", name="Leaves of grass")).to_be_visible()
    page.get_by_label("Type").select_option("Benchmarks")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    assert "type=benchmark" in page.url


def test_two_of_ones_own_are_chosen_in_the_list_and_compared(
    make_competition: Callable[..., Competition], pat: User, visit: Visiting
) -> None:
    competition = make_competition()
    phase = competition.phases.get()
    one = finished_submission(phase, pat, 0.5)
    Entry.objects.all().delete()  # a board has one entry of each
    other = finished_submission(phase, pat, 0.75)
    page = visit(pat).open(f"/competitions/{competition.pk}/submissions/")
    for each in (one, other):
        page.get_by_label(f"Choose submission {each.pk} to compare").check()
    page.get_by_role("button", name="Compare two").click()
    expect(page.get_by_role("heading", name=f"Submissions {one.pk} and {other.pk}")).to_be_visible()
    expect(page.get_by_role("row", name="+0.25 better")).to_be_visible()
    page.get_by_role("link", name="Exchange sides").click()
    expect(page.get_by_role("row", name="-0.25 worse")).to_be_visible()


def test_a_board_is_printed_as_a_table_under_its_title_and_nothing_else(
    make_competition: Callable[..., Competition], pat: User, visit: Visiting
) -> None:
    competition = make_competition()
    finished_submission(competition.phases.get(), pat, 0.5)
    page = visit(pat).open(f"/competitions/{competition.pk}/results/")
    head = page.locator(".print-head")
    expect(head).to_be_hidden()
    page.emulate_media(media="print", color_scheme="dark")
    expect(head).to_be_visible()
    expect(head).to_contain_text(f"/competitions/{competition.pk}/results/?phase=")
    expect(page.get_by_role("table")).to_be_visible()
    for gone in (".top", ".foot", ".tabs", ".masthead", ".filters", ".why", ".you"):
        expect(page.locator(gone).first).to_be_hidden()
    assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".table--board th").first.evaluate("cell => getComputedStyle(cell).color") == "rgb(0, 0, 0)"


def test_ones_row_is_gone_to_and_not_hidden_by_the_head(
    make_competition: Callable[..., Competition], pat: User, visit: Visiting
) -> None:
    columns = [{"title": f"Measure {n}", "key": f"m{n}", "index": n, "sorting": "desc"} for n in range(9)]
    competition = make_competition(tasks=2, columns=columns)
    phase = competition.phases.get()
    for place in range(30):
        finished_submission(phase, pat if place == 10 else UserFactory(), place / 30)
    for size in (WIDE, PHONE):
        page = visit(pat, viewport=size).open(f"/competitions/{competition.pk}/results/")
        page.get_by_role("link", name="Go to my row").click()
        row = page.locator("tr:target")
        expect(row).to_be_in_viewport(ratio=0.1)
        head = page.locator("thead").bounding_box()
        box = row.bounding_box()
        assert head is not None and box is not None
        assert box["y"] >= head["y"] + head["height"]
        colour = page.locator("thead th").last.evaluate("cell => getComputedStyle(cell).backgroundColor")
        assert "/" not in colour and "rgba" not in colour, "what scrolls below does not shine through"


def test_a_wide_board_is_printed_across_with_readable_names(
    make_competition: Callable[..., Competition], pat: User, visit: Visiting
) -> None:
    columns = [{"title": f"Measure {n}", "key": f"m{n}", "index": n, "sorting": "desc"} for n in range(9)]
    competition = make_competition(columns=columns)
    User.objects.filter(pk=pat.pk).update(display_name="Xiomara Papadopoulos")
    finished_submission(competition.phases.get(), pat, 0.5)
    page = visit(pat, viewport={"width": 1000, "height": 700}).open(f"/competitions/{competition.pk}/results/")
    page.emulate_media(media="print")
    assert page.locator("main").evaluate("main => getComputedStyle(main).page") == "wide"
    name = page.locator("tbody .stay--name").first
    assert name.evaluate("cell => cell.clientHeight < 4 * parseFloat(getComputedStyle(cell).lineHeight)")


def test_a_submission_on_paper_says_when_and_where_and_has_its_logs_whole(
    competition: Competition, queue: Queue, pat: User, visit: Visiting
) -> None:
    submission = submit(pat, competition)
    worker = WorkerDouble(queue)
    job = worker.job()
    worker.beat(job, frames=[frame("line\n" * 200)])
    worker.finish(job, scores(accuracy=0.5))
    page = visit(pat).open(f"/submissions/{submission.pk}/")
    note = page.locator(".print-only")
    expect(note).to_be_hidden()
    page.emulate_media(media="print")
    expect(note).to_contain_text(f"/submissions/{submission.pk}/")
    log = page.locator(".log pre").first
    assert log.evaluate("log => log.scrollHeight - log.clientHeight") == 0
    expect(page.get_by_role("heading", name="Files")).to_be_hidden()


def test_the_key_of_a_slash_leads_to_the_search_and_what_is_typed_finds(pat: User, visit: Visiting) -> None:
    CompetitionFactory(title="Leaves of grass")
    page = visit(pat).open("/about/")
    page.keyboard.press("/")
    expect(page.get_by_label("Find anything")).to_be_focused()
    page.keyboard.type("grass")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Leaves of grass")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("Search everything")).to_be_focused()
    page.keyboard.type("a/b")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(page.get_by_label("Search everything")).to_have_value("a/b")
    page.set_viewport_size(PHONE)
    page.goto(page.url.split("/search/")[0] + "/about/")
    page.keyboard.press("/")
    expect(page.get_by_role("heading", name="What are you looking for?")).to_be_visible()


def test_the_keyboard_reaches_the_content_first_and_closes_menus(pat: User, visit: Visiting) -> None:
    page = visit(pat).open("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    expect(page.locator("summary")).to_be_focused()


HOSTILE_REPORT = b"""<!doctype html><h1>Report</h1><p id=result></p><script>
const attempts = { parent: () => parent.document.title, cookie: () => document.cookie, storage: () => localStorage.x };
const fails = (attempt) => { try { attempt(); return false; } catch { return true; } };
const blocked = Object.entries(attempts).filter(([name, attempt]) => fails(attempt));
fetch("/api/my_profile/").then(() => "reached", () => "unreachable").then((network) => {
  document.querySelector("#result").textContent = `${blocked.map(([name]) => name).join(" ")} network ${network}`;
});
</script>"""


def test_a_report_may_draw_but_reaches_neither_the_page_nor_the_network(
    make_competition: Making, queue: Queue, pat: User, visit: Visiting
) -> None:
    submission = submit(pat, make_competition(enable_detailed_results=True))
    worker = WorkerDouble(queue)
    job = worker.job()
    put(str(job.detailed_results_url), HOSTILE_REPORT)
    worker.finish(job, scores(accuracy=1.0), detailed_results_uploaded=True)
    page = visit(pat, may_complain=True).open(f"/submissions/{submission.pk}/report/")
    report = page.frame_locator("iframe")
    expect(report.locator("#result")).to_have_text("parent cookie storage network unreachable")


CALLING_REPORT = """<!doctype html><p id=result>waits</p><script>
const server = `stun:127.0.0.1:PORT`, relay = { urls: `turn:127.0.0.1:PORT`, username: "told", credential: "x" };
const call = new RTCPeerConnection({ iceServers: [{ urls: server }, relay] });
const say = () => { document.querySelector("#result").textContent = `gathering ${call.iceGatheringState}`; };
call.onicegatheringstatechange = say;
call.createDataChannel("x");
call.createOffer().then((offer) => call.setLocalDescription(offer));
</script>"""


def test_a_report_calls_nobody(make_competition: Making, queue: Queue, pat: User, visit: Visiting) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        report = CALLING_REPORT.replace("PORT", str(listener.getsockname()[1])).encode()
        submission = submit(pat, make_competition(enable_detailed_results=True))
        worker = WorkerDouble(queue)
        job = worker.job()
        put(str(job.detailed_results_url), report)
        worker.finish(job, scores(accuracy=1.0), detailed_results_uploaded=True)
        page = visit(pat, may_complain=True).open(f"/submissions/{submission.pk}/report/")
        expect(page.frame_locator("iframe").locator("#result")).to_have_text("gathering complete", timeout=30_000)
        with pytest.raises(BlockingIOError):
            listener.recv(2000)


def test_a_report_that_grows_is_shown_anew_while_the_page_and_its_log_stay(
    make_competition: Making, queue: Queue, pat: User, visit: Visiting
) -> None:
    submission = submit(pat, make_competition(enable_detailed_results=True))
    worker = WorkerDouble(queue)
    job = worker.job()
    page = visit(pat).open(f"/submissions/{submission.pk}/")
    worker.beat(job, frames=[frame("\x1b[31mred\x1b[0m and \x1b[3")])
    worker.beat(job, frames=[frame("2mgreen\x1b[0m\n", len("\x1b[31mred\x1b[0m and \x1b[3"))])
    log = page.locator("[data-pane] pre")
    expect(log).to_have_text("red and green\n")
    page.evaluate("window.stays = document.querySelector('[data-pane] pre')")
    for words in ("first of two", "second of two"):
        put(str(job.detailed_results_url), f"<p id=words>{words}</p>".encode())
        expect(page.frame_locator("iframe").locator("#words")).to_have_text(words)
    assert page.evaluate("window.stays.isConnected"), "the log is the very same element"
    loads = page.evaluate("performance.getEntriesByType('resource').filter(e => e.name.includes('/files/')).length")
    assert loads == 2, "each version is loaded once"
    put(str(job.detailed_results_url), b"<p id=words>the last</p>")
    worker.finish(job, scores(accuracy=1.0), detailed_results_uploaded=True)
    expect(page.locator("#state")).to_have_attribute("data-status", "Finished")
    expect(page.frame_locator("iframe").locator("#words")).to_have_text("the last")
    expect(log).to_have_text("red and green\n")


def test_what_an_organizer_writes_runs_nothing_in_the_browser(
    competition: Competition, pat: User, visit: Visiting
) -> None:
    hostile = "<script>window.bad=1</script><img src=/x onerror='window.bad=1'><svg onload='window.bad=1'></svg>"
    Page.objects.update(content=hostile)
    page = visit(pat, may_complain=True).open(f"/competitions/{competition.pk}/")
    assert page.evaluate("window.bad") is None


def test_the_results_scroll_with_their_head_in_view(make_competition: Making, pat: User, visit: Visiting) -> None:
    columns = [{"title": f"Score {n}", "key": f"s{n}", "index": n, "sorting": "desc"} for n in range(9)]
    competition = make_competition(columns=columns)
    phase = competition.phases.get()
    for place in range(45):
        finished_submission(phase, pat, float(place))
    page = visit().open(f"/competitions/{competition.pk}/results/")
    board = page.get_by_role("region", name="Results")
    board.scroll_into_view_if_needed()
    board.evaluate("frame => { frame.scrollTop = frame.scrollHeight }")
    expect(page.get_by_role("row", name=re.compile("^45 "))).to_be_in_viewport()
    expect(page.get_by_role("columnheader", name="Participant")).to_be_in_viewport()


def test_an_organizer_sees_an_archive_being_written_and_downloads_it(
    competition: Competition, olivia: User, visit: Visiting
) -> None:
    window = visit(olivia)
    page = window.open(f"/competitions/{competition.pk}/archives/")
    page.get_by_role("button", name="Create an archive").click()
    expect(page.get_by_role("region", name="Table of the archives")).to_contain_text("Waiting")
    background()
    expect(page.get_by_role("region", name="Table of the archives")).to_contain_text("Finished")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the archive").click()
    assert is_archive(Path(download.value.path()))

"""Real Chromium against the whole ASGI application, served from a thread of the test process."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

from tests.factories import PASSWORD

if TYPE_CHECKING:
    from podium.site.accounts.models import User

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 800}
Look = tuple[ViewportSize, Literal["light", "dark"]]
LOOKS: tuple[Look, ...] = ((WIDE, "light"), (PHONE, "dark"))
if os.environ.get("PODIUM_EVERY_LOOK"):
    LOOKS += ((WIDE, "dark"), (PHONE, "light"))
PICTURES = Path(__file__).parents[2] / "artefacts"
"""Where pictures of all pages are kept, and of those on which a test has failed."""
AXE = Axe().axe_script
FAILED = pytest.StashKey[bool]()
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs all browser tests, so that the other cores are left to the others."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


class _Server(uvicorn.Server):
    """Tells when it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()


@pytest.fixture
def server(transactional_db: None, queue: Any, files: Any) -> Iterator[str]:
    """The address of the running site."""
    from podium.site.asgi import application  # noqa: PLC0415 - after the settings of the test

    listener = socket.create_server(("127.0.0.1", 0))
    running = _Server(
        uvicorn.Config(application, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    assert running.accepting.wait(30), "the site did not start"
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    thread.join(30)
    listener.close()
    assert not thread.is_alive(), "the site did not stop"


@pytest.fixture(scope="module")
def chromium(django_db_setup: None) -> Iterator[Browser]:
    """One browser for the tests of a module; each test has windows of its own.

    Playwright's synchronous interface keeps an event loop in the tests' own thread, where Django refuses queries
    unless told otherwise and asynchronous tests cannot run; so it is gone before the next module begins.
    """
    assert os.access(CHROMIUM, os.X_OK), "Chromium is missing: apt-get install chromium"
    with pytest.MonkeyPatch.context() as patched, sync_playwright() as playwright:
        patched.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """A person at a browser; whatever the console complains about fails the test at its end."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.address = address
        self.who = "nobody"
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({self.page.url})")

    def open(self, path: str) -> Page:
        """Open a page of the site."""
        self.page.goto(self.address + path)
        return self.page

    def faults(self) -> list[str]:
        """What is wrong with the page that is open: axe's violations, and wider than the window.

        Frames are left out: what is in them is not ours, and no script of the page may speak with them.
        """
        self.page.evaluate(AXE)
        return self._faults()

    def faults_in_every_look(self, name: str = "") -> list[str]:
        """The same on a desktop in light and on a phone in dark; a page that is open follows, as no script asks.

        Each look is kept as a picture, named by its address where no name is given. `PODIUM_EVERY_LOOK` adds the
        desktop in dark and the phone in light.
        """
        self.page.evaluate(AXE)
        faults = []
        for viewport, scheme in LOOKS:
            self.page.set_viewport_size(viewport)
            self.page.emulate_media(color_scheme=scheme)
            faults += self._faults()
            self.picture(f"pages/{viewport['width']}-{scheme}", name)
        return faults

    def picture(self, folder: str, name: str = "") -> None:
        """Keep a picture of the whole page that is open, named by who looks, and its address where no name is given."""
        name = name or re.sub(r"[^a-z0-9]+", "-", self.page.url.removeprefix(self.address).lower()).strip("-") or "home"
        path = PICTURES / folder / f"{self.who}-{name[:120]}.jpg"
        self.page.screenshot(path=path, full_page=True, type="jpeg", quality=60)

    def _faults(self) -> list[str]:
        found = self.page.evaluate(
            "axe.run({iframes: false, resultTypes: ['violations']}).then(found => found.violations)"
        )
        faults = [f"{self.page.url}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
        width = self.page.evaluate("document.documentElement.scrollWidth")
        window = self.page.viewport_size
        assert window is not None
        if width > window["width"]:
            faults.append(f"{self.page.url}: {width} pixels wide")
        return [f"{fault} ({window['width']} pixels)" for fault in faults]

    def log_in(self, user: User) -> None:
        """Log in by the form."""
        self.who = user.username
        self.open("/accounts/login/")
        self.page.get_by_label("User name or e-mail address").fill(user.username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("main").get_by_role("button", name="Log in", exact=True).click()
        self.page.wait_for_url(self.address + "/")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know, when they end, that their test has failed."""
    report = yield
    if report.when == "call" and report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def visit(chromium: Browser, server: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visit]]:
    """Open a window: of a person or anonymous, wide or phone, light or dark, with scripts or without.

    Where the test fails, what its windows show is kept as pictures.
    """
    visits: list[Visit] = []
    opened: list[Visit] = []

    def make(user: User | None = None, *, may_complain: bool = False, **options: Any) -> Visit:
        context = chromium.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
        context.set_default_timeout(PATIENCE_MS)
        made = Visit(context, server)
        opened.append(made)
        if not may_complain:
            visits.append(made)
        if user is not None:
            made.log_in(user)
        return made

    yield make
    if request.node.stash.get(FAILED, False):
        for number, one in enumerate(opened):
            one.picture("failed", f"{request.node.name}-{number}")
    complaints = [complaint for made in visits for complaint in made.complaints]
    for context in chromium.contexts:
        context.close()
    assert complaints == []

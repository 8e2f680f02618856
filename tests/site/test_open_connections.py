"""Who is told what by what stays open, sockets and event streams, in every world: a table that is made and compared.

It is one file for all worlds, so rewrite it with `-n 0`.
"""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from starlette.routing import WebSocketRoute

from podium.site.accounts.models import User
from podium.site.asgi import application, routed
from podium.site.competitions.models import Competition
from podium.site.evaluation.codabench_worker import watching
from podium.site.queues.models import Queue
from tests.site.access_answers import FOLDER, body_of, done, inline, pump
from tests.site.access_marks import Mark, marks_of
from tests.site.access_table import STREAMS
from tests.site.access_worlds import CLOSED, OPEN, ROLES, STATES, World, make_people, make_world, with_broker

SECRET = "0b8ff3b2-6a5c-4f52-9d2c-0c2c7d8d2c11"
SOCKETS = {
    "/submission_output/": "/submission_output/",
    "/submission_input/{user:int}/{submission:int}/{secret}/": f"/submission_input/<user>/<submission>/{SECRET}/",
    "/{anywhere:path}": "/api/submissions/<submission>/",
}
"""Routes of sockets, and the address that each is asked by: with a secret that is not the submission's."""
WORLDS = [OPEN, CLOSED, *STATES]
TABLE = FOLDER / "open-connections.txt"
HEAD = """\
# What each role is told by what stays open, in each world, made by `pytest tests/site/test_open_connections.py
# --rewrite-fields`. A line is an event, a message, or a mark in one of them; the columns are
#   {roles}
# x: told   .: not told   -: refused
"""


@dataclass
class Heard:
    """What came by a connection: whether it was opened, the kinds of messages, all of it as text."""

    opened: bool
    kinds: list[str]
    text: str


def test_every_socket_is_in_the_table() -> None:
    paths = {route.path for route in routed.routes if isinstance(route, WebSocketRoute)}
    assert paths == set(SOCKETS), "a new socket: say here by which address it is asked"


class _Socket:
    """A page that opens a socket, asks for a submission, listens until nothing more comes, and leaves."""

    def __init__(self, path: str, cookie: str, submission: int) -> None:
        self.heard = Heard(False, [], "")
        self._steps = iter(["websocket.connect", "websocket.receive"])
        self._asked = json.dumps({"submission_ids": [submission]})
        headers = [(b"host", b"testserver"), *([(b"cookie", cookie.encode())] if cookie else [])]
        self.scope = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"kind=program",
            "root_path": "",
            "scheme": "ws",
            "server": ("testserver", 80),
            "client": ("127.0.0.1", 5000),
            "headers": headers,
            "subprotocols": [],
        }

    async def receive(self) -> dict[str, Any]:
        step = next(self._steps, "")
        if step == "websocket.connect":
            return {"type": step}
        if step:
            return {"type": step, "text": self._asked}
        telling = [task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "_Watcher._tell"]  # type: ignore[union-attr]
        await asyncio.gather(*telling, return_exceptions=True)  # each ends where it would wait for news
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(self, message: Any) -> None:
        self.heard.opened = self.heard.opened or message["type"] == "websocket.accept"
        if message["type"] == "websocket.send":
            told = json.loads(message["text"])
            data = told.get("data")
            lines = [json.loads(line) for line in data.split("\n")] if told["type"] == "catchup" else [data]
            self.heard.kinds += [f"{told['type']} {line['kind']}" if line else told["type"] for line in lines]
            self.heard.text += message["text"]

    def listen(self) -> Heard:
        async def run() -> None:
            try:
                await application(self.scope, self.receive, self.send)  # type: ignore[arg-type]
            finally:
                done()

        with ThreadPoolExecutor(1) as beside:
            running = beside.submit(lambda: asyncio.run(run()))
            pump()
            running.result()
        return self.heard


def _by_stream(world: World, role: str, route: str) -> Heard:
    answer = world.clients[role].get(world.path(route))
    text = body_of(answer).decode()
    names = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    return Heard(answer.status_code == 200, names, text)


def _by_socket(world: World, role: str, address: str) -> Heard:
    name = settings.SESSION_COOKIE_NAME
    cookies, owner = world.clients[role].cookies, world.people["pat"]
    assert owner is not None
    path = address.replace("<user>", str(owner.pk)).replace("<submission>", str(world.submission.pk))
    cookie = f"{name}={cookies[name].value}" if name in cookies else ""
    return _Socket(path, cookie, world.submission.pk).listen()


def _rows(marks: list[Mark], by_role: dict[str, Heard]) -> dict[str, dict[str, str]]:
    lines: dict[str, dict[str, str]] = {}
    kinds = dict.fromkeys(kind for heard in by_role.values() for kind in heard.kinds)
    shown = [mark for mark in marks if any(mark.text in heard.text for heard in by_role.values())]
    lines["(opened)"] = dict.fromkeys(by_role, "x")
    for kind in kinds:
        lines[kind] = {role: "x" if kind in heard.kinds else "." for role, heard in by_role.items()}
    for mark in shown:
        lines[f"shows {mark.name}"] = {role: "x" if mark.text in heard.text else "." for role, heard in by_role.items()}
    return {
        name: {role: cell if by_role[role].opened else "-" for role, cell in cells.items()}
        for name, cells in lines.items()
    }


def _told(world: World) -> str:
    marks = list(marks_of(world))
    blocks = []
    for address, hear in [
        *((route, _by_stream) for route in STREAMS),
        *((address, _by_socket) for address in SOCKETS.values()),
    ]:
        by_role = {role: hear(world, role, address) for role in ROLES}
        wrong = [
            f"{world.setting.name}: {address}: {role} receives the mark of {mark.name}"
            for role, heard in by_role.items()
            for mark in marks
            if mark.text in heard.text and role not in mark.audience
        ]
        assert not wrong, "\n".join(wrong)
        rows = [f"  {' '.join(cells[role] for role in ROLES)}  {name}" for name, cells in _rows(marks, by_role).items()]
        blocks.append("\n".join([address.replace(SECRET, "<secret>"), *rows]))
    return "\n".join([f"== {world.setting.name}", *blocks, ""])


@pytest.fixture
def everybody(olivia: User, pat: User, sam: User, ada: User) -> dict[str, User | None]:
    return make_people(olivia, pat, sam, ada)


@pytest.mark.parametrize(
    "setting",
    [pytest.param(one, id=one.name, marks=[] if one is OPEN else pytest.mark.slow) for one in WORLDS],
)
def test_what_stays_open_tells_each_role_what_the_table_says(
    setting: Any,
    make_competition: Callable[..., Competition],
    everybody: dict[str, User | None],
    queue: Queue,
    client_of: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    inline(monkeypatch)
    monkeypatch.setattr(watching, "_LOOK_SECONDS", 3600)
    with_broker(settings.CONFIG, monkeypatch)
    world = make_world(setting, make_competition, everybody, queue, client_of)
    told = _told(world)
    kept = _kept()
    if request.config.getoption("--rewrite-fields"):
        kept[setting.name] = told
        blocks = [kept[one.name] for one in WORLDS if one.name in kept]
        TABLE.write_text("\n".join([HEAD.format(roles=" ".join(ROLES)), *blocks]), encoding="utf-8")
    assert kept.get(setting.name, "").splitlines() == told.splitlines(), "say so with --rewrite-fields"


def _kept() -> dict[str, str]:
    """The table by world."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []:
        if line.startswith("== "):
            lines = found.setdefault(line[3:], [])
        if not line.startswith("#") and line:
            lines.append(line)
    return {name: "\n".join([*block, ""]) for name, block in found.items()}

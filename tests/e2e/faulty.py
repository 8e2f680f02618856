"""A reverse proxy that stands between workers and the site and breaks what the test tells it to break.

A rule says for requests of one kind (see `kind_of`) what is done to them, and how often; without a rule a request goes
through. Because a worker's progress is seen in its requests, holding one stops the worker at exactly that stage, with
no hook in the program itself:

    download  it fetches its files          upload    its sandbox has ended, its output is to be stored
    beat      it runs                       finish    everything is done but the last word
"""

from __future__ import annotations

import contextlib
import http.client
import re
import select
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from .waiting import PATIENCE, eventually

Kind = Literal["claim", "beat", "finish", "download", "upload", "other"]
_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}


def kind_of(method: str, path: str) -> Kind:
    """What a request is, by method and path."""
    if path.startswith("/files/"):
        return "upload" if method == "PUT" else "download"
    found = re.fullmatch(r"/api/worker/(?:attempts/\d+/)?(claim|beat|finish)", path.partition("?")[0])
    return found[1] if found else "other"  # type: ignore[return-value]


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    client: socket.socket | None = field(default=None, compare=False, repr=False)

    @property
    def kind(self) -> Kind:
        return kind_of(self.method, self.path)


@dataclass(frozen=True)
class Answer:
    """What the site said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Cut(Exception):
    """The connection is to be closed without an answer."""


Treatment = Callable[["FaultyProxy", Asked], Answer]


@dataclass
class _Rule:
    kind: Kind
    treat: Treatment
    left: int | None  # None: as often as it comes


@dataclass
class Held:
    """A request that waits inside the proxy until the test lets it go or cuts it off."""

    asked: Asked | None = None
    _here: threading.Event = field(default_factory=threading.Event)
    _decided: threading.Event = field(default_factory=threading.Event)
    _cut: bool = False

    def arrived(self) -> Asked:
        """Wait until the request is there."""
        assert self._here.wait(PATIENCE), "the request that was to be held never came"
        assert self.asked is not None
        return self.asked

    def release(self) -> None:
        """Let it go on its way."""
        self._decided.set()

    def cut(self) -> None:
        """Close its connection."""
        self._cut = True
        self._decided.set()

    def wait(self, asked: Asked) -> None:
        """Called by the proxy. Raises Cut."""
        self.asked = asked
        self._here.set()
        self._decided.wait()
        if self._cut:
            raise Cut


class FaultyProxy:
    """The proxy; `target` is the port of the site, which may come and go."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.seen: list[Asked] = []
        self.counted: Counter[str] = Counter()
        self.answered: Counter[tuple[str, int]] = Counter()
        self._under_way = 0
        self._rules: list[_Rule] = []
        self._held: list[Held] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """End it, and every request that it holds."""
        self.clear()
        self._server.shutdown()
        self._server.server_close()

    def clear(self) -> None:
        """Forget all rules and requests, and cut off what is held."""
        with self._lock:
            self._rules.clear()
            self.seen.clear()
            self.counted.clear()
            self.answered.clear()
            held, self._held = self._held, []
        for one in held:
            one.cut()

    # What can be done to requests

    def treat(self, kind: Kind, treatment: Treatment, *, times: int | None = 1) -> None:
        """Do something of one's own to the next requests of a kind."""
        with self._lock:
            self._rules.append(_Rule(kind, treatment, times))

    def hold(self, kind: Kind) -> Held:
        """Keep the next request of a kind from reaching the site."""
        held = self._new_held()

        def treatment(proxy: FaultyProxy, asked: Asked) -> Answer:
            held.wait(asked)
            return proxy.forward(asked)

        self.treat(kind, treatment)
        return held

    def hold_half(self, kind: Kind) -> Held:
        """Give the site half of the body of the next request of a kind; the rest only after a release."""
        held = self._new_held()
        self.treat(kind, lambda proxy, asked: proxy.forward(asked, half_way=lambda: held.wait(asked)))
        return held

    def hold_answer(self, kind: Kind) -> Held:
        """Let the next request of a kind through and keep its answer."""
        held = self._new_held()

        def treatment(proxy: FaultyProxy, asked: Asked) -> Answer:
            answer = proxy.forward(asked)
            held.wait(asked)
            return answer

        self.treat(kind, treatment)
        return held

    def refuse(self, kind: Kind, *, status: int = 503, times: int | None = 1) -> None:
        """Answer the next requests of a kind with an error, as a broken storage or site would."""
        self.treat(kind, lambda *_: Answer(status, [("Content-Type", "text/plain")], b"out of order"), times=times)

    def drop(self, kind: Kind, *, times: int | None = 1) -> None:
        """Close the connection of the next requests of a kind without an answer, as a time-out would."""

        def treatment(*_: object) -> Answer:
            raise Cut

        self.treat(kind, treatment, times=times)

    def drop_answer(self, kind: Kind, *, times: int | None = 1) -> None:
        """Let the next requests of a kind through and lose the answers."""

        def treatment(proxy: FaultyProxy, asked: Asked) -> Answer:
            proxy.forward(asked)
            raise Cut

        self.treat(kind, treatment, times=times)

    def double(self, kind: Kind, *, times: int | None = None) -> None:
        """Deliver requests of a kind twice."""

        def treatment(proxy: FaultyProxy, asked: Asked) -> Answer:
            proxy.forward(asked)
            return proxy.forward(asked)

        self.treat(kind, treatment, times=times)

    def wait_until_seen(self, kind: Kind, times: int) -> None:
        """Wait until a kind of request has come so often since the last `clear`."""
        eventually(lambda: self.counted[kind] >= times, f"{times} requests of the kind {kind}")

    def wait_until_answered(self, kind: Kind, status: int) -> None:
        """Wait until a request of a kind has been answered with that status since the last `clear`."""
        eventually(lambda: self.answered[kind, status], f"an answer {status} to a request of the kind {kind}")

    @property
    def at_rest(self) -> bool:
        """Whether no request but claims, which wait for work, is under way."""
        return self._under_way == 0

    def _new_held(self) -> Held:
        held = Held()
        with self._lock:
            self._held.append(held)
        return held

    # The way of a request

    def answer(self, asked: Asked) -> Answer:
        """Do to a request what the first rule for its kind says. Raises Cut, also when the site is not there."""
        rule = self._rule_for(asked)
        counts = asked.kind != "claim"
        with self._lock:
            self._under_way += counts
        try:
            answer = rule.treat(self, asked) if rule is not None else self.forward(asked)
        finally:
            with self._lock:
                self._under_way -= counts
        self.answered[asked.kind, answer.status] += 1
        return answer

    def _rule_for(self, asked: Asked) -> _Rule | None:
        with self._lock:
            self.seen.append(asked)
            self.counted[asked.kind] += 1
            rule = next((rule for rule in self._rules if rule.kind == asked.kind), None)
            if rule is not None and rule.left is not None:
                rule.left -= 1
                if rule.left == 0:
                    self._rules.remove(rule)
            return rule

    def forward(self, asked: Asked, *, half_way: Callable[[], None] | None = None) -> Answer:
        """Give a request to the site. Raises Cut when there is no answer."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.target, timeout=60)) as connection:
            try:
                connection.putrequest(asked.method, asked.path, skip_accept_encoding=True)
                for name, value in asked.headers.items():
                    if name.lower() not in _HOP:
                        connection.putheader(name, value)
                connection.putheader("Content-Length", str(len(asked.body)))
                connection.endheaders()
                middle = len(asked.body) // 2
                connection.send(asked.body[:middle])
                if half_way is not None:
                    half_way()
                connection.send(asked.body[middle:])
                if asked.kind == "claim" and asked.client is not None:
                    _wait_while_both_are_there(asked.client, connection.sock)
                got = connection.getresponse()
                headers = [(name, value) for name, value in got.getheaders() if name.lower() not in _HOP]
                return Answer(got.status, headers, got.read())
            except (OSError, http.client.HTTPException) as error:
                raise Cut from error


def _wait_while_both_are_there(client: socket.socket, site: socket.socket) -> None:
    """Wait for the site's answer; Cut when the worker hangs up first, or a job would be given to a dead one's poll."""
    while True:
        ready, _, _ = select.select([client, site], [], [])
        if site in ready:
            return
        if not client.recv(1, socket.MSG_PEEK):
            raise Cut


def _handler(proxy: FaultyProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            try:
                answer = proxy.answer(Asked(self.command, self.path, dict(self.headers), self._body(), self.connection))
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
            except (Cut, OSError):
                self.close_connection = True

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                pieces = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    pieces.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(pieces)
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))

        do_GET = do_POST = do_PUT = do_HEAD = do_PATCH = _handle  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the addresses are signed, and there are many."""

    return Handler


@contextlib.contextmanager
def faulty_proxy(target: int) -> Iterator[FaultyProxy]:
    """A proxy in front of the site on that port, ended with the block."""
    proxy = FaultyProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()

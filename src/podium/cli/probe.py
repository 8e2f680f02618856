"""Asks a web server for its first page without ever blocking the one who asks."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable

from podium.cli.supervisor import Supervisor

ASK_EVERY_SECONDS = 0.05
ANSWER_SECONDS = 10.0
FIRST_FAULT_PAUSE = 0.25
LONGEST_FAULT_PAUSE = 10.0
BAD_ANSWERS = 4


class Probe:
    """Asks for `/` again and again from a supervisor's loop, and calls `on_ready` once when it is answered well.

    `on_failing` is called with the status when four answers in all were errors. After an error the next question
    waits longer each time: a page that fails writes a traceback to the log for each. Status 503 is no error but a
    server that is not ready.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        host: str,
        port: int,
        host_header: str,
        *,
        on_ready: Callable[[], None],
        on_failing: Callable[[str], None],
    ) -> None:
        self._supervisor = supervisor
        self._address = (host, port)
        self._request = f"GET / HTTP/1.1\r\nHost: {host_header}\r\nConnection: close\r\n\r\n".encode()
        self._on_ready = on_ready
        self._on_failing = on_failing
        self._errors = 0
        self._refusals = 0
        self._connection: socket.socket | None = None

    def ask(self) -> None:
        """Open a connection; the answer comes later."""
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):  # refused: seen when it is written to
            connection.connect(self._address)
        self._connection = connection
        self._supervisor.watch(connection.fileno(), selectors.EVENT_WRITE, lambda: self._connected(connection))
        self._supervisor.later(ANSWER_SECONDS, lambda: self._again(connection))

    def _connected(self, connection: socket.socket) -> None:
        self._supervisor.unwatch(connection.fileno())
        try:
            connection.sendall(self._request)
        except OSError:  # nobody listens yet
            connection.close()
            self._connection = None
            self._supervisor.later(ASK_EVERY_SECONDS, self.ask)
            return
        self._supervisor.watch(connection.fileno(), selectors.EVENT_READ, lambda: self._answered(connection))

    def _answered(self, connection: socket.socket) -> None:
        try:
            words = connection.recv(4096).split(b" ", 2)
        except OSError:
            words = []
        if len(words) < 2 or not words[0].startswith(b"HTTP/"):
            self._again(connection)
        elif words[1][:1] in {b"2", b"3"}:
            self._close(connection)
            self._on_ready()
        else:
            self._refused(connection, words[1].decode(errors="replace"))

    def _refused(self, connection: socket.socket, status: str) -> None:
        """Count an error; give up, or ask again after a pause that grows."""
        self._refusals += 1
        self._errors += status != "503"
        self._close(connection)
        if self._errors >= BAD_ANSWERS:
            self._on_failing(status)
            return
        pause = min(LONGEST_FAULT_PAUSE, FIRST_FAULT_PAUSE * 2.0 ** (self._refusals - 1))
        self._supervisor.later(pause, self.ask)

    def _again(self, connection: socket.socket) -> None:
        """Ask anew, unless this connection is over already."""
        if self._connection is connection:
            self._close(connection)
            self._supervisor.later(ASK_EVERY_SECONDS, self.ask)

    def _close(self, connection: socket.socket) -> None:
        with contextlib.suppress(KeyError):  # it may be between two states, watched in neither
            self._supervisor.unwatch(connection.fileno())
        connection.close()
        self._connection = None

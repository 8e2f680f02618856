"""Asks a web server for its first page without ever blocking the one who asks."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable

from podium.cli.supervisor import Supervisor

ASK_EVERY_SECONDS = 0.05
ANSWER_SECONDS = 10.0


class Probe:
    """Asks for `/` again and again from a supervisor's loop, and calls `on_ready` once when it is answered well."""

    def __init__(
        self, supervisor: Supervisor, host: str, port: int, host_header: str, on_ready: Callable[[], None]
    ) -> None:
        self._supervisor = supervisor
        self._address = (host, port)
        self._request = f"GET / HTTP/1.1\r\nHost: {host_header}\r\nConnection: close\r\n\r\n".encode()
        self._on_ready = on_ready
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
        if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1][:1] in {b"2", b"3"}:
            self._close(connection)
            self._on_ready()
        else:
            self._again(connection)

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

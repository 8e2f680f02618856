"""A cap on the head of a request (its address and headers) before anything is made of it.

The server keeps what arrives until the head is complete, however long it is and however long that takes; and what reads
headers later takes the square of their length (measured: a `Content-Type` of 500 kB, nine seconds of a thread).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES: Final = 64 * 1024
MOST_HEADERS: Final = 200
SECONDS: Final = 30.0
"""How long a head may take to arrive, from the first byte, or from the connection for the first one."""


class HeadLimit(HttpToolsProtocol):
    """Speaks HTTP as uvicorn does; answers 431 to a head that is too large, and closes on one that does not end."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held = 0
        self._progress = self._refused = False
        self._headers_seen = self._header_bytes = 0
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for a head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._arrived()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._arrived()
        self._late = self.loop.call_later(SECONDS, self.transport.close)

    def _arrived(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def data_received(self, data: bytes) -> None:
        """Read on, unless too much has come of which nothing could be made yet: a header, or what ends a body."""
        if self._refused:
            return
        self._progress = False
        super().data_received(data)
        self._held = 0 if self._progress else self._held + len(data)
        if self._held > MOST_BYTES and not self.transport.is_closing():
            self._refuse()
            self.send_400_response("")

    def _refuse(self) -> None:
        self._refused = True
        self._arrived()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._progress = True
        self._headers_seen = self._header_bytes = 0
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, of the head or behind a body. Raises ValueError, upon which the request is refused."""
        self._headers_seen += 1
        self._header_bytes += len(name) + len(value)
        if self._headers_seen > MOST_HEADERS or self._header_bytes > MOST_BYTES:
            self._refuse()
            raise ValueError("the head of the request is too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._progress = True
        self._arrived()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Something of the body."""
        self._progress = True
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with a request that could not be read, and close."""
        if not self._refused:
            super().send_400_response(msg)
            return
        text = b"The address and headers of the request are too large."
        head = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
        self.transport.write(head + b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(text), text))
        self.transport.close()

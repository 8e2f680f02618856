"""Which addresses webhooks may be sent to, and the way there.

The site sends to addresses that organizers give, from inside its operator's network; so only public addresses are
taken unless the operator allows others. A name is resolved when the connection is made and the address it gives is the
one that is connected to, so a name that changes its address after it was checked (DNS rebinding) leads nowhere else.
Redirects are not followed, proxies of the environment not used, and no request takes longer than its deadline.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import certifi
import httpcore
from django.conf import settings
from django.utils.translation import gettext as _

from podium.site.errors import Refused

SECONDS = 15.0
"""The most that one request may take, from resolving to the last byte that is read."""
_NOT_PUBLIC = "{} has no address, or one inside a private network; the site sends to public addresses only."
"""One answer for both: which names there are in the operator's network is no organizer's business."""
HEAD = 1000
"""How many bytes of an answer are read."""


_IN_USE = ipaddress.ip_network("2000::/3")
"""All that was ever given out of IPv6 for the public net."""


class Undeliverable(Exception):
    """A request could not be made or was not answered; the text says why."""


@dataclass(frozen=True)
class Answer:
    """What a receiver answered: status, and the beginning of the body."""

    status: int
    head: bytes


def check_url(url: str) -> str:
    """A webhook's address, cleaned. Raises Refused for one that the site does not send to."""

    def refused(why: str) -> Refused:
        return Refused(why, field="url", code="bad_url")

    url = url.strip()
    if any(ord(letter) <= 32 or ord(letter) > 126 for letter in url):
        raise refused(_("The address has blanks or letters that must be encoded."))
    try:
        parts = urlsplit(url)
        host = parts.hostname
        parts.port  # noqa: B018 - it raises for a port that is none
    except ValueError:
        raise refused(_("This is not a web address.")) from None
    if parts.scheme not in {"https", "http"} or not host:
        raise refused(_("Give an address that begins with https://."))
    if parts.scheme == "http" and not settings.CONFIG.webhook_http:
        raise refused(_("The address must begin with https://."))
    if parts.username or parts.password:
        raise refused(_("Leave user and password out of the address; check the signature instead."))
    if parts.fragment:
        raise refused(_("Leave out what follows #."))
    literal = _literal(host)
    if host.rstrip(".").lower() == "localhost" or (literal is not None and not is_allowed(literal)):
        if settings.CONFIG.webhook_private_addresses:
            return url
        raise refused(_("This address is inside a private network; the site sends to public ones only."))
    return url


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def is_allowed(address: str) -> bool:
    """Whether the site may connect to an IP address: public ones, or all where the operator says so."""
    if settings.CONFIG.webhook_private_addresses:
        return True
    found = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(found, ipaddress.IPv6Address):
        # Addresses that stand for an IPv4 address are as public as that is.
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
        if found not in _IN_USE:
            return False  # site-local, IPv4-compatible and other ranges that Python takes for public
    return found.is_global and not found.is_multicast


class _Timed(httpcore.NetworkStream):
    """A connection that ends at its deadline, however slowly the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("no complete answer in time")
        return left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, self._left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to public addresses only, by the very address that was checked."""

    def __init__(self, seconds: float) -> None:
        self._real = httpcore.SyncBackend()
        self._deadline = time.monotonic() + seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check every address, connect to the first. Raises Undeliverable, and httpcore's errors."""
        try:
            found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            raise Undeliverable(_NOT_PUBLIC.format(host)) from error
        if not found or not all(is_allowed(address) for address in found):
            raise Undeliverable(_NOT_PUBLIC.format(host))
        stream = self._real.connect_tcp(found[0], port, min(5.0, timeout or 5.0), local_address, socket_options)
        return _Timed(stream, self._deadline)

    def connect_unix_socket(self, path: str, timeout: float | None = None, socket_options: Any = None) -> Any:
        """Never."""
        raise Undeliverable("not a web address")


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()  # and what the operator's machine trusts
    return context


def post(url: str, headers: Mapping[bytes | str, bytes | str], body: bytes, *, seconds: float = SECONDS) -> Answer:
    """Send a body to a webhook and read the beginning of the answer. Raises Undeliverable."""
    pool = httpcore.ConnectionPool(ssl_context=_context(), network_backend=GuardedBackend(seconds), retries=0)
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
    try:
        with pool, pool.stream("POST", url, headers=headers, content=body, extensions={"timeout": timeouts}) as answer:
            head = b""
            for piece in answer.iter_stream():
                head += piece
                if len(head) >= HEAD:
                    break
            return Answer(answer.status, head[:HEAD])
    except httpcore.TimeoutException as error:
        raise Undeliverable(f"No answer within {seconds:g} seconds.") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ssl.SSLError) as error:
        raise Undeliverable(f"The connection failed: {error or type(error).__name__}"[:300]) from error

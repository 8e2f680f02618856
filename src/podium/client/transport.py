"""One HTTP connection pool with the token, retries and errors that read well."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from podium.client.errors import PodiumError, UnexpectedAnswerError, UnreachableError, error_from

RETRIES = 4
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 8.0
LONGEST_ASKED_PAUSE = 60.0
MAX_ERROR_BYTES = 64 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_WORTH_ANOTHER_TRY = frozenset({502, 503, 504})

Body = Callable[[], Iterator[bytes]]


def clean_server(address: str) -> str:
    """Give the server's address its usual form: a scheme, no path tail, no trailing slash.

    Without a scheme, loopback addresses get http and all others https.

    Raises PodiumError when the text is no web address.
    """
    text = address.strip()
    if "://" not in text:
        host = urlsplit(f"//{text}").hostname or ""
        scheme = "http" if host in LOOPBACK else "https"
        text = f"{scheme}://{text}"
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PodiumError(
            f"{address!r} is not a web address.",
            hint="Write it as https://podium.example.org or http://127.0.0.1:8000.",
        )
    path = parts.path.rstrip("/").removesuffix("/api")
    return f"{parts.scheme}://{parts.netloc}{path}"


class Transport:
    """Calls the API at `server` with `token`.

    Calls that may be repeated without harm are repeated on broken connections and on 502, 503 and 504, with
    growing pauses; a call that never left this machine and one that was refused with 429 are always repeated.
    `pause` sleeps for the given seconds.
    """

    def __init__(
        self,
        server: str,
        token: str | None,
        *,
        timeout: float,
        transport: httpx.BaseTransport | None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.server = clean_server(server)
        self.token = token
        self.pause = pause
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            transport=transport,
            trust_env=urlsplit(self.server).hostname not in LOOPBACK,  # a proxy would look for itself there
            headers={"User-Agent": "podium-client", "Accept": "application/json"},
        )

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def url(self, path: str) -> str:
        """An absolute address: `path` as it is, or joined to the server's."""
        return urljoin(self.server + "/", path)

    def call(self, method: str, path: str, *, json: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """Call the API and return the decoded JSON, or None for an empty answer.

        Raises ApiError when the server refuses, UnreachableError when there is no connection.
        """
        with self._answer(method, self.url(path), json=json, params=params) as response:
            body = response.read()
        if not body.strip():
            return None
        try:
            return response.json()
        except ValueError as error:
            raise UnexpectedAnswerError(
                f"{self.server} answered, but not as a Podium server does ({path}).",
                hint="Check the address of the server.",
            ) from error

    @contextmanager
    def stream(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout: float = 60
    ) -> Iterator[httpx.Response]:
        """Open a GET whose body is read piece by piece; redirects are followed, the token stays with the server."""
        with self._answer("GET", self.url(url), headers=headers, follow=True, timeout=timeout) as response:
            yield response

    def put_file(self, url: str, body: Body, size: int, *, headers: Mapping[str, str]) -> None:
        """PUT `size` bytes to a signed address, which carries its own permission; the token is not sent."""
        every = {**headers, "Content-Length": str(size)}
        with self._answer("PUT", self.url(url), body=body, headers=every, signed=True, timeout=300):
            return

    @contextmanager
    def _answer(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        signed: bool = False,
        follow: bool = False,
        timeout: float | None = None,
    ) -> Iterator[httpx.Response]:
        every = dict(headers or {})
        if self.token and not signed and self._is_ours(url):
            every["Authorization"] = f"Token {self.token}"
        for attempt in range(RETRIES + 1):
            request = self._http.build_request(
                method,
                url,
                json=json,
                params=params,
                headers=every,
                content=body() if body else None,
                timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else httpx.Timeout(timeout, connect=10.0),
            )
            try:
                response = self._http.send(request, stream=True, follow_redirects=follow)
            except httpx.TransportError as error:
                if attempt < RETRIES and (method in _IDEMPOTENT or isinstance(error, httpx.ConnectError)):
                    self.pause(pause_before(attempt))
                    continue
                raise unreachable(self.server, error) from error
            asked = asked_pause(method, response)
            if asked is not None and attempt < RETRIES:
                response.close()
                self.pause(max(asked, pause_before(attempt)))
                continue
            break
        try:
            self._refuse(response)
            yield response
        finally:
            response.close()

    def _refuse(self, response: httpx.Response) -> None:
        if response.is_redirect:
            target = response.headers.get("Location", "")
            raise UnexpectedAnswerError(
                f"The server sends this call on to {target}.", hint="Use the address that it names as --server."
            )
        if response.is_error:
            body = b""
            for piece in response.iter_bytes(8192):
                body += piece
                if len(body) >= MAX_ERROR_BYTES:
                    break
            raise error_from(response.status_code, response.headers.get("Content-Type", ""), body)

    def _is_ours(self, url: str) -> bool:
        ours, other = urlsplit(self.server), urlsplit(url)
        return (ours.scheme, ours.netloc) == (other.scheme, other.netloc)


def pause_before(attempt: int) -> float:
    """Seconds to wait before trying once more: doubling, capped, with a quarter of chance in it."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**attempt) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


def asked_pause(method: str, response: httpx.Response) -> float | None:
    """How long to wait before repeating a refused call, or None when it must not be repeated."""
    if response.status_code == 429 or (response.status_code in _WORTH_ANOTHER_TRY and method in _IDEMPOTENT):
        asked = response.headers.get("Retry-After", "")
        seconds = float(asked) if asked.isdigit() else 0.0
        return seconds if seconds <= LONGEST_ASKED_PAUSE else None
    return None


def unreachable(server: str, error: httpx.TransportError) -> UnreachableError:
    """Say what a failed connection means."""
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return UnreachableError(
            f"No connection to {server}: {error or 'no answer'}.",
            hint="Check the address (--server), and that the server is running.",
        )
    if isinstance(error, httpx.TimeoutException):
        return UnreachableError(f"{server} did not answer in time.", hint="Try again in a minute.")
    return UnreachableError(f"The connection to {server} broke: {error or type(error).__name__}.", hint="Try again.")

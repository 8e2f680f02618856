"""What a call consists of, apart from how it is carried out.

Every action of the client is written once, as a *plan*: a generator that yields steps (send this, read on, wait) and is
given what came of each. `drivers.py` carries plans out, once with blocking calls and once in an event loop. So what is
sent, what is made of the answers, what is tried again and when, is the same for both and is written in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import httpx

T = TypeVar("T")

Body = Callable[[], Iterator[bytes]]
"""Gives the pieces of a request's body, from the start each time it is called."""


@dataclass(frozen=True)
class Request:
    """A request before it is sent.

    `path` is an address or what follows the server's; `body` with `size` in bytes is sent piece by piece. `signed`
    addresses carry their own permission and are not given the token. `timeout` is in seconds, None for the client's.
    """

    method: str
    path: str
    params: Mapping[str, Any] | None = None
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    signed: bool = False
    follow: bool = False
    timeout: float | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once: by its method, or by a key the server knows."""
        return self.method in {"GET", "HEAD", "PUT", "DELETE"} or "Idempotency-Key" in self.headers


@dataclass(eq=False)
class Reply:
    """An answer whose head has arrived; its body is asked for by `Read` or `ReadPiece`."""

    http: httpx.Response
    pieces: Any = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.http.status_code

    @property
    def headers(self) -> httpx.Headers:
        """The headers."""
        return self.http.headers


@dataclass(frozen=True)
class Send:
    """Send a request; gives a Reply. Raises httpx.TransportError."""

    request: Request


@dataclass(frozen=True)
class Read:
    """Read a body to its end, or to `limit` bytes; gives bytes. Raises httpx.TransportError."""

    reply: Reply
    limit: int | None = None


@dataclass(frozen=True)
class ReadPiece:
    """Read on in a body; gives bytes, None at its end. Raises httpx.TransportError."""

    reply: Reply


@dataclass(frozen=True)
class Close:
    """Have done with an answer. What a plan leaves open is closed at its end."""

    reply: Reply


@dataclass(frozen=True)
class Pause:
    """Wait for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """Do something that blocks for a while (packing, reading and writing files); gives what it returns."""

    work: Callable[[], Any]


@dataclass(frozen=True)
class Together:
    """Carry out several plans, `at_most` at a time; gives their results in order, raises the first failure."""

    plans: Sequence[Plan[Any]]
    at_most: int


@dataclass(frozen=True)
class UseToken:
    """Log in with this token from now on; None forgets the one in use."""

    token: str | None


@dataclass(frozen=True)
class Emit(Generic[T]):
    """One of the things that a plan of many gives."""

    item: T


Step: TypeAlias = "Send | Read | ReadPiece | Close | Pause | Work | Together | UseToken"
Plan: TypeAlias = "Generator[Step, Any, T]"
Stream: TypeAlias = "Generator[Step | Emit[T], Any, None]"


@dataclass(frozen=True)
class Limited(Generic[T]):
    """A plan of many that is given `timeout` seconds (None: for ever), and raises `late` when they are over."""

    stream: Stream[T]
    timeout: float | None
    late: Exception


def send(request: Request) -> Plan[Reply]:
    """Yield `Send`, typed."""
    reply: Reply = yield Send(request)
    return reply


def read(reply: Reply, limit: int | None = None) -> Plan[bytes]:
    """Yield `Read`, typed."""
    content: bytes = yield Read(reply, limit)
    return content


def read_piece(reply: Reply) -> Plan[bytes | None]:
    """Yield `ReadPiece`, typed."""
    piece: bytes | None = yield ReadPiece(reply)
    return piece


def work(what: Callable[[], T]) -> Plan[T]:
    """Yield `Work`, typed."""
    result: T = yield Work(what)
    return result


def together(plans: Sequence[Plan[T]], *, at_most: int) -> Plan[list[T]]:
    """Yield `Together`, typed."""
    results: list[T] = yield Together(plans, at_most)
    return results

"""By which way the work at hand was asked for: in the browser, by a token, on the command line, or by the platform.

*Who* changes something is an argument of every service and never guessed. By which way they came only the outermost
layer knows, and services are called from pages, API, commands and background tasks alike; so it is carried in a context
variable, which the middleware sets for each request, the authentication by token narrows, and commands of the server
set for themselves. Where nobody has set it, the platform works by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from podium.site.audit.actions import Via


@dataclass(frozen=True)
class Origin:
    """A way: its kind, the name of the token ("" for none and for the plain token), and the client's address."""

    via: Via = Via.PLATFORM
    token: str = ""
    address: str | None = None


_ALONE = Origin()
_here: ContextVar[Origin] = ContextVar("podium_origin", default=_ALONE)


def here() -> Origin:
    """By which way what happens now was asked for."""
    return _here.get()


@contextmanager
def coming(origin: Origin) -> Iterator[None]:
    """Say by which way everything inside of the block was asked for."""
    before = _here.set(origin)
    try:
        yield
    finally:
        _here.reset(before)


def by_token(name: str) -> None:
    """Say that the request at hand came with a token; holds until the request's block ends."""
    _here.set(replace(_here.get(), via=Via.TOKEN, token=name))

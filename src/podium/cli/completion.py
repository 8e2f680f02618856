"""Completing numbers and names in the shell: what the server has, asked for quickly or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from podium.cli.config import ConfigError, load
from podium.cli.session import Globals, open_session

PATIENCE = 2.0
"""Seconds that a press of the tabulator may take."""
MOST = 50


def competitions(incomplete: str) -> list[tuple[str, str]]:
    """Numbers of competitions with their titles."""
    return _asked(lambda client: ((c.id, c.title) for c in client.competitions(kind="any")), incomplete)


def own_competitions(incomplete: str) -> list[tuple[str, str]]:
    """Numbers of competitions that the caller organizes, with their titles."""
    return _asked(lambda client: ((c.id, c.title) for c in client.competitions(mine=True, kind="any")), incomplete)


def submissions(incomplete: str) -> list[tuple[str, str]]:
    """Numbers of submissions, newest first, with their file and state."""
    return _asked(lambda client: ((s.id, f"{s.filename or ''} {s.status}") for s in client.submissions()), incomplete)


def queues(incomplete: str) -> list[tuple[str, str]]:
    """Numbers of queues with their names."""
    return _asked(lambda client: ((q.id, q.name) for q in client.queues()), incomplete)


def profiles(incomplete: str) -> list[tuple[str, str]]:
    """Names of profiles with their servers."""
    try:
        found = load().profiles
    except ConfigError:
        return []  # the command itself says what is wrong
    return [(name, one.server) for name, one in found.items() if name.startswith(incomplete)]


def _no_more_tries(_seconds: float) -> None:
    from podium.client import PodiumError  # noqa: PLC0415

    raise PodiumError("Whoever presses a key does not wait for another try.")


def _asked(ask: Callable[..., Iterable[tuple[int, str]]], incomplete: str) -> list[tuple[str, str]]:
    from podium.client import Podium, PodiumError  # noqa: PLC0415 - brings the HTTP library

    try:
        session = open_session(Globals())
        with Podium(session.server, session.token, timeout=PATIENCE, pause=_no_more_tries) as client:
            first = zip(range(MOST), ask(client), strict=False)
            return [(str(number), text) for _, (number, text) in first if str(number).startswith(incomplete)]
    except (PodiumError, ConfigError):
        return []  # a shell that waits for a completion shows no errors

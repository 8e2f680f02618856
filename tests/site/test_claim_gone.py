"""A worker that has hung up is given nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from podium.site.evaluation import intake


async def test_a_worker_that_has_hung_up_gets_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(intake, "token_of", lambda token: SimpleNamespace(pk=1, queue_id=1))
    monkeypatch.setattr(intake, "_look", lambda token, message: given.append(message))
    messages = [
        {"type": "http.request", "body": b'{"worker": "gone", "wait": 5}', "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"authorization", b"Bearer token")]}
    answer = await intake.claim(Request(scope, receive))
    assert answer.status_code == 204
    assert given == []

"""Of several requests for the same thing, the newest alone goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.responses import JSONResponse, Response

SUPERSEDED = {"detail": "The same was sent again meanwhile, and that one counts.", "code": "superseded"}


class Newest:
    """Ends what this process does under a name when it is asked for again.

    So a client that tries again does not wait for its broken connection to end, and many connections that stand still
    keep no more than one on the disk.
    """

    def __init__(self) -> None:
        self._going_on: dict[str, asyncio.Task[Response]] = {}

    async def answer(self, name: str, work: Coroutine[Any, Any, Response]) -> Response:
        """The answer of `work`, 409 when another came under the same name; what went on before has ended by then."""
        while (former := self._going_on.get(name)) is not None:
            former.cancel()
            await asyncio.wait({former})
            if self._going_on.get(name) is former:
                del self._going_on[name]
        task = self._going_on[name] = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task})
        finally:
            if self._going_on.get(name) is task:
                del self._going_on[name]
            task.cancel()  # whoever waits for the answer may be gone
        return JSONResponse(SUPERSEDED, 409, {"Connection": "close"}) if task.cancelled() else task.result()

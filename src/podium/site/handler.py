"""Django's part of the ASGI application: one hop to a thread per request.

Django's own handler enters and leaves a thread at every middleware that is not asynchronous, in a new thread with a new
connection for each request. Podium's middleware and views are synchronous, so here all of a request's work is one
piece in a thread of the pool, between reading the body and sending the answer, which wait for the network and hold no
thread. Only what streams stays asynchronous: an answer whose content is an asynchronous iterator.
"""

from __future__ import annotations

import asyncio
from typing import IO, Any, cast

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpResponseBase
from django.urls import set_script_prefix

from podium.site.threads import in_thread


class ThreadedHandler(ASGIHandler):
    """Answers a request with one visit to the thread pool."""

    def load_middleware(self, is_async: bool = False) -> None:
        """The chain of synchronous middleware, whatever was asked."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            raise ValueError(f"Django answers HTTP, not {scope['type']}.")
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            response = await in_thread(lambda: self._respond(scope, body))
            if not response.streaming:
                await self.send_response(response, send)
                return
            try:
                await self._stream(response, receive, send)
            finally:
                await in_thread(response.close)

    def _respond(self, scope: Any, body: IO[bytes]) -> HttpResponseBase:
        """Everything between request and answer; an answer that does not stream is closed, which ends the request."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = refusal if request is None else self.get_response(request)
        response._handler_class = self.__class__  # what `request_finished` is sent by
        if not response.streaming:
            response.close()
        return cast("HttpResponseBase", response)

    async def _stream(self, response: HttpResponseBase, receive: Any, send: Any) -> None:
        """Send until the content or the client's interest ends."""
        sending = asyncio.ensure_future(self.send_response(response, send))
        leaving = asyncio.ensure_future(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

"""Carrying out plans: with blocking calls (`Transport`) and in an event loop (`AsyncTransport`).

Both do the same steps in the same order; what the steps are is decided in `rules.py` and in the actions.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

from podium.client import rules
from podium.client.steps import (
    Close,
    Emit,
    Limited,
    Pause,
    Plan,
    Read,
    ReadPiece,
    Reply,
    Request,
    Send,
    Step,
    Stream,
    Together,
    UseToken,
    Work,
)

T = TypeVar("T")
_Http = TypeVar("_Http", httpx.Client, httpx.AsyncClient)
_NOTHING = object()


class _Course(Generic[T]):
    """A plan on its way: gives its next step, takes what came of it, and knows which answers are open."""

    def __init__(self, plan: Generator[Step | Emit[Any], Any, T]) -> None:
        self._plan = plan
        self._answer: Any = None
        self._fault: Exception | None = None
        self.open: set[Reply] = set()
        self.result: Any = _NOTHING

    def next(self) -> Step | Emit[Any] | None:
        """The next step; None when the plan is through, and `result` is there."""
        answer, fault = self._answer, self._fault
        self._answer = self._fault = None
        try:
            return self._plan.throw(fault) if fault is not None else self._plan.send(answer)
        except StopIteration as end:
            self.result = end.value
            return None

    def gives(self, answer: Any) -> None:
        """Take what came of the step."""
        self._answer = answer
        if isinstance(answer, Reply):
            self.open.add(answer)

    def fails(self, fault: Exception) -> None:
        """Take the step's failure."""
        self._fault = fault

    def end(self) -> list[Reply]:
        """Stop the plan wherever it is; gives the answers that it left open."""
        self._plan.close()
        left = list(self.open)
        self.open.clear()
        return left


class _Base(Generic[_Http]):
    """What both transports know: the server, the token and who is given it."""

    _http: _Http

    def __init__(self, server: str, token: str | None, timeout: float) -> None:
        self.server = rules.clean_server(server)
        self.token = token
        self._timeout = timeout

    def _options(self) -> dict[str, Any]:
        return {
            "timeout": httpx.Timeout(self._timeout, connect=min(self._timeout, 10.0)),
            # a proxy would look for itself there
            "trust_env": urlsplit(self.server).hostname not in rules.LOOPBACK,
            "headers": {"User-Agent": "podium-client", "Accept": "application/json"},
        }

    def url(self, path: str) -> str:
        """An absolute address: `path` as it is, or joined to the server's."""
        return urljoin(self.server + "/", path)

    def _build(self, request: Request, content: Any) -> httpx.Request:
        url = self.url(request.path)
        headers = dict(request.headers)
        if self.token and not request.signed and self._is_ours(url):
            headers["Authorization"] = f"Token {self.token}"
        timeout = request.timeout
        return self._http.build_request(
            request.method,
            url,
            json=request.json,
            params=request.params or None,
            headers=headers,
            content=content,
            timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else httpx.Timeout(timeout, connect=min(timeout, 10.0)),
        )

    def _is_ours(self, url: str) -> bool:
        ours, other = urlsplit(self.server), urlsplit(url)
        return (ours.scheme, ours.netloc) == (other.scheme, other.netloc)


class Transport(_Base[httpx.Client]):
    """Carries out plans with blocking calls; threads may share it. `pause` sleeps for the given seconds."""

    def __init__(
        self,
        server: str,
        token: str | None,
        *,
        timeout: float,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(server, token, timeout)
        self.pause = pause
        self._http = httpx.Client(transport=transport, **self._options())

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close every connection."""
        self.close()

    def run(self, plan: Plan[T]) -> T:
        """Carry out a plan and return its result."""
        course = _Course(plan)
        for _ in self._items(course):
            raise AssertionError("a plan of one thing gave several")
        result: T = course.result
        return result

    def stream(self, plan: Stream[T]) -> Iterator[T]:
        """Carry out a plan of many and give each as it comes."""
        return self._items(_Course(plan))

    def limited(self, limited: Limited[T]) -> Iterator[T]:
        """Carry out a plan of many within its time.

        It runs in a thread of its own, so that silence of the server cannot hold up the end of the waiting.
        """
        found: queue.SimpleQueue[Any] = queue.SimpleQueue()
        stop = threading.Event()

        def follow() -> None:
            try:
                for item in self._items(_Course(limited.stream), stop):
                    found.put(Emit(item))
            except Exception as error:  # noqa: BLE001 - raised again where the items are read, if they still are
                found.put(error)
            else:
                found.put(None)

        threading.Thread(target=follow, daemon=True, name="podium-follow").start()
        deadline = None if limited.timeout is None else time.monotonic() + limited.timeout
        try:
            while (item := _next(found, deadline, limited.late)) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item.item
        finally:
            stop.set()

    def _items(self, course: _Course[Any], stop: threading.Event | None = None) -> Iterator[Any]:
        try:
            while (step := course.next()) is not None and not (stop and stop.is_set()):
                if isinstance(step, Emit):
                    yield step.item
                    continue
                try:
                    course.gives(self._perform(step, course))
                except Exception as error:  # noqa: BLE001 - thrown into the plan, which handles it or fails with it
                    course.fails(error)
        finally:
            for reply in course.end():
                reply.http.close()

    def _perform(self, step: Step, course: _Course[Any]) -> Any:  # noqa: PLR0911 - one answer per kind of step
        match step:
            case Send(request):
                built = self._build(request, request.body() if request.body else None)
                return Reply(self._http.send(built, stream=True, follow_redirects=request.follow))
            case Read(reply, limit):
                content = bytearray()
                while (limit is None or len(content) < limit) and (piece := self._piece(reply)) is not None:
                    content += piece
                return bytes(content[:limit])
            case ReadPiece(reply):
                return self._piece(reply)
            case Close(reply):
                course.open.discard(reply)
                return reply.http.close()
            case Pause(seconds):
                return self.pause(seconds)
            case Work(work):
                return work()
            case UseToken(token):
                self.token = token
                return None
            case Together(plans, at_most):
                return self._together(plans, at_most)

    @staticmethod
    def _piece(reply: Reply) -> bytes | None:
        if reply.pieces is None:
            reply.pieces = reply.http.iter_bytes()
        return next(reply.pieces, None)

    def _together(self, plans: Any, at_most: int) -> list[Any]:
        """The first failure, or Ctrl-C, keeps those from beginning that have not begun."""
        with ThreadPoolExecutor(at_most, thread_name_prefix="podium") as threads:
            jobs = [threads.submit(self.run, plan) for plan in plans]
            try:
                wait(jobs, return_when=FIRST_EXCEPTION)
                for job in jobs:
                    if job.done():
                        job.result()
            finally:
                threads.shutdown(wait=False, cancel_futures=True)
            return [job.result() for job in jobs]


def _next(found: queue.SimpleQueue[Any], deadline: float | None, late: Exception) -> Any:
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        return found.get(timeout=left)
    except queue.Empty:
        raise late from None


class AsyncTransport(_Base[httpx.AsyncClient]):
    """Carries out plans in an event loop. `pause` sleeps for the given seconds."""

    def __init__(
        self,
        server: str,
        token: str | None,
        *,
        timeout: float,
        transport: httpx.AsyncBaseTransport | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(server, token, timeout)
        self.pause = pause
        self._http = httpx.AsyncClient(transport=transport, **self._options())

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def run(self, plan: Plan[T]) -> T:
        """Carry out a plan and return its result."""
        course = _Course(plan)
        async for _ in self._items(course):
            raise AssertionError("a plan of one thing gave several")
        result: T = course.result
        return result

    async def stream(self, plan: Stream[T]) -> AsyncGenerator[T, None]:
        """Carry out a plan of many and give each as it comes."""
        items = self._items(_Course(plan))
        try:
            async for item in items:
                yield item
        finally:
            await items.aclose()

    async def limited(self, limited: Limited[T]) -> AsyncGenerator[T, None]:
        """Carry out a plan of many within its time."""
        items = self._items(_Course(limited.stream))
        loop = asyncio.get_running_loop()
        deadline = None if limited.timeout is None else loop.time() + limited.timeout
        try:
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        item = await anext(items)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise limited.late from None
                yield item
        finally:
            await items.aclose()

    async def _items(self, course: _Course[Any]) -> AsyncGenerator[Any, None]:
        try:
            while (step := course.next()) is not None:
                if isinstance(step, Emit):
                    yield step.item
                    continue
                try:
                    course.gives(await self._perform(step, course))
                except Exception as error:  # noqa: BLE001 - thrown into the plan, which handles it or fails with it
                    course.fails(error)
        finally:
            for reply in course.end():
                await reply.http.aclose()

    async def _perform(self, step: Step, course: _Course[Any]) -> Any:  # noqa: PLR0911 - one answer per kind of step
        match step:
            case Send(request):
                built = self._build(request, _in_threads(request.body()) if request.body else None)
                return Reply(await self._http.send(built, stream=True, follow_redirects=request.follow))
            case Read(reply, limit):
                content = bytearray()
                while (limit is None or len(content) < limit) and (piece := await self._piece(reply)) is not None:
                    content += piece
                return bytes(content[:limit])
            case ReadPiece(reply):
                return await self._piece(reply)
            case Close(reply):
                course.open.discard(reply)
                return await reply.http.aclose()
            case Pause(seconds):
                return await self.pause(seconds)
            case Work(work):
                return await asyncio.to_thread(work)
            case UseToken(token):
                self.token = token
                return None
            case Together(plans, at_most):
                return await self._together(plans, at_most)

    @staticmethod
    async def _piece(reply: Reply) -> bytes | None:
        if reply.pieces is None:
            reply.pieces = reply.http.aiter_bytes()
        return await anext(reply.pieces, None)

    async def _together(self, plans: Any, at_most: int) -> list[Any]:
        gate = asyncio.Semaphore(at_most)

        async def one(plan: Plan[Any]) -> Any:
            async with gate:
                return await self.run(plan)

        tasks = [asyncio.ensure_future(one(plan)) for plan in plans]
        try:
            return list(await asyncio.gather(*tasks))
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces of a file, read without holding up the loop."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece

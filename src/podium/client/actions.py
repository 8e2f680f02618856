"""Making methods of plans: blocking on `Podium`, awaitable on `AsyncPodium`, typed on both."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from podium.client.steps import Limited, Plan, Stream
from podium.client.transport import AsyncTransport, Transport

P = ParamSpec("P")
T = TypeVar("T")


class Blocking:
    """A client whose methods return when they are done."""

    transport: Transport


class Awaitable:
    """A client whose methods are awaited."""

    transport: AsyncTransport


class Pages(Generic[T]):
    """A list on the server, read page by page as one goes through it; each time one does, it is read anew."""

    def __init__(self, transport: Transport, start: Callable[[], Stream[T]]) -> None:
        self._transport, self._start = transport, start

    def __iter__(self) -> Iterator[T]:
        """Go through all."""
        return self._transport.stream(self._start())

    def all(self) -> list[T]:
        """All, in a list."""
        return list(self)

    def first(self) -> T | None:
        """The first, None when there is none; no further page is asked for."""
        return next(iter(self), None)


class AsyncPages(Generic[T]):
    """A list on the server, read page by page as one goes through it; each time one does, it is read anew."""

    def __init__(self, transport: AsyncTransport, start: Callable[[], Stream[T]]) -> None:
        self._transport, self._start = transport, start

    def __aiter__(self) -> AsyncIterator[T]:
        """Go through all."""
        return self._transport.stream(self._start())

    async def all(self) -> list[T]:
        """All, in a list."""
        return [item async for item in self]

    async def first(self) -> T | None:
        """The first, None when there is none; no further page is asked for."""
        async with aclosing(self._transport.stream(self._start())) as items:
            return await anext(items, None)


class _Action(Generic[P]):
    """A plan as an attribute of a client class; keeps the plan's name, signature and documentation."""

    def __init__(self, plan: Callable[P, Any]) -> None:
        self.plan = plan
        functools.update_wrapper(self, plan)  # type: ignore[arg-type]

    def _bound(self, call: Callable[..., Any]) -> Any:
        return functools.wraps(self.plan)(call)


class action(_Action[P], Generic[P, T]):  # noqa: N801 - reads as a function where it is used
    """One thing is asked for."""

    def __init__(self, plan: Callable[P, Plan[T]]) -> None:
        super().__init__(plan)

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaitable, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """The method of a client."""
        if client is None:
            return self
        return self._bound(lambda *args, **kwargs: client.transport.run(self.plan(*args, **kwargs)))


class listing(_Action[P], Generic[P, T]):  # noqa: N801 - as above
    """A list is asked for, page by page."""

    def __init__(self, plan: Callable[P, Stream[T]]) -> None:
        super().__init__(plan)

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, Pages[T]]: ...
    @overload
    def __get__(self, client: Awaitable, owner: type) -> Callable[P, AsyncPages[T]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """The method of a client."""
        if client is None:
            return self
        pages: type[Any] = Pages if isinstance(client, Blocking) else AsyncPages
        return self._bound(
            lambda *args, **kwargs: pages(client.transport, functools.partial(self.plan, *args, **kwargs))
        )


class watching(_Action[P], Generic[P, T]):  # noqa: N801 - as above
    """Something is followed until it ends or its time is over."""

    def __init__(self, plan: Callable[P, Limited[T]]) -> None:
        super().__init__(plan)

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: Awaitable, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """The method of a client."""
        if client is None:
            return self
        return self._bound(lambda *args, **kwargs: client.transport.limited(self.plan(*args, **kwargs)))

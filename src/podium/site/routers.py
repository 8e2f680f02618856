"""The API's router: Codabench's addresses, also those with the format at their end."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.routers import DefaultRouter


class ApiRouter(DefaultRouter):
    """Routes like DRF's, whose views answer `submissions.json` as `submissions/` without an argument for it.

    DRF hands the ending to the view's method besides choosing the renderer by it; here no method has to know.
    """

    include_root_view = False

    def register(self, prefix: str, viewset: Any, basename: str | None = None) -> None:
        """Register a viewset."""
        super().register(prefix, _with_ending(viewset), basename)


def _with_ending(viewset: Any) -> Any:
    def initial(self: Any, request: Request, *args: Any, **kwargs: Any) -> None:
        viewset.initial(self, request, *args, **kwargs)
        self.kwargs.pop("format", None)  # the very arguments that the method is called with next

    facts = {"initial": initial, "__module__": viewset.__module__, "__doc__": viewset.__doc__}
    return type(viewset.__name__, (viewset,), facts)

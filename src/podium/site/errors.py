"""How the API says no."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler


class Refused(Exception):
    """A use case that cannot be carried out, with a reason for the person who asked.

    `field` names the input at fault where there is one; `status` is the HTTP status; `code` is for programs.
    """

    def __init__(self, message: str, *, field: str | None = None, code: str = "refused", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code
        self.status = status


class Forbidden(Refused):
    """The person may see the thing but not do this with it."""

    def __init__(self, message: str, *, code: str = "forbidden") -> None:
        super().__init__(message, code=code, status=403)


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn `Refused` into Codabench's error shapes; everything else as DRF does."""
    if isinstance(exc, Refused):
        if exc.status == 400:
            body: dict[str, Any] = {exc.field or "non_field_errors": [exc.message], "code": exc.code}
        else:
            body = {"detail": exc.message, "code": exc.code}
        return Response(body, status=exc.status)
    if isinstance(exc, exceptions.AuthenticationFailed):
        # Codabench answers 403, never 401, because the session comes first among the authenticators.
        return Response({"detail": str(exc.detail)}, status=403)
    if isinstance(exc, DjangoPermissionDenied) and str(exc):
        exc = exceptions.PermissionDenied(str(exc))
    return drf_exception_handler(exc, context)

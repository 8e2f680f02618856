"""How the API says no.

Every answer of the API that says no has Codabench's shape, which clients match on, and beside it a `code` for programs
and, where something can be done about it, a `hint`. A bare list has no room for them, so the code is in the header
`X-Error-Code` as well. `complete` is the one place that puts them there.
"""

from __future__ import annotations

import sqlite3
import sys
from typing import Any, Final

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from podium.site.buckets.store import StorageAway

CODE_HEADER: Final = "X-Error-Code"


class Refused(Exception):
    """A use case that cannot be carried out, with a reason for the person who asked.

    `field` names the input at fault where there is one; `status` is the HTTP status; `code` is for programs; `faults`
    says of several things by name what is wrong with each; `hint` says what to do where the message does not.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        code: str = "refused",
        status: int = 400,
        faults: dict[str, str] | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code
        self.status = status
        self.faults = faults or {}
        self.hint = hint


class Forbidden(Refused):
    """The person may see the thing but not do this with it."""

    def __init__(self, message: str, *, code: str = "forbidden") -> None:
        super().__init__(message, code=code, status=403)


CODES: Final = {
    400: "invalid",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    410: "gone",
    412: "precondition_failed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "throttled",
    503: "unavailable",
    507: "quota_exceeded",
}
"""What an answer is called that nobody has named more precisely."""

HINTS: Final = {
    "authentication_failed": "The token is unknown, expired or revoked. Make another in the settings of your account.",
    "banned": "Write to the administrators of this site.",
    "csrf_failed": "With a session send the cookie `podium_csrf` as the header X-CSRFToken; scripts use a token.",
    "method_not_allowed": "The header Allow names the methods that this address answers.",
    "not_authenticated": "Send the header `Authorization: Token <token>`; tokens are made in the settings of your "
    "account.",
    "not_found": "It does not exist, or you may not see it.",
    "parse_error": "The body is not what its Content-Type says.",
    "throttled": "Wait as many seconds as the header Retry-After says.",
    "unavailable": "Try again after as many seconds as the header Retry-After says; creations with an Idempotency-Key.",
    "unsupported_media_type": "Send JSON, a form, or multipart/form-data, and say so in Content-Type.",
}
"""What can be done, by code, for answers that do not say it themselves."""


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn `Refused` into Codabench's error shapes; everything else as DRF does."""
    from rest_framework.views import exception_handler as drf_handler  # noqa: PLC0415 - it loads what may import this

    if isinstance(exc, Refused):
        body = {exc.field or "non_field_errors": [exc.message]} if exc.status == 400 else {"detail": exc.message}
        return _named(Response(body, status=exc.status), exc.code, exc.hint)
    if isinstance(exc, exceptions.AuthenticationFailed):
        # Codabench answers 403, never 401, because the session comes first among the authenticators.
        return _named(Response({"detail": str(exc.detail)}, status=403), "authentication_failed")
    if isinstance(exc, DjangoPermissionDenied) and str(exc):
        exc = exceptions.PermissionDenied(str(exc))
    response = drf_handler(exc, context)
    return _named(response, _code_of(exc)) if response is not None else None


def _named(response: Response, code: str, hint: str = "") -> Response:
    response.error_code, response.error_hint = code, hint  # type: ignore[attr-defined]  # what `complete` reads
    return response


def _code_of(exc: Exception) -> str:
    """The first code of an exception of DRF's; fields have one each."""
    if not isinstance(exc, exceptions.APIException):
        return ""
    if str(exc.detail).startswith("CSRF Failed"):
        return "csrf_failed"
    codes: Any = exc.get_codes()
    while isinstance(codes, dict | list):
        inner = [code for code in (codes.values() if isinstance(codes, dict) else codes) if code]
        codes = inner[0] if inner else ""
    return str(codes)


def complete(response: Any) -> None:
    """Give an answer of the API that says no, before it is written out, its code and its hint."""
    if response.status_code < 400 or not hasattr(response, "data"):
        return
    body = response.data
    said = body.get("code") if isinstance(body, dict) else None
    code = said or getattr(response, "error_code", "") or CODES.get(response.status_code, "invalid")
    hint = getattr(response, "error_hint", "") or HINTS.get(str(code), "")
    if isinstance(body, dict):
        body.setdefault("code", code)
        if hint:
            body.setdefault("hint", hint)
    if isinstance(code, str) and code.isascii() and code.isprintable():
        response.headers[CODE_HEADER] = code


def refusal(detail: str, *, status: int, code: str = "", headers: dict[str, str] | None = None) -> JsonResponse:
    """The same for an answer that no view of DRF gives."""
    code = code or CODES.get(status, "invalid")
    body = {"detail": detail, "code": code, **({"hint": HINTS[code]} if code in HINTS else {})}
    return JsonResponse(body, status=status, headers={CODE_HEADER: code, **(headers or {})})


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


AWAY: Final = "The database does not answer at the moment. Nothing half-done is kept."
AWAY_SECONDS: Final = 2
"""After how long another try is worth it when the database has gone away."""
_AWAY_STATES: Final = ("08", "53", "57P")
"""Classes of PostgreSQL's SQLSTATE: connections, resources (as too many connections), and a server that goes or comes
(PostgreSQL's documentation, appendix A)."""


def database_is_away(error: BaseException | None) -> bool:
    """Whether a request failed because the database was restarted, overrun or locked, so that another one may do."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    state = getattr(cause, "sqlstate", None)
    return state is None or state.startswith(_AWAY_STATES)


FILES_AWAY: Final = "Where the files are kept does not answer at the moment. Nothing half-done is kept."
FILES_AWAY_SECONDS: Final = 5
"""After how long another try is worth it when a bucket has gone away, which was asked several times already."""


def away(error: BaseException | None) -> tuple[str, int] | None:
    """What is told of a service that is away for a moment, and after how many seconds to come again; else None."""
    if database_is_away(error):
        return AWAY, AWAY_SECONDS
    if isinstance(error, StorageAway):
        return FILES_AWAY, FILES_AWAY_SECONDS
    return None


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page of what is not there; JSON below /api/."""
    return refusal("Not found.", status=404) if _is_api(request) else defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page of a request that cannot be read; JSON below /api/."""
    return refusal("Bad request.", status=400) if _is_api(request) else defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """The page of a fault of ours; JSON below /api/. A database or a bucket that is away for a moment is told apart."""
    if (told := away(sys.exc_info()[1])) is not None:
        headers = {"Retry-After": str(told[1])}
        if _is_api(request):
            return refusal(told[0], status=503, code="unavailable", headers=headers)
        return HttpResponse(
            loader.get_template("503.html").render({"files_away": told[0] == FILES_AWAY}), status=503, headers=headers
        )
    if _is_api(request):
        return refusal("Something went wrong here. It was noted.", status=500, code="server_error")
    return defaults.server_error(request)


class ApiErrorsMiddleware:
    """Completes the API's refusals before they are written out, whichever view gave them."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_template_response(self, request: HttpRequest, response: Any) -> Any:
        """DRF's answers come here before they become bytes."""
        if _is_api(request):
            complete(response)
        return response

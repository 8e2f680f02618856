"""What can go wrong between a client and a server, in words for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_ERROR_TEXT = 2000
_GENERAL_KEYS = ("detail", "message", "error", "error_msg", "non_field_errors")
_PLAIN_FIELDS = {"data", "phase"}  # what a submission consists of: its sentences are understood without the name
_FIELD_WORDS = ("this field", "invalid pk", "incorrect type")
_OWN_KEYS = {*_GENERAL_KEYS, "code", "hint", "errors", "status"}

_BY_STATUS: dict[int, tuple[str, str]] = {
    400: ("The server refused the request.", ""),
    401: ("You are not logged in.", "Log in with `podium login`."),
    403: ("You may not do that.", "Log in with `podium login`, or ask the organizer for access."),
    404: (
        "There is nothing at that address, or you may not see it.",
        "Check the number, and who you are logged in as.",
    ),
    405: ("The server does not know this action.", "Check that the server's address is a Podium server."),
    409: ("Somebody else changed the same thing meanwhile.", "Look at it again and repeat what you did."),
    413: ("The file is larger than the server takes.", ""),
    429: ("Too many requests at once.", "Wait a minute and try again."),
    500: ("The server failed.", "Try again; tell the administrator if it happens twice."),
    502: ("The server is not reachable behind its proxy.", "It may be starting; try again in a minute."),
    503: ("The server is busy or under maintenance.", "Try again in a minute."),
    504: ("The server took too long to answer.", "Try again in a minute."),
}


class PodiumError(Exception):
    """Anything that stops a call; `hint` says what to do about it, or is empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UnreachableError(PodiumError):
    """No connection to the server, or it broke and every retry did as well."""


class UnexpectedAnswerError(PodiumError):
    """The server answered, but not with what a Podium server answers."""


class CreationFailedError(PodiumError):
    """A bundle was refused; `faults` holds each fault as the server wrote it."""

    def __init__(self, message: str, *, faults: list[str], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.faults = faults


class WaitTimeoutError(PodiumError):
    """What was waited for did not happen within the given time."""


class ApiError(PodiumError):
    """The server refused a call.

    `status` is the HTTP status, `message` a sentence for people, `code` the server's word for the fault (empty
    when it gave none), `hint` what to do next, `fields` the messages by field of the request.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        hint: str = "",
        fields: Mapping[str, list[str]] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.fields: dict[str, list[str]] = dict(fields or {})
        self.retry_after = retry_after

    @property
    def field(self) -> str:
        """The field of the request that is wrong, the first of several; empty when it is no field's fault."""
        return next(iter(self.fields), "")


class InvalidError(ApiError):
    """What was sent is not right (400, 422); `fields` says where."""


class NotLoggedInError(ApiError):
    """There is no valid token (401, or 403 as Codabench answers it)."""


class ForbiddenError(ApiError):
    """The caller may not do that (403)."""


class NotFoundError(ApiError):
    """It is not there, or the caller may not see it (404)."""


class ConflictError(ApiError):
    """Somebody else changed the same thing meanwhile, or it is not in a state for that (409, 412)."""


class TooLargeError(ApiError):
    """It is larger than the server takes (413)."""


class TooManyRequestsError(ApiError):
    """Too many requests (429); `retry_after` is how many seconds the server asks to wait, None if it does not say."""


class ServerFailedError(ApiError):
    """The server failed, or is not to be reached behind its proxy (5xx)."""


_KINDS: dict[int, type[ApiError]] = {
    400: InvalidError,
    401: NotLoggedInError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    413: TooLargeError,
    422: InvalidError,
    429: TooManyRequestsError,
}
_NO_LOGIN = frozenset({"not_authenticated", "authentication_failed"})
_NO_LOGIN_TEXTS = ("Authentication credentials were not provided.", "Invalid token.")


def refusal(status: int, message: str, **facts: Any) -> ApiError:
    """The exception for a refusal, of the class that its status means."""
    kind = _KINDS.get(status, ServerFailedError if status >= 500 else ApiError)
    if status == 403 and (facts.get("code") in _NO_LOGIN or message.startswith(_NO_LOGIN_TEXTS)):
        kind = NotLoggedInError
    return kind(status, message, **facts)


def not_found(error: ApiError, what: str) -> ApiError:
    """The same refusal, saying what it was that is not there; one that has a reason of its own is left alone."""
    text = error.message
    general = text == _BY_STATUS[404][0] or text == "Not found." or text.endswith(" matches the given query.")
    if error.status != 404 or not general:
        return error
    return refusal(
        404,
        f"There is no {what}, or you may not see it.",
        code=error.code,
        hint=_BY_STATUS[404][1],  # the server's hint says what the sentence says already
        fields=error.fields,
    )


def error_from(status: int, content_type: str, body: bytes, *, retry_after: float | None = None) -> ApiError:
    """Turn an error answer into an exception that reads well.

    Knows every shape that Codabench's API uses (`detail`, `error`, `error_msg`, lists per field, bare lists) and
    Podium's own (`code`, `message`, `hint`). A page of HTML is never repeated to the user.
    """
    general, default_hint = _BY_STATUS.get(status, (f"The server answered with status {status}.", ""))
    data = _json(content_type, body)
    if data is None:
        return refusal(status, general, hint=default_hint, retry_after=retry_after)
    messages, fields = _messages(data)
    own = data if isinstance(data, dict) else {}
    code = own.get("code")
    hint = own.get("hint")
    return refusal(
        status,
        _clip(" ".join(messages)) or general,
        code=code if isinstance(code, str) else "",
        hint=_clip(hint) if isinstance(hint, str) and hint else default_hint,
        fields=fields,
        retry_after=retry_after,
    )


def _json(content_type: str, body: bytes) -> Any:
    if "json" not in content_type and body.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        return json.loads(body)
    except ValueError:
        return None


def _messages(data: Any) -> tuple[list[str], dict[str, list[str]]]:
    """Every sentence of an error body in reading order, and those that belong to a field by its name."""
    if not isinstance(data, dict):
        return _texts(data), {}
    general: list[str] = []
    for key in _GENERAL_KEYS:
        for text in _texts(data.get(key)):
            if text not in general:
                general.append(text)
    errors = data.get("errors")
    per_field = errors if isinstance(errors, dict) else data
    fields = {
        str(key): texts
        for key, value in per_field.items()
        if (per_field is not data or key not in _OWN_KEYS) and (texts := _texts(value))
    }
    return [*general, *(_of_field(name, " ".join(texts)) for name, texts in fields.items())], fields


def _of_field(name: str, text: str) -> str:
    if name in _PLAIN_FIELDS and not text.lower().startswith(_FIELD_WORDS):
        return text
    return f"{name}: {text}"


def _texts(value: Any) -> list[str]:
    if value is None or isinstance(value, bool):
        return []
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        return [f"{key}: {text}" for key, item in value.items() for text in _texts(item)]
    return [str(value)]


def _clip(text: str) -> str:
    return text if len(text) <= MAX_ERROR_TEXT else text[:MAX_ERROR_TEXT] + " ..."

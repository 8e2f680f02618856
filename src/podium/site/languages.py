"""In which language people are answered and written to.

Pages are in the language that a person has chosen, else in that of the cookie, else in the best that the browser asks
for. The API is in English, whoever asks: programs read it. Mails are in the language of whom they go to.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers


def is_language(code: str) -> bool:
    """Whether the site speaks it."""
    return code in dict(settings.LANGUAGES)


def written_in(chosen: str) -> str:
    """The language of what is written to somebody who need not be there: what they have chosen, else the site's."""
    return chosen if is_language(chosen) else settings.LANGUAGE_CODE


def language_of(request: HttpRequest) -> str:
    """The language of an answer."""
    if request.path_info.startswith("/api/"):
        return settings.LANGUAGE_CODE
    chosen = getattr(request.user, "language", "")  # who is not logged in has no settings
    return chosen if is_language(chosen) else translation.get_language_from_request(request)


class LanguageMiddleware:
    """Has everything behind it speak the language of the request; pages say which that is, and what it hangs on."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = language_of(request)
        with translation.override(language):
            response = self.get_response(request)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["Accept-Language", "Cookie"])
            response.headers.setdefault("Content-Language", language)
        return response

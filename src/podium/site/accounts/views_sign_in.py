"""Logging in by another server."""

from __future__ import annotations

from urllib.parse import urlsplit

from allauth.socialaccount.providers.openid_connect import views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Ask before leaving for another server to log in (GET), and go there (POST).

    By a page that forwards: the content security policy lets no form lead out, not even by a redirect.
    """
    response = views.login(request, provider_id)
    target = response.get("Location", "")
    if not urlsplit(target).netloc:
        return response
    return render(request, "socialaccount/leaving.html", {"target": target, "host": urlsplit(target).netloc})

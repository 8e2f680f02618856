"""The home page, the pages about the site, the choice of colours, and what answers when something is wrong."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from podium.site.competitions.queries import counters, public_competitions
from podium.site.pages.context import THEME_COOKIE, THEMES
from podium.site.pages.models import Announcement, NewsPost

SHOWN = 9
A_YEAR = 365 * 24 * 3600


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What Podium is, and what is on."""
    competitions = public_competitions().prefetch_related("phases")
    context = {
        "announcement": Announcement.objects.first(),
        "counters": counters(),
        "recent": competitions.order_by("-is_featured", "-created_when", "-pk")[:SHOWN],
        "news": NewsPost.objects.all()[:3],
    }
    return render(request, "pages/home.html", context)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """What this site is, its terms and what it keeps about people."""
    return render(request, "pages/about.html")


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark or the system's colours in a cookie, and go back; works with scripts off."""
    chosen = request.POST.get("theme", "")
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        target = "/"
    response = HttpResponseRedirect(target)
    if chosen in THEMES:
        response.set_cookie(
            THEME_COOKIE, chosen, max_age=A_YEAR, samesite="Lax", secure=bool(settings.SESSION_COOKIE_SECURE)
        )
    else:
        response.delete_cookie(THEME_COOKIE)
    return response


@require_safe
@cache_control(max_age=86400, public=True)
def robots(_request: HttpRequest) -> HttpResponse:
    """Search engines may read the public pages, not the API, the files or the account pages."""
    lines = ["User-agent: *", *(f"Disallow: /{name}/" for name in ("accounts", "admin", "api", "files", "submissions"))]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")


@require_safe
def favicon(_request: HttpRequest) -> HttpResponse:
    """Where browsers look for an icon by themselves."""
    return redirect(static("favicon.svg"), permanent=True)

"""The home page, the pages about the site, and the choice of colours and of the language."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from podium.site.accounts.models import User
from podium.site.accounts.services import people
from podium.site.competitions.queries import counters, home_page, of_person
from podium.site.languages import is_language
from podium.site.pages import queries
from podium.site.pages.context import THEME_COOKIE, THEMES

logger = logging.getLogger(__name__)
NEWS_ON_HOME, NEWS_PER_PAGE = 3, 20
A_YEAR = 365 * 24 * 3600


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What Podium is, and what is on."""
    popular, recent = home_page()
    news = list(queries.news()[: NEWS_ON_HOME + 1])
    context = {
        "announcement": queries.announcement(),
        "counters": counters(),
        "yours": of_person(request.user),
        "popular": popular,
        "has_featured": any(each.is_featured for each in popular),
        "recent": recent,
        "news": news[:NEWS_ON_HOME],
        "has_more_news": len(news) > NEWS_ON_HOME,
    }
    return render(request, "pages/home.html", context)


@require_safe
def news(request: HttpRequest) -> HttpResponse:
    """All news, the newest first."""
    page = Paginator(queries.news(), NEWS_PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "before": f"?page={page.number - 1}", "after": f"?page={page.number + 1}"}
    return render(request, "pages/news.html", context)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """What this site is, its terms and what it keeps about people; the operator may have written their own."""
    return render(request, "pages/about.html", {"own": _own_words()})


def _own_words() -> str:
    """The operator's terms and privacy notice, "" where there are none."""
    file = settings.CONFIG.about_file
    if file is None:
        return ""
    try:
        return str(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        logger.exception("PODIUM_ABOUT_FILE cannot be read: %s", file)
        return ""


def _back(request: HttpRequest) -> HttpResponseRedirect:
    """To where the form stood, if that is a page of this site."""
    target = request.POST.get("next", "/")
    is_ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(target if is_ours else "/")


def _remember(response: HttpResponse, cookie: str, value: str) -> None:
    response.set_cookie(cookie, value, max_age=A_YEAR, samesite="Lax", secure=bool(settings.SESSION_COOKIE_SECURE))


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark or the system's colours in a cookie, and go back; works with scripts off."""
    chosen = request.POST.get("theme", "")
    response = _back(request)
    if chosen in THEMES:
        _remember(response, THEME_COOKIE, chosen)
    else:
        response.delete_cookie(THEME_COOKIE)
    return response


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Speak another language from now on, and go back: by a cookie, and by the account of who is logged in."""
    chosen = request.POST.get("language", "")
    response = _back(request)
    if is_language(chosen):
        _remember(response, settings.LANGUAGE_COOKIE_NAME, chosen)
        if isinstance(request.user, User):
            people.choose_language(user=request.user, language=chosen)
    return response


@require_safe
@cache_control(max_age=86400, public=True)
def robots(_request: HttpRequest) -> HttpResponse:
    """Search engines may read the public pages, not the API, the files or the account pages."""
    lines = [
        "User-agent: *",
        *(f"Disallow: /{name}/" for name in ("accounts", "admin", "api", "files", "search", "submissions")),
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")


@require_safe
def favicon(_request: HttpRequest) -> HttpResponse:
    """Where browsers look for an icon by themselves."""
    return redirect(static("favicon.svg"), permanent=True)

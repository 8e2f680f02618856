"""The components that templates are made of; docs/developers/design.md shows each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from html import escape
from typing import Any

from django import template
from django.forms import BaseForm, BoundField
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join, json_script
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from podium.protocol import Cause, Step
from podium.ranking.display import format_score
from podium.site.accounts.models import Organization, User
from podium.site.api_fields import image_url
from podium.site.competitions.models import Competition, Phase, PhaseStatus
from podium.site.evaluation.models import Submission
from podium.site.evaluation.states import AttemptState, SubmissionStatus
from podium.site.evaluation.waiting import Wait
from podium.site.leaderboards.cells import Cell
from podium.site.leaderboards.models import Score
from podium.site.leaderboards.queries import Row
from podium.site.pages import script_words, times
from podium.site.pages.browsers import browser_name
from podium.site.pages.causes import CAUSE_TITLES
from podium.site.pages.icons import ICONS
from podium.site.pages.listing import Listing
from podium.site.pages.markdown import render, render_post
from podium.site.resources.grants import download_url
from podium.site.resources.services import human_size
from podium.site.words import Words

register = template.Library()

_OPEN_ENDED = timedelta(days=90)  # how long a phase without an end is drawn


@register.simple_tag
def icon(name: str) -> SafeString:
    """A line icon; decoration only, so it is hidden from screen readers. Raises KeyError for an unknown name."""
    inside = mark_safe(ICONS[name])  # noqa: S308 - constants of this package
    return format_html('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>', inside)


@register.simple_tag
def script(name: str) -> SafeString:
    """A module of `static/js`, with the words that it says where the page is not in English."""
    module = format_html('<script type="module" src="{}"></script>', static(f"js/{name}.js"))
    words = script_words.translated(name)
    return format_html("{}{}", json_script(words, f"words-{name}"), module) if words else module


@register.simple_tag
def when(moment: datetime | None, missing: str = "—") -> SafeString | str:
    """A moment in UTC; a module shows it in the viewer's zone and keeps UTC in the title."""
    if moment is None:
        return missing
    text = times.utc_text(moment)
    return mark_safe(f'<time datetime="{times.iso(moment)}" data-local title="{text}">{text}</time>')  # noqa: S308 - digits


@register.filter
def to_the_microsecond(moment: datetime) -> str:
    """A moment in UTC as exactly as it is known."""
    return times.exact_text(moment)


@register.simple_tag
def ago(moment: datetime | None, missing: str = "—") -> SafeString | str:
    """How far a moment is from now, with the moment itself in the title."""
    if moment is None:
        return missing
    return format_html(
        '<time datetime="{}" data-relative title="{}">{}</time>',
        times.iso(moment),
        times.utc_text(moment),
        times.relative(moment, timezone.now()),
    )


@register.filter
def bytes_text(size: float | str | None) -> str:
    """A size in decimal units; a dash for the size of a file that is not there, which templates give as ""."""
    return "—" if size is None or isinstance(size, str) else human_size(size)


@register.filter
def day_text(day: date) -> str:
    """A day, or that of a moment in UTC, as people read it."""
    return times.day_text(day)


@register.filter
def seconds_text(seconds: float | None) -> str:
    """A span in seconds, as people read it."""
    return "—" if seconds is None else times.seconds_text(seconds)


@register.filter
def of(values: Mapping[Any, Any], key: Any) -> Any:
    """What a mapping has for a key that is itself a variable."""
    return values.get(key)


@register.filter
def wait_text(wait: Wait) -> str:
    """How long until a start, in words; "" where it is not known."""
    return "" if wait.low is None or wait.high is None else times.wait_text(wait.low, wait.high)


@register.filter
def markdown(text: str) -> SafeString:
    """Markdown or HTML that a person wrote, made safe to show."""
    return render(text)


@register.simple_tag
def written(text: str, shell: Any) -> SafeString:
    """A text of a competition, with the pictures that it names. shell: `competitions.shell.Shell` of who looks."""
    return render(text, shell.picture_addresses)


@register.filter
def post_markdown(text: str) -> SafeString:
    """Markdown or HTML of a post, one of several on its page, made safe to show."""
    return render_post(text)


@register.filter
def initial(name: str) -> str:
    """The first letter of a name."""
    return name[:1] or "?"


_STATUS_TONE = {
    SubmissionStatus.FINISHED: "good",
    SubmissionStatus.FAILED: "bad",
    SubmissionStatus.CANCELLED: "off",
    SubmissionStatus.SUBMITTING: "warn",
}


@register.inclusion_tag("components/pill.html")
def status_pill(status: str) -> dict[str, str]:
    """The state of a submission in a capsule."""
    return {"tone": _STATUS_TONE.get(SubmissionStatus(status), "busy"), "text": str(SubmissionStatus(status).label)}


_WORDS: dict[str, Words] = {
    Step.PREDICTION: gettext_lazy("prediction"),
    Step.SCORING: gettext_lazy("scoring"),
    AttemptState.ACTIVE: gettext_lazy("active"),
    AttemptState.SUCCEEDED: gettext_lazy("succeeded"),
    AttemptState.FAILED: gettext_lazy("failed"),
    AttemptState.LOST: gettext_lazy("lost"),
    AttemptState.CANCELLED: gettext_lazy("cancelled"),
}


@register.filter
def in_words(value: str) -> str:
    """A step, or how an attempt at it ended, in the reader's language."""
    return str(_WORDS.get(value, value))


@register.filter
def cause_title(submission: Submission) -> str:
    """Why a submission failed, in a few words; "" where it did not, or where its capsule says it all."""
    cause = submission.cause
    return "" if not cause or cause == Cause.CANCELLED else str(CAUSE_TITLES[Cause(cause)])


def current_phase(phases: Iterable[Phase]) -> Phase | None:
    """The phase that is on now, else the next one, else the last one."""
    ordered = sorted(phases, key=lambda phase: phase.start)
    for status in (PhaseStatus.CURRENT, PhaseStatus.NEXT):
        for phase in ordered:
            if phase.status == status:
                return phase
    return ordered[-1] if ordered else None


@register.inclusion_tag("components/phase_state.html")
def phase_state(competition: Competition) -> dict[str, Any]:
    """Whether a competition is open, to come or over, and how long that lasts."""
    phase = current_phase(competition.phases.all())
    return {"phase": phase, "status": phase.status if phase else None, "published": competition.published}


@register.inclusion_tag("components/phase_moment.html")
def phase_moment(competition: Competition, address: str) -> dict[str, Any]:
    """Which phase that is and its exact moment, a link to the phases at `address`; beside `phase_state`."""
    phase = current_phase(competition.phases.all())
    return {"phase": phase, "status": phase.status if phase else None, "address": address}


@register.inclusion_tag("components/printed.html", takes_context=True)
def printed(context: Mapping[str, Any], title: str) -> dict[str, Any]:
    """What a page says of itself on paper alone: what it is of, of when, and where it is."""
    request = context["request"]
    return {"title": title, "now": timezone.now(), "address": request.build_absolute_uri(request.path)}


@register.inclusion_tag("components/mark.html")
def competition_mark(competition: Competition, size: str = "") -> dict[str, Any]:
    """The logo of a competition, or a drawn mark of its own where it has none."""
    seed = competition.pk * 2654435761 % 2**32  # Knuth's multiplicative hash: neighbours look different
    heights = [6 + (seed >> (4 * place)) % 16 * 1.4 for place in range(5)]
    bars = [{"x": 7 + 7.2 * place, "y": 36 - height, "height": height} for place, height in enumerate(heights)]
    logo = competition.logo
    url = download_url(logo, name="logo", content_type=image_type(logo.key)) if logo else ""
    return {"url": url, "bars": bars, "hue": seed % 6, "size": size}


def image_type(name: str) -> str:
    """What browsers are told of a picture, by how its name ends."""
    suffix = name.rsplit(".", 1)[-1].lower()
    kinds = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
    return kinds.get(suffix, "application/octet-stream")


@register.simple_tag
def photo(whose: User | Organization) -> SafeString:
    """The photo of a person or an organization, or the first letter of the name where there is none."""
    url = image_url(whose.photo)
    name = whose.name if isinstance(whose, Organization) else whose.shown_name
    letter = '<span class="avatar avatar--large" aria-hidden="true"{}>{}</span>'
    if not url:
        return format_html(letter, "", initial(name))
    picture = '<img class="mark mark--large mark--photo" src="{}" alt="" width="72" height="72" data-else>'
    hidden = mark_safe(" hidden")
    return format_html(picture, url) + format_html(letter, hidden, initial(name))


@register.inclusion_tag("components/timeline.html")
def timeline(phases: Iterable[Phase]) -> dict[str, Any]:
    """The phases side by side, with how far each has gone and where today is."""
    now = timezone.now()
    return {"phases": [_segment(phase, now) for phase in phases]}


def _segment(phase: Phase, now: datetime) -> dict[str, Any]:
    status = phase.status_at(now)
    end = phase.end or max(phase.start, now) + _OPEN_ENDED
    done = 0.0
    if status == PhaseStatus.PREVIOUS:
        done = 100.0
    elif status == PhaseStatus.CURRENT:
        done = min(97.0, max(3.0, 100 * ((now - phase.start) / (end - phase.start))))
    return {
        "phase": phase,
        "status": status.lower(),
        "is_current": status == PhaseStatus.CURRENT,
        "done": round(done, 1),
    }


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, label: str = "") -> dict[str, Any]:
    """A form field with its label, help and errors, tied together for screen readers; label: instead of its own.

    Of fields with errors, the first of a form has the focus when the page opens.
    """
    bound.field.widget.attrs.pop("placeholder", None)  # it would only say the label again, and then vanish
    kind = getattr(bound.field.widget, "input_type", "text")
    if bound.errors:
        bound.field.widget.attrs["aria-invalid"] = "true"
        first = next((one.name for one in bound.form.visible_fields() if one.errors), None)
        if bound.name == first and not bound.form.prefix:  # of a page's rows, none: one field alone may have it
            bound.field.widget.attrs["autofocus"] = True
    says_optional = getattr(bound.form, "says_optional", True)
    return {
        "field": bound,
        "label": label or bound.label,
        "is_check": kind == "checkbox",
        "is_hidden": bound.is_hidden,
        "is_number": kind == "number",
        "is_optional": not bound.field.required and kind not in {"checkbox", "select"} and says_optional,
    }


@register.simple_tag
def file_input(bound: BoundField) -> SafeString:
    """The file field of an upload, tied to its errors, which stand below; it has the focus where it was refused."""
    attrs: dict[str, str | bool] = {"aria-describedby": f"{bound.id_for_label}_error"}
    if bound.errors or bound.form["data_key"].errors:
        attrs |= {"aria-invalid": "true", "autofocus": True}
    return bound.as_widget(attrs=attrs)


@register.inclusion_tag("components/form_faults.html")
def form_faults(form: BaseForm, rows: Iterable[BaseForm] | None = None) -> dict[str, Any]:
    """What is wrong with a form and its rows, on top of it: of the whole as it is, else with a link to each field.

    A short form says it beside its fields alone. The summary has the focus where no field has it.
    """
    own = [field for field in form.visible_fields() if field.errors]
    of_rows = [(row, field) for row in rows or () for field in row.visible_fields() if field.errors]
    linked = [
        *({"id": field.id_for_label, "label": field.label, "errors": field.errors} for field in own),
        *(
            {"id": field.id_for_label, "label": _of_row(row, field.label), "errors": field.errors}
            for row, field in of_rows
        ),
    ]
    whole = [*form.non_field_errors(), *(text for row in rows or () for text in row.non_field_errors())]
    shows = bool(linked) and (len(form.fields) > _SHORT_FORM or bool(of_rows) or bool(whole))
    return {"whole": whole, "linked": linked if shows else [], "focus": not own}


_SHORT_FORM = 4


def _of_row(row: BaseForm, label: Words) -> Words:
    named = row.initial.get("title") or row.initial.get("key")
    return f"{named}: {label}" if named else label


@register.inclusion_tag("components/sort_head.html")
def sort_head(listing: Listing, name: str, kind: str = "") -> dict[str, Any]:
    """The head of a column of a list that sorts by it; kind: `number` for figures."""
    return {"head": listing.head(name), "number": kind == "number"}


@register.simple_tag
def medal(rank: int, place: int, places: str = "", submission: int = 0) -> SafeString:
    """A rank, in gold, silver or bronze where `place` is 1 to 3, 0 is without.

    places: the address below which the page of each `submission` tells why it stands there; without, no link.
    """
    kind = f"medal medal--{place}" if place else "medal"
    if not places:
        return mark_safe(f'<span class="{kind}">{rank}</span>')  # noqa: S308 - numbers
    address, words = f"{escape(places)}{submission}/", escape(_("Why place %(rank)d") % {"rank": rank})
    said = f'title="{words}" aria-label="{words}"'
    return mark_safe(f'<a class="{kind}" href="{address}" {said}>{rank}</a>')  # noqa: S308 - escaped, or our address


@register.filter(name="browser_name")
def _browser_name(user_agent: str | None) -> str:
    """What people call the browser of a session."""
    return browser_name(user_agent or "")


@register.simple_tag
def person(who: User | None) -> SafeString | str:
    """The name of somebody, a link to their profile where it can be seen; of an account that is gone only that."""
    if who is None or who.is_deleted:
        return _("Deleted user")
    if who.is_banned or not who.is_active:
        return who.shown_name
    return format_html('<a href="{}">{}</a>', who.get_absolute_url(), who.shown_name)


@register.simple_tag
def competition_links(competitions: Sequence[tuple[int, str]], most: int | None = None) -> SafeString:
    """Links to competitions, given by number and title, side by side; most: how many, the others are only counted."""
    shown = competitions[:most]
    links = format_html_join(
        ", ", '<a href="{}">{}</a>', ((reverse("competitions:detail", args=[pk]), title) for pk, title in shown)
    )
    others = len(competitions) - len(shown)
    if not others:
        return links
    return format_html("{} {}", links, ngettext("and %(n)s more", "and %(n)s more", others) % {"n": others})


@register.simple_tag
def board_cells(row: Row, primary: int, noise: Collection[int] = ()) -> SafeString:
    """The cells of a row of a board, the one of the column with index `primary` stressed.

    noise: the submissions of the page that are within noise of a neighbour (`leaderboards.noise`), marked there.

    Made here, and of plain strings, since a page has hundreds: nodes of a template took two thirds of its time, and
    `format_html` a sixth (measured).
    """
    mark = _noise_mark() if row.submission_id in noise else ""
    return mark_safe("".join(_board_cell(cell, primary, mark) for cell in row.cells))  # noqa: S308 - every text is escaped


def _noise_mark() -> str:
    title, said = escape(_("Within noise of a neighbour")), escape(_("within noise of a neighbour"))
    return f'<span class="noise" title="{title}"><span aria-hidden="true">≈</span><span class="sr">{said}</span></span>'


def _board_cell(cell: Cell, primary: int, noise_mark: str) -> str:
    if cell.value is None:
        return f'<td class="number missing">{cell.shown}</td>'
    kind, mark = ("number primary", noise_mark) if cell.column.index == primary else ("number", "")
    spread = f' <span class="spread">{cell.uncertainty}</span>' if cell.interval else ""  # both are made of numerals
    return f'<td class="{kind}" title="{escape(cell.text)}">{cell.shown}{spread}{mark}</td>'


@register.filter
def score_text(score: Score) -> str:
    """A score rounded as its column says."""
    return format_score(score.value, score.column.precision)


MOST_SCORES = 3
"""Scores that a list shows of a submission to several tasks."""


@register.simple_tag
def list_scores(submission: Submission) -> SafeString:
    """The primary score of a submission in a list, as participants may see it; of several tasks one each."""
    own = _first_score(submission)  # of several tasks together only what is computed over them
    alone = not submission.has_children or (own is not None and _is_primary(own))
    parts = [submission] if alone else list(submission.children.all())
    found = [(part, score) for part in sorted(parts, key=lambda part: part.pk) if (score := _first_score(part))]
    if not found:
        return mark_safe('<span class="muted">—</span>')
    title = ", ".join(
        f"{part.task.name}: {score.column.title} {score_text(score)}" if not alone and part.task else score.column.title
        for part, score in found
    )
    shown = " · ".join(score_text(score) for _part, score in found[:MOST_SCORES])
    return format_html('<span title="{}">{}{}</span>', title, shown, " …" if len(found) > MOST_SCORES else "")


def _first_score(submission: Submission) -> Score | None:
    """The primary score of a submission as participants may see it, else its first one."""
    shown = [score for score in submission.scores.all() if not score.column.hidden]
    return min(shown, key=lambda score: (not _is_primary(score), score.column.index), default=None)


def _is_primary(score: Score) -> bool:
    return score.column.index == score.column.leaderboard.primary_index

"""A participant's submissions to a competition, and the page of one submission."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from podium.protocol import Cause, Step, advice_for
from podium.site.accounts.models import User
from podium.site.competitions import policies as competitions
from podium.site.competitions.forms import RegisterForm
from podium.site.competitions.models import Competition, Phase
from podium.site.competitions.shell import shell
from podium.site.errors import Refused
from podium.site.evaluation import limits, managing, policies, queries, services, status
from podium.site.evaluation.forms import FilterForm, SubmissionForm
from podium.site.evaluation.models import PhaseWork, Submission
from podium.site.evaluation.panes import STEP_NAMES, panes, titled
from podium.site.evaluation.parts import parts
from podium.site.evaluation.standing import standing
from podium.site.evaluation.states import SubmissionStatus
from podium.site.evaluation.tries import LINES, counted, ledger, tries
from podium.site.fetching import SEARCHED, KeysFirst
from podium.site.leaderboards.queries import visible_board
from podium.site.pages.causes import CAUSE_TITLES
from podium.site.resources.models import Dataset, DatasetType
from podium.site.resources.receiving import received_file
from podium.site.resources.services import delete_dataset

PER_PAGE, OWN_PER_PAGE = 50, 25


@require_http_methods(["GET", "HEAD", "POST"])
def submissions(request: HttpRequest, pk: int) -> HttpResponse:
    """Take part: registration, the tries left, the upload form, and one's own submissions."""
    viewed = shell(request, pk)
    phase = viewed.chosen_phase(request.GET.get("phase"))
    form = None
    if viewed.approved and phase is not None:
        sent = (request.POST, request.FILES) if request.method == "POST" else ()
        form = SubmissionForm(*sent, phase=phase, user=cast("User", request.user))
    if request.method == "POST":
        if not request.user.is_authenticated:
            return redirect(f"/accounts/login/?next={request.get_full_path()}")
        if form is None or phase is None:
            messages.error(request, _("Only approved participants can submit. Ask to take part first."))
            return redirect(viewed.url("competitions:submissions"))
        if form.is_valid() and (submission := _submitted(request, form, phase)) is not None:
            return redirect("evaluation:submission", submission.pk)
    rows = queries.mine(request.user, phase) if phase else Submission.objects.none()
    page = Paginator(KeysFirst(rows), OWN_PER_PAGE).get_page(request.GET.get("page"))
    of_phase = {"phase": phase.pk} if phase else {}
    context = viewed.context(
        "submissions",
        phases=[(each, viewed.url("competitions:submissions", phase=each.pk)) for each in viewed.phases],
        phase=phase,
        form=form,
        register_form=RegisterForm(has_terms=bool(viewed.competition.terms)),
        next_day=_next_day(),
        results_url=viewed.url("competitions:results", phase=phase.pk)
        if phase is not None and visible_board(request.user, phase) is not None
        else "",
        tries=tries(request.user, phase) if phase and viewed.approved else None,
        lines=ledger(request.user, phase)[:LINES] if phase and viewed.approved else None,
        limits=limits.rows_of(limits.standing(phase, limits.live_ceilings_of(viewed.competition))) if phase else [],
        page=page,
        before=viewed.url("competitions:submissions", **of_phase, page=page.number - 1),
        after=viewed.url("competitions:submissions", **of_phase, page=page.number + 1),
        under_way=any(not each.is_terminal for each in page),
    )
    return render(request, "evaluation/submissions.html", context, status=400 if form and form.errors else 200)


def _next_day() -> datetime:
    """When the tries of a day come anew: at midnight UTC."""
    today = timezone.now().astimezone(UTC).date()
    return datetime.combine(today + timedelta(days=1), time.min, tzinfo=UTC)


def _submitted(request: HttpRequest, form: SubmissionForm, phase: Phase) -> Submission | None:
    """Hand the form to the use case; a refusal is put beside its field, and leaves no file behind."""
    try:
        data = received_file(cast("User", request.user), form, type=DatasetType.SUBMISSION)
    except Refused as refused:
        form.refuse(refused)
        return None
    try:
        return services.submit(
            user=cast("User", request.user),
            phase=phase,
            data=data,
            tasks=form.chosen_tasks(),
            fact_sheet_answers=form.answers(),
            organization=form.chosen_organization(),
        )
    except Refused as refused:
        form.refuse(refused)
        if Dataset.objects.filter(pk=data.pk, submissions=None, solutions=None).exists():
            delete_dataset(dataset=data)
        return None


@login_required
@require_safe
def all_submissions(request: HttpRequest, pk: int) -> HttpResponse:
    """Everybody's submissions to a competition, for its organizers."""
    viewed = shell(request, pk)
    if not viewed.can_administer:
        raise PermissionDenied(_("Only the organizers see everybody's submissions."))
    form = FilterForm(request.GET, phases=viewed.phases)
    chosen = {name: value for name, value in (form.cleaned_data if form.is_valid() else {}).items() if value}
    rows = queries.of_competition(request.user, viewed.competition, **chosen).select_related("phase__leaderboard")
    # The number that stands in the head of the page, too, which is counted once a minute where it is large.
    count = None if chosen else viewed.competition.submissions_count  # type: ignore[attr-defined]
    found = KeysFirst(rows, count, few=SEARCHED if chosen.get("search") else 0)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = viewed.context(
        "all_submissions",
        form=form,
        filtered=bool(chosen),
        page=page,
        held=_held(request, viewed.competition),
        csv=f"/api/submissions.csv?{urlencode({**chosen, 'phase__competition': pk})}",
        works=list(PhaseWork.objects.filter(phase__competition=pk).select_related("phase", "created_by")[:5]),
        before=viewed.url("competitions:all_submissions", **chosen, page=page.number - 1),
        after=viewed.url("competitions:all_submissions", **chosen, page=page.number + 1),
    )
    return render(request, "evaluation/all_submissions.html", context)


def _held(request: HttpRequest, competition: Competition) -> int:
    """How many submissions wait for an organizer to start them."""
    held = SubmissionStatus.SUBMITTING
    return (
        0
        if competition.auto_run_submissions
        else queries.of_competition(request.user, competition, status=held).count()
    )


def _visible(request: HttpRequest, pk: int) -> Submission:
    """A submission that the viewer may see. Raises Http404."""
    rows = policies.visible_to(request.user).select_related(
        "phase__competition__created_by", "phase__leaderboard", "owner", "data__data_file", "task", "parent", "queue"
    )
    return get_object_or_404(rows, pk=pk)


@dataclass(frozen=True)
class Stage:
    """One stage on the way of a submission: its word, and whether it is done, now, failed or still to come."""

    label: str
    state: str


_WAY = [
    SubmissionStatus.SUBMITTED,
    SubmissionStatus.PREPARING,
    SubmissionStatus.RUNNING,
    SubmissionStatus.SCORING,
    SubmissionStatus.FINISHED,
]


_FAILED_WHILE = {
    SubmissionStatus.PREPARING: gettext_lazy("Failed while preparing"),
    SubmissionStatus.RUNNING: gettext_lazy("Failed while running"),
    SubmissionStatus.SCORING: gettext_lazy("Failed while scoring"),
}


def stages(submission: Submission, steps: set[str]) -> list[Stage]:
    """The way of a submission; steps: those that it has runs for, so a result submission does not show Running."""
    way = [s for s in _WAY if s != SubmissionStatus.RUNNING or Step.PREDICTION in steps or submission.has_children]
    status = SubmissionStatus(submission.status)
    if status == SubmissionStatus.FINISHED:
        return [Stage(str(s.label), "done") for s in way]
    if status in {SubmissionStatus.FAILED, SubmissionStatus.CANCELLED}:
        at = SubmissionStatus.SCORING if submission.failed_step == Step.SCORING else SubmissionStatus.PREPARING
        if submission.failed_step == Step.PREDICTION and SubmissionStatus.RUNNING in way:
            at = SubmissionStatus.RUNNING
        before = way[: way.index(at)]
        label = _FAILED_WHILE[at] if status == SubmissionStatus.FAILED else status.label
        return [*(Stage(str(s.label), "done") for s in before), Stage(str(label), "failed")]
    at_place = way.index(status) if status in way else -1
    return [
        Stage(str(s.label), "done" if place < at_place else "now" if place == at_place else "next")
        for place, s in enumerate(way)
    ]


_FAULTS = {
    "participant": gettext_lazy("The submission's"),
    "organizer": gettext_lazy("The organizer's"),
    "platform": gettext_lazy("The platform's"),
    "nobody": gettext_lazy("Nobody's"),
}
_STEPS = {
    "prediction": gettext_lazy("Prediction (the submitted program)"),
    "scoring": gettext_lazy("Scoring (the organizer's program)"),
}
_RAN_IN = {"prediction": gettext_lazy("Prediction ran in"), "scoring": gettext_lazy("Scoring ran in")}


def failure(submission: Submission) -> dict[str, Any] | None:
    """What the page says about a submission that failed or was cancelled, None for the others."""
    if not submission.cause:
        return None
    cause = Cause(submission.cause)
    return {
        "title": CAUSE_TITLES[cause],
        "calm": cause is Cause.CANCELLED,
        "step": _STEPS.get(submission.failed_step, ""),
        "fault": _FAULTS.get(submission.fault, ""),
        "counted": counted(submission.parent or submission),
        "advice": _(advice_for(cause)),
    }


def context_of(request: HttpRequest, submission: Submission) -> dict[str, Any]:
    """All that a submission's page shows to the viewer, who may see the submission."""
    competition = submission.phase.competition
    administers = competitions.can_administer(request.user, competition)
    details = queries.details(request.user, submission)
    steps = {run.step for run in submission.runs.all()}
    is_owner = request.user.is_authenticated and submission.owner_id == request.user.pk
    told_all = policies.is_told_all(request.user, submission)
    return {
        "submission": submission,
        "competition": competition,
        "administers": administers,
        "is_owner": is_owner,
        "details": details,
        "file_name": submission.file_name if details.rights.submission_file else "",
        "panes": panes(details.logs, failed=submission.status == SubmissionStatus.FAILED),
        "steps": STEP_NAMES,
        "stages": stages(submission, steps),
        "failure": failure(submission),
        "told_all": told_all,
        "reason": details.rights.reason(submission) if told_all else "",
        "notes": details.rights.remarks(submission) if told_all else [],
        "scores": queries.scores(submission, organizer=administers)
        if policies.sees_scores(request.user, submission)
        else [],
        "parts": parts(request.user, submission, organizer=administers),
        "standing": standing(request.user, submission.parent or submission),
        "wait": None if submission.is_terminal else queries.wait(submission),
        "waits_because": _waits_because(submission),
        "offers": managing.offered(request.user, submission),
        "may_cancel": (is_owner or administers) and not submission.is_terminal,
        "cancelling": submission.cancel_requested_when is not None and not submission.is_terminal,
        "held": status.is_held(submission),
        "facts": _facts(submission) if is_owner or administers else [],
        "programs": _programs(details) if is_owner or administers else [],
        "conditions": _conditions(details),
    }


def _waits_because(submission: Submission) -> str:
    """What a waiting submission waits for beside its turn, or ""."""
    if submission.status != SubmissionStatus.SUBMITTED:
        return ""
    workers = limits.live_ceilings(submission.queue_id or submission.phase.competition.queue_id)
    return limits.reason_unserved(limits.standing(submission.phase, workers))


def _conditions(details: queries.Details) -> list[dict[str, Any]]:
    """Under which limits and in which image each step ran, so that a score says what made it."""
    return [
        {
            "title": _RAN_IN[run.step],
            "digest": run.image_digest,
            "image": run.image,
            "limits": [
                (limits.LABELS[name], limits.amount_text(name, run.limits[name]))
                for name in limits.LABELS
                if run.limits.get(name) is not None
            ],
        }
        for run in details.runs
        if run.limits
    ]


_ENDED = {
    "ok": gettext_lazy("normally"),
    "exit_code": gettext_lazy("exit code"),
    "time_limit": gettext_lazy("time limit"),
    "memory_limit": gettext_lazy("memory limit"),
    "disk_limit": gettext_lazy("disk limit"),
    "output_limit": gettext_lazy("output limit"),
    "image_pull": gettext_lazy("image pull"),
    "cancelled": gettext_lazy("cancelled"),
    "platform": gettext_lazy("platform"),
}
"""How programs end, by the sandbox's word."""


def _programs(details: queries.Details) -> list[dict[str, Any]]:
    """How each program ended and what it used, in words."""
    found = []
    for run in details.runs:
        for program in run.programs:
            code = program.get("exit_code")
            ended = str(_ENDED.get(program["cause"]) or program["cause"].replace("_", " "))
            found.append(
                {
                    **program,
                    "title": titled(run.step, program["name"]),
                    "ended": f"{ended} ({code})" if code else ended,
                }
            )
    return found


def _facts(submission: Submission) -> list[tuple[str, Any]]:
    questions = submission.phase.competition.fact_sheet or {}
    answers = submission.fact_sheet_answers or {}
    return [(question.get("title") or key, _answer_text(answers.get(key))) for key, question in questions.items()]


def _answer_text(answer: Any) -> str:
    if isinstance(answer, bool):
        return _("yes") if answer else _("no")
    return "—" if answer in (None, "") else str(answer)


@require_safe
def submission(request: HttpRequest, pk: int) -> HttpResponse:
    """One submission: how far it is, why it failed, its logs, scores and files; live while it is under way."""
    found = _visible(request, pk)
    template = "evaluation/_state.html" if request.GET.get("part") == "state" else "evaluation/submission.html"
    return render(request, template, context_of(request, found))


@login_required
@require_safe
def server_status(request: HttpRequest) -> HttpResponse:
    """What waits in each queue, and the recent submissions with where they run, by right (Codabench's page)."""
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isdecimal() and len(asked) < 19 else None
    children = request.GET.get("show_child_submissions") == "true"
    rows, has_older = status.recent(request.user, before=before, children=children)
    query = "&show_child_submissions=true" if children else ""
    context = {
        "section": "status",
        "rows": rows,
        "queues": status.queues_shown_to(request.user) if before is None else [],
        "older": f"?before={rows[-1].submission.pk}{query}" if rows and has_older else "",
        "newest": before is not None,
        "children": children,
    }
    return render(request, "evaluation/server_status.html", context)


@require_safe
def row(request: HttpRequest, pk: int) -> HttpResponse:
    """A submission's row in the list of one's own, for the list that keeps itself fresh."""
    found = _visible(request, pk)
    own = get_object_or_404(queries.mine(request.user, found.phase), pk=pk)
    answer = render(request, "evaluation/_row.html", {"submission": own, "competition": found.phase.competition})
    if own.is_terminal:
        answer["HX-Trigger-After-Swap"] = "ended"  # others may have left the board, and a try may have been given back
    return answer


@require_safe
def log(request: HttpRequest, pk: int, step: str, stream: str) -> HttpResponse:
    """The whole log of one program stream, as a text file."""
    found = _visible(request, pk)
    if (step, stream) not in {(a.value, b.value) for a, b in queries.LOG_NAMES}:
        raise Http404(_("There is no such log."))
    if not policies.output_rights(request.user, found).logs_of(step):
        raise Http404(_("You may not see this log."))
    text = queries.log_text(found, step, stream)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="submission-{found.pk}-{step}-{stream}.txt"'
    return response


@require_safe
@xframe_options_sameorigin
def detailed_results(request: HttpRequest, pk: int) -> HttpResponse:
    """The report that the scoring program wrote, on a page of its own."""
    found = _visible(request, pk)
    report = queries.details(request.user, found).detailed_result
    if report is None:
        raise Http404(_("There is no report, or you may not see it."))
    context = {"submission": found, "competition": found.phase.competition, "report": report}
    return render(request, "evaluation/report.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel a submission, after asking."""
    found = _visible(request, pk)
    if request.method != "POST":
        return render(request, "evaluation/cancel.html", {"submission": found, "competition": found.phase.competition})
    try:
        cancelled = services.cancel(submission=found, by=cast("User", request.user))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        if not cancelled:
            messages.info(request, _("The submission had already ended."))
    return redirect("evaluation:submission", pk)


@login_required
@require_POST
def start(request: HttpRequest, pk: int) -> HttpResponse:
    """Start a submission that waits for its organizer."""
    found = _visible(request, pk)
    try:
        services.start_held(submission=found, by=cast("User", request.user))
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("evaluation:submission", pk)

"""The worlds that the access tests walk through: a competition with everything that somebody might not see.

Each is built by the same hands with other settings, so that its states (published or not, hidden board, hidden output,
...) are the only thing in which it differs. Every value that tells something has a mark in it (`access_marks`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from pydantic import SecretStr
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from podium.protocol import Cause, Failure, Step
from podium.site.accounts.models import Organization, User
from podium.site.accounts.services import organizations, tokens
from podium.site.accounts.services.deletion import delete_account
from podium.site.accounts.services.people import set_banned
from podium.site.analytics.models import UsageDay
from podium.site.analytics.periods import today
from podium.site.analytics.services import snapshots
from podium.site.competitions.models import Competition, CreationStatus, Participant, Phase, WhitelistEmail
from podium.site.competitions.services.deleting import delete_competition
from podium.site.competitions.services.participation import set_participant_status
from podium.site.evaluation.models import Attempt, Submission
from podium.site.evaluation.services import deletion as removing
from podium.site.evaluation.services import ledger
from podium.site.forums.services import moderating, posting
from podium.site.mails.models import Message
from podium.site.queues.models import BrokerAccess, Queue
from podium.site.queues.services.lifecycle import create_queue
from podium.site.resources.folder import path_of
from podium.site.resources.models import Dataset, Solution
from podium.site.resources.uploads import begin
from podium.site.webhooks.models import Webhook
from tests.factories import CODE, UserFactory, dataset, phase_with_board, queue_token, zip_of
from tests.site.acting import WorkerDouble, frame, put, scores, submit

ROLES = ["anonymous", "sam", "penny", "pat", "olivia", "colin", "ada", "ben", "bot"]
"""Nobody, a stranger, somebody pending, a participant, organizer, collaborator, administrator, banned, a bot."""
ORGANIZERS = frozenset({"olivia", "colin", "ada"})
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Setting:
    """How a world is set up.

    secret: everybody comes by the secret link. given: which of programs and input data the competition gives. phase:
    flags of the phase. submission: finished, failed, or removed by its owner. owner: taking part, denied, banned, or
    with a deleted account. public, organization: whether the submission was made public, and made for the Lab.
    next_phase: whether a second phase is to come, with programs of its own.
    """

    name: str
    published: bool = True
    secret: bool = False
    deleted: bool = False
    board_hidden: bool = False
    phase: dict[str, Any] = field(default_factory=dict)
    rule: str = "Force_Last"
    given: frozenset[str] = frozenset()
    submission: str = "finished"
    owner: str = "takes part"
    public: bool = False
    organization: bool = False
    next_phase: bool = False
    roles: tuple[str, ...] = tuple(ROLES)

    @property
    def everybody(self) -> frozenset[str]:
        """Everybody who is not shut out of the site; whose account is deleted is nobody in particular."""
        return frozenset(ROLES) - {"ben"} - ({"pat"} if self.owner == "banned" else NOBODY)

    @property
    def viewers(self) -> frozenset[str]:
        """Who sees the competition."""
        if self.deleted:
            return NOBODY
        if self.published or self.secret:
            return self.everybody
        return ORGANIZERS | ({"pat"} if self.owner == "takes part" else NOBODY)

    @property
    def own(self) -> frozenset[str]:
        """The owner of the submission, where there is still somebody who can log in, and it can still be seen."""
        return frozenset({"pat"}) if self.owner in {"takes part", "denied"} and not self.deleted else NOBODY

    @property
    def organizers(self) -> frozenset[str]:
        """Who runs the competition."""
        return NOBODY if self.deleted else ORGANIZERS

    @property
    def submission_viewers(self) -> frozenset[str]:
        """Who sees the submission: its owner, the organizers, and all where it stands on a shown board or is public."""
        stands = self.submission == "finished" and self.owner in {"takes part", "account deleted"}
        is_shown = (stands and not self.board_hidden) or (self.public and self.owner in {"takes part"})
        return self.own | self.organizers | (self.viewers if is_shown else NOBODY)

    @property
    def score_viewers(self) -> frozenset[str]:
        """Who sees its scores."""
        return self.own | self.organizers | (NOBODY if self.board_hidden else self.submission_viewers)

    def hides(self, *flags: str) -> bool:
        """Whether the phase hides something from participants, output as a whole included."""
        return any(self.phase.get(flag) for flag in ("hide_output", *flags))

    def output(self, *flags: str) -> frozenset[str]:
        """Who sees what the phase hides by these flags."""
        return self.organizers | (NOBODY if self.hides(*flags) else self.own)


OPEN = Setting("open")
CLOSED = Setting("closed", published=False, board_hidden=True, phase={"hide_output": True}, rule="Add")
_TWO = ("sam", "pat")
STATES = [
    Setting(
        "secret-link",
        published=False,
        secret=True,
        given=frozenset({"programs", "input"}),
        next_phase=True,
        roles=("anonymous", *_TWO),
    ),
    Setting("deleted", deleted=True, roles=(*_TWO, "olivia", "ada")),
    Setting("steps-hidden", phase={"hide_score_output": True}, given=frozenset({"input"}), roles=_TWO),
    Setting("prediction-hidden", phase={"hide_prediction_output": True}, submission="failed", roles=_TWO),
    Setting("public-for-organization", board_hidden=True, public=True, organization=True, roles=(*_TWO, "penny")),
    Setting("public-in-private", published=False, public=True, roles=("anonymous", *_TWO)),
    Setting("denied", owner="denied", public=True, roles=_TWO),
    Setting("banned", owner="banned", public=True, roles=_TWO),
    Setting("account-deleted", owner="account deleted", roles=_TWO),
    Setting("removed", submission="removed", rule="Add", roles=(*_TWO, "olivia")),
]
"""Worlds that differ in one or two states each, walked through by reading, by the roles that matter there."""


def plain(route: str) -> str:
    """A route as the table writes it: `competitions/<pk>/`."""
    route = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", route.lstrip("^").rstrip("$"))
    return re.sub(r"<\w+:(\w+)>", r"<\1>", route).replace("^", "").replace("\\", "").replace("/?", "/")


def every_route(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every route of the site; those with a format suffix are the same views again."""
    for pattern in (resolver or get_resolver()).url_patterns:
        here = prefix + plain(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from every_route(pattern, here)
        elif "<format>" not in here:
            yield here, pattern


@dataclass(frozen=True)
class World:
    """What the addresses point at, and who asks."""

    setting: Setting
    competition: Competition
    submission: Submission
    dataset: Dataset
    creation: CreationStatus
    participant: Participant
    lab: Queue
    organization: Organization
    upload: str
    people: dict[str, User | None]
    clients: dict[str, APIClient]
    names: dict[str, Any]

    def address(self, route: str) -> str:
        """The route with the ids of this world."""
        path = route
        for name, value in self.names.items():
            if "<pk>" in name:
                path = path.replace(name, name.replace("<pk>", str(value)))
        if route.endswith("creation_status/"):
            path = route.replace("<pk>", str(self.creation.pk))
        words = {**self.names, "wish": "revoke" if "tokens" in route else "drain"}
        if route.startswith("api/uploads/"):
            words["key"] = self.upload
        for name, value in words.items():
            path = path.replace(f"<{name}>", str(value))
        assert "<" not in path, path
        return f"/{path}"

    def path(self, address: str) -> str:
        """The address with the ids of this world, and with the secret key where everybody comes by it."""
        path = self.address(address)
        if not self.setting.secret:
            return path
        return f"{path}{'&' if '?' in path else '?'}secret_key={self.competition.secret_key}"

    def ask(self, role: str, method: str, path: str, read: Callable[[Any], Any]) -> Any:
        """What `read` makes of the answer that a role gets; whatever the request changed is undone."""
        with transaction.atomic():
            found = read(getattr(self.clients[role], method.lower())(path))
            transaction.set_rollback(True)
        return found


QUESTIONS = {
    key: {
        "key": key,
        "type": "text",
        "title": key.capitalize(),
        "selection": "",
        "is_required": "false",
        "is_on_leaderboard": shown,
    }
    for key, shown in (("method", "true"), ("remarks", "false"))
}
COLUMNS = [
    {"title": "Accuracy", "key": "accuracy", "index": 0, "sorting": "desc", "precision": 8},
    {"title": "mark-hidden-column", "key": "held", "index": 1, "sorting": "desc", "precision": 8, "hidden": True},
]
PROGRAM = zip_of({"metadata": "description: a model\n", "model.py": "# mark-code\n"})
SHOWN_SCORE, HIDDEN_SCORE = 0.41421356, 0.27182818
TOLD = {
    "status_details": "mark-status-details",
    "limit": "mark-limit",
    "measured": "mark-measured",
    "failed_program": "mark-program",
    "notes": ["mark-note", "Scoring: mark-scoring-remark"],
}
"""What the owner of a submission is told."""


def make_people(olivia: User, pat: User, sam: User, ada: User) -> dict[str, User | None]:
    """Everybody, each with an address that is recognized."""
    people: dict[str, User | None] = {
        "anonymous": None,
        "sam": sam,
        "penny": UserFactory(username="penny"),
        "pat": pat,
        "olivia": olivia,
        "colin": UserFactory(username="colin"),
        "ada": ada,
        "ben": UserFactory(username="ben", is_banned=True),
        "bot": UserFactory(username="bot", is_bot=True),
    }
    for role, user in people.items():
        if user is not None:
            user.email = f"mark-email-{role}@example.org"
            user.first_name = f"mark-first-{role}"
            user.save(update_fields=["email", "first_name"])
    Token.objects.create(user=pat)
    return people


def _evaluated(pat: User, competition: Competition, queue: Queue, setting: Setting, lab: Organization) -> Submission:
    """A submission of a program with everything that comes of one: two steps, output, report, scores or a failure."""
    submission = submit(
        pat,
        competition,
        PROGRAM,
        fact_sheet_answers={"method": "mark-answer-shown", "remarks": "mark-answer-kept"},
        organization=lab if setting.organization else None,
    )
    Dataset.objects.filter(pk=submission.data_id).update(file_name="mark-answer.zip")
    worker = WorkerDouble(queue, "mark-host")
    for step in ("prediction", "scoring"):
        job = worker.job()
        worker.beat(job, frames=[frame(f"mark-log-{step}\n")])
        if step == "prediction":
            worker.finish(job)
            continue
        assert job.detailed_results_url and job.private_output_url
        put(job.detailed_results_url, b"<h1>Report</h1>")
        put(job.private_output_url, CODE)
        given = scores(accuracy=SHOWN_SCORE, held=HIDDEN_SCORE)
        end: dict[str, Any] = {"detailed_results_uploaded": True, "private_output_uploaded": True}
        if setting.submission == "failed":
            given, end = {}, {"failure": Failure(cause=Cause.EXIT_CODE, step=Step.SCORING, message="It failed.")}
        worker.finish(job, given, **end)
    Submission.objects.filter(pk=submission.pk).update(**TOLD)
    submission.refresh_from_db()
    return submission


def _talked(competition: Competition, pat: User, olivia: User) -> None:
    """A thread of pat's with a reported post, and one that was deleted."""
    post = posting.start_thread(competition=competition, by=pat, title="mark-thread", content="mark-post")
    posting.report(post=post, by=olivia, reason="mark-report")
    gone = posting.start_thread(competition=competition, by=pat, title="mark-deleted", content="x").thread
    moderating.delete_thread(thread=gone, by=olivia)
    Message.objects.all().delete()


def _lost(submission: Submission, lab: Queue) -> None:
    """An attempt that the lab's worker lost before those of the submission, with a message for who operates it."""
    run, now = submission.runs.get(step="scoring"), timezone.now()
    Attempt.objects.create(
        run=run,
        number=0,
        state="lost",
        cause="worker_lost",
        message="mark-attempt-message",
        token_hash="0" * 64,
        worker=lab.workers.get(),
        worker_name="mark-host",
        lease_until=now,
        deadline=now,
        finished_when=now,
    )


def _lab(people: dict[str, User | None], *, public: bool) -> Queue:
    """A queue of olivia's that colin operates, with a token, a worker and a place on the broker."""
    olivia, colin = people["olivia"], people["colin"]
    assert olivia and colin
    lab = create_queue(user=olivia, name="mark-queue", is_public=public, organizers=[colin])
    queue_token(lab, "mark-queue-token")
    lab.workers.create(name="mark-worker", hostname="mark-worker-host")
    BrokerAccess.objects.create(queue=lab, vhost=str(lab.vhost), state="ready")
    return lab


def _files(competition: Competition, olivia: User) -> None:
    """What participants get whatever the competition says: a starting kit, public data, a solution."""
    phase = competition.phases.get()
    phase.starting_kit, phase.public_data = (dataset(olivia, type=kind) for kind in ("starting_kit", "public_data"))
    phase.save(update_fields=["starting_kit", "public_data"])
    solution = Solution.objects.create(name="A solution", data=dataset(olivia, type="solution"))
    solution.tasks.add(phase.phase_tasks.get().task)


def _next_phase(competition: Competition) -> None:
    phase, later = competition.phases.get(), timezone.now() + timedelta(days=30)
    Phase.objects.filter(pk=phase.pk).update(end=later)
    Phase.objects.filter(pk=phase_with_board(competition, index=1, task_count=1).pk).update(start=later)


def _organization(people: dict[str, User | None], setting: Setting) -> Organization:
    olivia = people["olivia"]
    assert olivia
    made = organizations.create(by=olivia, facts={"name": "Lab", "email": "mark-organization@example.org"})
    groups = {"pat": "PARTICIPANT" if setting.organization else "MEMBER", "colin": "MANAGER", "penny": "INVITED"}
    for role, group in {**groups, **({"sam": "MEMBER"} if setting.organization else {})}.items():
        made.memberships.create(user=people[role], group=group)
    return made


def _names(competition: Competition, submission: Submission, lab: Queue, organization: Organization) -> dict[str, Any]:
    """What stands for the parts of routes; those with `<pk>` come first, for each has its own."""
    phase, olivia = competition.phases.get(index=0), competition.created_by
    assert olivia
    score, hook = submission.scores.filter(column__hidden=False).first(), competition.webhooks.get()
    participant, creation = competition.participants.get(status="pending"), CreationStatus.objects.get()
    task = phase.phase_tasks.get().task_id
    of_routes = {
        "webhooks/<pk>": hook.pk,
        "competitions/<pk>": competition.pk,
        "competitions/upload/<pk>": creation.pk,
        "submissions/<pk>": submission.pk,
        "submission_scores/<pk>": score.pk if score else 0,
        "phases/<pk>": phase.pk,
        "leaderboards/<pk>": phase.leaderboard_id,
        "api/participants/<pk>": participant.pk,
        "queues/<pk>": lab.pk,
        "organization/<pk>": organization.pk,
        "organizations/<pk>": organization.pk,
        "users/<pk>": olivia.pk,
        "tokens/<pk>": olivia.api_tokens.get().pk,
        "tasks/<pk>": task,
    }
    thread = competition.forum.threads.get(deleted_date=None)
    return {
        **of_routes,
        "page_id": competition.pages.get().pk,
        "phase": phase.pk,
        "phase_id": phase.pk,
        "name": "scoring_stdout",
        "username": "olivia",
        "membership_id": organization.memberships.get(user__username="pat").pk,
        "token_id": lab.tokens.get().pk,
        "worker_id": lab.workers.get().pk,
        "participant_id": participant.pk,
        "competition": competition.pk,
        "webhook_id": hook.pk,
        "delivery": hook.deliveries.get().pk,
        "submission_id": submission.pk,
        "board_id": phase.leaderboard_id,
        "forum_id": thread.forum_id,
        "thread_id": thread.pk,
        "post_id": thread.posts.get().pk,
        "chosen": "scoring_program",
        "chapter": "organizers/bundles",
        "kind": "unused_tasks",
        "task_id": task,
        "step": "scoring",
        "stream": "stdout",
    }


def _settle(setting: Setting, competition: Competition, submission: Submission, people: dict[str, User | None]) -> None:
    """Bring about the state that the world is in, as people do it."""
    olivia, pat, ada = people["olivia"], people["pat"], people["ada"]
    assert olivia and pat and ada
    submission.refresh_from_db()
    if setting.public:
        removing.toggle_public(submission=submission, by=pat)
    if setting.submission == "removed":
        removing.soft_delete(submission=submission, by=pat)
    if setting.owner == "denied":
        mine = Participant.objects.select_related("competition").get(competition=competition, user=pat)
        set_participant_status(participant=mine, by=olivia, status="denied")
    if setting.owner == "banned":
        set_banned(user=pat, by=ada, banned=True)
    if setting.owner == "account deleted":
        delete_account(user=pat)
    if setting.deleted:
        delete_competition(competition=competition, by=olivia)


def make_world(
    setting: Setting,
    make_competition: Callable[..., Competition],
    people: dict[str, User | None],
    queue: Queue,
    client_of: Callable[[User | None], APIClient],
) -> World:
    """Build a world."""
    competition = make_competition(
        published=setting.published,
        board={"hidden": setting.board_hidden},
        phase=setting.phase,
        rule=setting.rule,
        columns=COLUMNS,
        ingestion=True,
        enable_detailed_results=True,
        fact_sheet=QUESTIONS,
        title="mark-title",
        description="mark-description",
        make_programs_available="programs" in setting.given,
        make_input_data_available="input" in setting.given,
    )
    olivia, pat, colin = people["olivia"], people["pat"], people["colin"]
    assert olivia and pat and colin and people["penny"]
    competition.collaborators.add(colin)
    penny = Participant.objects.create(
        competition=competition, user=people["penny"], status="pending", reason="mark-reason"
    )
    WhitelistEmail.objects.create(competition=competition, email="mark-whitelist@example.org")
    competition.pages.update(content="mark-page")
    organization = _organization(people, setting)
    submission = _evaluated(pat, competition, queue, setting, organization)
    phase, mine = competition.phases.get(), competition.participants.get(user=pat)
    ledger.credit(participant=mine, phase=phase, tries=1, note="mark-credit", by=olivia)
    _talked(competition, pat, olivia)
    Message.objects.create(subject="s", text="mark-mail", why="w", competition=competition, sender=olivia)
    _files(competition, olivia)
    if setting.next_phase:
        _next_phase(competition)
    file = dataset(olivia, type="reference_data", is_public=setting.published)
    bundle = dataset(olivia, type="competition_bundle")
    lab = _lab(people, public=setting.published)
    _lost(submission, lab)
    Competition.objects.filter(pk=competition.pk).update(bundle=bundle, queue=lab, terms="mark-terms")
    creation = CreationStatus.objects.create(created_by=olivia, dataset=bundle, details="mark-creation")
    hook = Webhook.objects.create(competition=competition, url="https://mark-hook.example/", events=[])
    hook.deliveries.create(event="ping", body='"mark-hook-body"', response="mark-hook-response", state="Delivered")
    tokens.create_token(user=olivia, name="mark-token", scope="read")
    _counted()
    upload = begin(user=olivia, type="submission", file_name="a.zip", size=10).dataset.key
    names = _names(competition, submission, lab, organization)
    names["submitted"] = submission.data and submission.data.key
    names |= {"datasets/<pk>": file.pk, "datasets/download/id/<pk>": file.pk, "key": file.key}
    clients = {role: client_of(user) for role, user in people.items()}
    competition.refresh_from_db()
    _settle(setting, competition, submission, people)
    submission.refresh_from_db()
    return World(
        setting,
        competition,
        submission,
        file,
        creation,
        penny,
        lab,
        organization,
        str(upload),
        people,
        clients,
        names,
    )


def _counted() -> None:
    """What the site was found to store, a file that nothing refers to among it."""
    lost = path_of("dataset/2024-01-01/0123456789abcdef/mark-orphan.zip")
    lost.parent.mkdir(parents=True, exist_ok=True)
    lost.write_bytes(b"lost")
    snapshots.take(day_id=UsageDay.objects.create(day=today()).pk)


BROKER_PASSWORD = "mark-broker-password"


def with_broker(config: Any, monkeypatch: Any) -> None:
    """Let the site have a broker, so that its addresses are told to those who may know them."""
    monkeypatch.setattr(config, "broker_url", SecretStr(f"amqp://podium:{BROKER_PASSWORD}@127.0.0.1:5672"))

"""A site on which there is much of every kind, and every address that lists it; for tests and benches."""

# ruff: noqa: PLC0415 - benches set the site up themselves, so nothing of it is imported before

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

CHUNK = 5000
FEW = 50
"""Tokens of somebody and of a queue, of which services allow no more."""


def _bulk(model: Any, rows: Iterable[Any]) -> list[Any]:
    return list(model.objects.bulk_create(list(rows), batch_size=CHUNK))


def _key() -> str:
    return uuid.uuid4().hex


class Many:
    """A competition of olivia's in which pat takes part; `grow` makes so many more of everything.

    What a person sees in a list belongs to olivia, but submissions and participations, which are pat's.
    """

    def __init__(self, olivia: Any, pat: Any, ada: Any, queue: Any) -> None:
        from podium.site.accounts.models import Group, Membership, Organization
        from podium.site.competitions.models import Competition, Participant, Phase, PhaseTask
        from podium.site.forums.models import Forum, Thread
        from podium.site.leaderboards.models import Column, Leaderboard
        from podium.site.resources.models import Dataset, Task, TaskVersion
        from podium.site.webhooks.models import Webhook

        self.olivia, self.pat, self.ada, self.queue, self.grown = olivia, pat, ada, queue, 0
        self.competition = Competition.objects.create(title="Crowd", created_by=olivia, published=True)
        self.board = Leaderboard.objects.create(competition=self.competition, title="Results", key="main")
        self.column = Column.objects.create(leaderboard=self.board, title="Score", key="score", index=0)
        self.start = olivia.date_joined - timedelta(days=40)
        facts: dict[str, Any] = {"name": "Open", "start": self.start, "leaderboard": self.board}
        facts |= {"max_submissions_per_day": 0, "max_submissions_per_person": 0}
        self.phase = Phase.objects.create(competition=self.competition, index=0, **facts)
        self.program = Dataset.objects.create(created_by=olivia, name="Scorer", type="scoring_program")
        self.task = Task.objects.create(name="The task", created_by=olivia)
        self.version = TaskVersion.objects.create(task=self.task, number=1, scoring_program=self.program)
        PhaseTask.objects.create(phase=self.phase, task=self.task)
        self.place = Participant.objects.create(competition=self.competition, user=pat, status="approved")
        self.forum = Forum.objects.get_or_create(competition=self.competition)[0]
        self.thread = Thread.objects.create(forum=self.forum, title="The thread", started_by=pat)
        self.hook = Webhook.objects.create(competition=self.competition, created_by=olivia, url="https://example.org/")
        self.organization = Organization.objects.create(name="Academy", email="academy@example.org")
        Membership.objects.create(organization=self.organization, user=olivia, group=Group.OWNER)

    def grow(self, count: int) -> None:
        """So many more of everything."""
        from podium.site.leaderboards.services import places

        numbers = range(self.grown, self.grown + count)
        self.grown += count
        people = self._people(numbers)
        self._competitions(numbers, people)
        self._resources(numbers)
        self._submissions(numbers, people)
        self._queues(numbers)
        self._forum(numbers, people)
        self._history(numbers, people)
        self._usage(numbers, people)
        places.rebuild(self.phase.pk)

    def _people(self, numbers: range) -> list[Any]:
        from podium.site.accounts.models import ApiToken, Group, Membership, Organization, User

        facts = {"password": "x" * 60, "biography": "b" * 200}
        people = _bulk(User, (User(username=f"p{n:06}", email=f"p{n:06}@example.org", **facts) for n in numbers))
        organizations = _bulk(
            Organization, (Organization(name=f"Team {n:06}", email=f"t{n:06}@example.org") for n in numbers)
        )
        _bulk(Membership, (Membership(organization=one, user=self.olivia, group=Group.MEMBER) for one in organizations))
        _bulk(Membership, (Membership(organization=self.organization, user=one, group=Group.MEMBER) for one in people))
        token = {"user": self.olivia, "scope": "read", "ending": "abcd"}
        few = [n for n in numbers if n < FEW]
        _bulk(ApiToken, (ApiToken(name=f"Token {n}", digest=_key(), **token) for n in few))
        return people

    def _competitions(self, numbers: range, people: list[Any]) -> None:
        from podium.site.competitions.models import Competition, CreationStatus, Dump, Participant, Phase
        from podium.site.leaderboards.models import Leaderboard

        facts = {"description": "Find the pattern.", "created_by": self.olivia, "published": True}
        made = _bulk(Competition, (Competition(title=f"Challenge {n:06}", **facts) for n in numbers))
        boards = _bulk(Leaderboard, (Leaderboard(competition=one, title="Results", key="main") for one in made))
        phase = {"index": 0, "name": "Open", "start": self.start}
        pairs = zip(made, boards, strict=True)
        _bulk(Phase, (Phase(competition=one, leaderboard=board, **phase) for one, board in pairs))
        _bulk(Participant, (Participant(competition=one, user=self.pat, status="approved") for one in made))
        _bulk(
            Participant,
            (
                Participant(competition=self.competition, user=one, status="pending" if n % 2 == 0 else "approved")
                for n, one in enumerate(people)
            ),
        )
        ended = {"created_by": self.olivia, "status": "Finished", "finished_when": self.start}
        _bulk(CreationStatus, (CreationStatus(resulting_competition=one, **ended) for one in made))
        _bulk(Dump, (Dump(competition=self.competition, kind="archive", **ended) for _ in numbers))

    def _resources(self, numbers: range) -> None:
        from podium.site.competitions.models import PhaseTask
        from podium.site.resources.models import Dataset, Solution, Task, TaskVersion, UploadSession

        for kind in ("public_data", "competition_bundle", "submission"):
            self._datasets(numbers, kind, self.olivia, is_public=True)
        tasks = _bulk(Task, (Task(name=f"Task {n:06}", created_by=self.olivia, is_public=True) for n in numbers))
        programs = self._datasets(numbers, "scoring_program", self.olivia)
        _bulk(
            TaskVersion,
            (
                TaskVersion(task=one, number=1, scoring_program=program)
                for one, program in zip(tasks, programs, strict=True)
            ),
        )
        solved = self._datasets(numbers, "solution", self.olivia)
        _bulk(Solution, (Solution(name=f"Solution {n}", data=one) for n, one in zip(numbers, solved, strict=True)))
        # Every other task is in the phase of a competition of its own.
        from podium.site.competitions.models import Phase

        phases = Phase.objects.exclude(pk=self.phase.pk).order_by("-pk")[: len(tasks) // 2]
        _bulk(PhaseTask, (PhaseTask(phase=phase, task=one) for phase, one in zip(phases, tasks, strict=False)))
        coming = {"created_by": self.olivia, "type": "input_data"}
        waiting = _bulk(Dataset, (Dataset(name=f"coming {n:06}", **coming) for n in numbers))
        session = {"part_size": 5, "expires_when": self.olivia.date_joined + timedelta(days=1)}
        _bulk(UploadSession, (UploadSession(dataset=one, **session) for one in waiting))

    def _datasets(self, numbers: range, kind: str, owner: Any, **facts: Any) -> list[Any]:
        from podium.site.resources.models import Dataset

        facts |= {"created_by": owner, "type": kind, "upload_completed_when": self.start}
        files = zip(numbers, self._files(numbers, kind), strict=True)
        return _bulk(
            Dataset,
            (
                Dataset(name=f"{kind} {n:06}", file_name=f"{kind}-{n:06}.zip", data_file=one, **facts)
                for n, one in files
            ),
        )

    def _files(self, numbers: range, kind: str) -> list[Any]:
        from podium.site.resources.models import StoredFile

        digests = {"sha256": "0" * 64, "md5": "0" * 32}
        return _bulk(StoredFile, (StoredFile(key=f"many/{kind}-{_key()}", size=1000 + n, **digests) for n in numbers))

    def _submissions(self, numbers: range, people: list[Any]) -> None:
        from podium.ranking.keys import sort_key_hex
        from podium.site.evaluation.models import Attempt, ParticipantLane, PhaseWork, Run, Submission, TryEntry
        from podium.site.leaderboards.models import Entry, Score
        from podium.site.leaderboards.services import ranking_column

        data = self._datasets(numbers, "submission", self.pat)
        facts: dict[str, Any] = {"phase": self.phase, "task": self.task, "task_version": self.version, "kind": "result"}
        facts |= {"status": "Finished", "finished_when": self.start, "queue": self.queue}
        rows = _bulk(Submission, (Submission(owner=self.pat, data=one, **facts) for one in data))
        standing = _bulk(Submission, (Submission(owner=one, **facts) for one in people))
        _bulk(Score, (Score(submission=one, column=self.column, value=1.0, text="1") for one in [*rows, *standing]))
        ranked = [ranking_column(self.column)]
        _bulk(
            Entry,
            (
                Entry(
                    leaderboard=self.board, phase=self.phase, submission=one, owner=one.owner, name=one.owner.username,
                    sort_key=sort_key_hex(ranked, 0, {"score": 1.0}, one.created_when, one.pk),
                )
                for one in standing
            ),
        )  # fmt: skip
        turn = {"queue": self.queue, "priority": 0, "competition": self.competition, "owner": self.pat}
        lane = ParticipantLane.objects.get_or_create(**turn, defaults={"last_served": self.start})[0]
        run = {"step": "scoring", "state": "succeeded", "queue": self.queue, "lane": lane, "finished_when": self.start}
        runs = _bulk(Run, (Run(submission=one, **run) for one in rows))
        ended = {"number": 1, "state": "succeeded", "lease_until": self.start, "deadline": self.start}
        _bulk(Attempt, (Attempt(run=one, token_hash=_key(), finished_when=self.start, **ended) for one in runs))
        credit = {"phase": self.phase, "user": self.pat, "day": self.start.date(), "amount": -1, "is_credit": True}
        _bulk(TryEntry, (TryEntry(reason=f"note {n}", created_by=self.olivia, **credit) for n in numbers))
        work = {"phase": self.phase, "kind": "rerun", "state": "finished", "total": 1, "until": 1}
        _bulk(PhaseWork, (PhaseWork(finished_when=self.start, **work) for _ in numbers))

    def _queues(self, numbers: range) -> None:
        from podium.site.queues.models import Queue, QueueToken, Worker

        _bulk(Queue, (Queue(name=f"lab {n:06}", owner=self.olivia, is_public=True) for n in numbers))
        self.lab = Queue.objects.filter(name__startswith="lab ").order_by("pk")[0]
        _bulk(Worker, (Worker(queue=self.lab, name=f"machine {n:06}") for n in numbers))
        token = {"queue": self.lab, "created_by": self.olivia}
        few = [n for n in numbers if n < FEW]
        _bulk(QueueToken, (QueueToken(name=f"token {n}", token_hash=_key(), **token) for n in few))

    def _forum(self, numbers: range, people: list[Any]) -> None:
        from podium.site.forums.models import Follower, Post, Report, Thread

        begun = {"forum": self.forum, "started_by": self.pat, "last_post_by": self.pat, "posts_count": 1}
        threads = _bulk(Thread, (Thread(title=f"Question {n:06}", **begun) for n in numbers))
        said = {"posted_by": self.pat, "content": "How is this scored? " * 5}
        _bulk(Post, (Post(thread=one, **said) for one in threads))
        posts = _bulk(Post, (Post(thread=self.thread, **said) for _ in numbers))
        _bulk(Report, (Report(post=one, reported_by=self.olivia, reason="rude") for one in posts))
        _bulk(Follower, (Follower(thread=self.thread, user=one) for one in people))

    def _history(self, numbers: range, people: list[Any]) -> None:
        from podium.site.audit.models import AuditEntry
        from podium.site.pages.models import NewsPost
        from podium.site.webhooks.models import WebhookDelivery

        what = {"action": "competition.changed", "actor": self.olivia, "kind": "competition", "via": "session"}
        what |= {"competition": self.competition.pk, "object_id": self.competition.pk}
        _bulk(AuditEntry, (AuditEntry(before={"n": n}, after={"n": n + 1}, **what) for n in numbers))
        message = {"webhook": self.hook, "event": "ping", "body": "{}", "state": "Delivered"}
        _bulk(WebhookDelivery, (WebhookDelivery(**message) for _ in numbers))
        _bulk(NewsPost, (NewsPost(title=f"News {n}", text="Text") for n in numbers))

    def _usage(self, numbers: range, people: list[Any]) -> None:
        from podium.site.analytics.models import CompetitionUsage, Orphan, OrphanCheck, UsageDay, UserUsage
        from podium.site.competitions.models import Competition

        today = self.olivia.date_joined.date()
        self.day = UsageDay.objects.get_or_create(day=today, defaults={"taken_when": self.start})[0]
        bytes_of = {"day": self.day, "datasets": 1, "results": 1}
        fresh = Competition.objects.order_by("-pk")[: len(numbers)]
        _bulk(CompetitionUsage, (CompetitionUsage(competition=one, total=one.pk, **bytes_of) for one in fresh))
        _bulk(UserUsage, (UserUsage(user=one, total=one.pk, **bytes_of) for one in people))
        count = {"files": 1, "orphans": 1, "orphan_bytes": 1, "missing": 0}
        check = OrphanCheck.objects.first() or OrphanCheck.objects.create(started_when=self.start, **count)
        _bulk(Orphan, (Orphan(check_of=check, key=f"lost-{n}", size=1, changed_when=self.start) for n in numbers))

    def addresses(self) -> dict[str, tuple[str, str]]:
        """What is listed where: who asks, and the address."""
        c = self.competition.pk
        site, api = f"/competitions/{c}", "/api"
        nobody = {
            "home": "/",
            "news": "/news/",
            "public competitions": "/competitions/public/",
            "public competitions, last": "/competitions/public/?page=100000",
            "public competitions, search": "/competitions/public/?search=challenge+000007",
            "public competitions, popular": "/competitions/public/?ordering=popular",
            "public competitions, with most submissions": "/competitions/public/?ordering=with_most_submissions",
            "public competitions, open ones": "/competitions/public/?state=open",
            "public datasets": "/datasets/public/",
            "public datasets, last": "/datasets/public/?page=100000",
            "public datasets, search": "/datasets/public/?search=data+000007",
            "public tasks": "/tasks/public/",
            "public tasks, last": "/tasks/public/?page=100000",
            "public tasks, search": "/tasks/public/?search=task+000007",
            "search over everything": "/search/?q=000007",
            "search of datasets": "/search/?q=000007&in=datasets",
            "a competition": f"{site}/",
            "results": f"{site}/results/",
            "results, last": f"{site}/results/?page=100000",
            "API: public competitions": f"{api}/competitions/public/",
            "API: public competitions, search": f"{api}/competitions/public/?search=000007",
            "API: front page": f"{api}/competitions/front_page/",
            "API: competitions": f"{api}/competitions/",
            "API: competitions, search": f"{api}/competitions/?search=000007",
            "API: a competition": f"{api}/competitions/{c}/",
            "API: public datasets": f"{api}/datasets/public/",
            "API: public datasets, search": f"{api}/datasets/public/?search=000007",
        }
        pat = {
            "competitions I take part in": "/competitions/?tab=participating",
            "my submissions": f"{site}/submissions/",
            "my submissions, last": f"{site}/submissions/?page=100000",
            "submissions of mine, resources": "/resources/",
            "submissions of mine, resources, last": "/resources/?page=100000",
            "submissions of mine, resources, search": "/resources/?search=submission-000007",
            "progress": f"{site}/results/progress/",
            "forum": f"{site}/forum/",
            "forum, last": f"{site}/forum/?page=100000",
            "forum, search": f"{site}/forum/?search=question+000007",
            "a thread": f"{site}/forum/{self.thread.pk}/",
            "a thread, last": f"{site}/forum/{self.thread.pk}/?page=100000",
            "my space": "/resources/space/",
            "search over everything, with an account": "/search/?q=000007",
            "search over everything, common words": "/search/?q=task",
            "search of threads": "/search/?q=000007&in=threads",
            "search of people": "/search/?q=000007&in=people",
            "search of organizations": "/search/?q=000007&in=organizations",
            "a profile": f"/profiles/user/{self.pat.username}/",
            "API: submissions": f"{api}/submissions/?page_size=50",
            "API: submissions, search": f"{api}/submissions/?page_size=50&search=submission-000007",
            "API: people looked up": f"{api}/user_lookup/?q=000007",
            "API: quota": f"{api}/user_quota/",
            "API: clean-up": f"{api}/user_quota_cleanup/",
            "API: competitions I take part in": f"{api}/competitions/?participating_in=true",
        }
        olivia = {
            "competitions I run": "/competitions/",
            "competitions I run, last": "/competitions/?page=100000",
            "bundles uploaded": "/competitions/upload/",
            "participants": f"{site}/participants/",
            "participants, last": f"{site}/participants/?page=100000",
            "participants, search": f"{site}/participants/?search=000007",
            "participants, pending": f"{site}/participants/?status=pending",
            "tries": f"{site}/participants/{self.place.pk}/tries/",
            "all submissions": f"{site}/submissions/all/",
            "all submissions, last": f"{site}/submissions/all/?page=100000",
            "all submissions, search": f"{site}/submissions/all/?search=submission-000007",
            "forum, organizer": f"{site}/forum/",
            "a thread, organizer": f"{site}/forum/{self.thread.pk}/",
            "a message": f"{site}/message/",
            "archives": f"{site}/archives/",
            "tasks of a competition": f"{site}/tasks/",
            "history": f"{site}/history/",
            "history, last": f"{site}/history/?page=100000",
            "history, filtered": f"{site}/history/?user=olivia&action=competition.changed",
            "webhooks": f"{site}/webhooks/",
            "deliveries": f"{site}/webhooks/{self.hook.pk}/",
            "deliveries, last": f"{site}/webhooks/{self.hook.pk}/?page=100000",
            "statistics": f"{site}/statistics/",
            "queue of a competition": f"{site}/queue/",
            "administrators": f"{site}/edit/administrators/",
            "phases in the editor": f"{site}/edit/phases/",
            "a phase in the editor": f"{site}/edit/phases/{self.phase.pk}/",
            "participation in the editor": f"{site}/edit/participation/",
            "a new competition": "/competitions/new/",
            "deletion of a competition": f"{site}/delete/",
            "rerun": f"{site}/phases/{self.phase.pk}/rerun/",
            "taking over": f"{site}/phases/{self.phase.pk}/migrate/",
            "comparison": f"{site}/phases/{self.phase.pk}/comparison/",
            "datasets": "/resources/datasets/",
            "datasets, last": "/resources/datasets/?page=100000",
            "datasets, search": "/resources/datasets/?search=000007",
            "a dataset": f"/datasets/{self.program.pk}/",
            "tasks": "/resources/tasks/",
            "tasks, last": "/resources/tasks/?page=100000",
            "tasks, search": "/resources/tasks/?search=000007",
            "a new task": "/resources/tasks/new/",
            "a task": f"/tasks/{self.task.pk}/",
            "bundles": "/resources/bundles/",
            "bundles, last": "/resources/bundles/?page=100000",
            "space": "/resources/space/",
            "unused tasks": "/resources/space/unused_tasks/",
            "organizations": "/profiles/organizations/",
            "organizations, last": "/profiles/organizations/?page=100000",
            "an organization": f"/profiles/organization/{self.organization.pk}/",
            "an organization, last": f"/profiles/organization/{self.organization.pk}/?page=100000",
            "tokens": "/profiles/tokens/",
            "security": "/profiles/security/",
            "leaving": "/profiles/delete/",
            "profile of olivia": f"/profiles/user/{self.olivia.username}/",
            "queues": "/queues/",
            "queues, last": "/queues/?page=100000",
            "queues, search": "/queues/?search=000007",
            "public queues": "/queues/?public=true",
            "a queue": f"/queues/{self.lab.pk}/",
            "workers": "/workers/",
            "workers, last": "/workers/?page=100000",
            "server status": "/server_status",
            "choices of tasks": "/choices/task/?q=000007",
            "choices of queues": "/choices/queue/?q=000007",
            "choices of organizations": "/choices/organization/?q=000007",
            "API: competitions I run": f"{api}/competitions/?mine=true",
            "API: participants": f"{api}/participants/?competition={c}",
            "API: participants, search": f"{api}/participants/?competition={c}&search=000007",
            "API: datasets": f"{api}/datasets/",
            "API: datasets, last": f"{api}/datasets/?page={3 * self.grown // 10}",
            "API: datasets, search": f"{api}/datasets/?search=000007",
            "API: tasks": f"{api}/tasks/",
            "API: tasks, last": f"{api}/tasks/?page={self.grown // 10}",
            "API: tasks, search": f"{api}/tasks/?search=000007",
            "API: a task": f"{api}/tasks/{self.task.pk}/",
            "API: queues": f"{api}/queues/",
            "API: queues, search": f"{api}/queues/?search=000007",
            "API: tokens of a queue": f"{api}/queues/{self.lab.pk}/tokens/",
            "API: workers of a queue": f"{api}/queues/{self.lab.pk}/workers/",
            "API: tokens": f"{api}/tokens/",
            "API: organizations": f"{api}/users/participant_organizations/",
            "API: uploads": f"{api}/uploads/",
            "API: webhooks": f"{api}/competitions/{c}/webhooks/",
            "API: deliveries": f"{api}/competitions/{c}/webhooks/{self.hook.pk}/deliveries/",
            "API: history": f"{api}/competitions/{c}/audit/",
            "API: history, last": f"{api}/competitions/{c}/audit/?page={self.grown // 10}",
            "API: statistics": f"{api}/competitions/{c}/statistics/",
            "API: phases I run": f"{api}/phases/?page_size=50",
            "API: scores": f"{api}/submission_scores/",
            "API: leaderboards I run": f"{api}/leaderboards/",
            "API: works of a phase": f"{api}/phases/{self.phase.pk}/works/",
            "API: rerun": f"{api}/phases/{self.phase.pk}/rerun_comparison/",
            "API: files": f"{api}/competitions/{c}/get_files/",
            "API: quota, organizer": f"{api}/user_quota/",
            "API: clean-up, organizer": f"{api}/user_quota_cleanup/",
        }
        ada = {
            "history of the site": "/audit/",
            "history of the site, last": "/audit/?page=100000",
            "analytics": "/analytics/",
            "analytics of storage": "/analytics/storage/",
            "orphans": "/analytics/storage/orphans/",
            "analytics of competitions": "/analytics/competitions/",
            "analytics of people": "/analytics/people/",
            "workers, administrator": "/workers/",
            "API: submissions, administrator": f"{api}/submissions/?page_size=50",
            "API: history of the site": f"{api}/audit/",
            "API: analytics": f"{api}/analytics/?start_date=2026-01-01&end_date=2026-12-31&time_unit=month",
            "API: usage": f"{api}/analytics/storage_usage_history/",
            "API: usage of competitions": f"{api}/analytics/competitions_usage/",
            "API: usage of people": f"{api}/analytics/users_usage/",
            "API: orphans": f"{api}/analytics/get_orphan_files/",
        }
        who = {"nobody": nobody, "pat": pat, "olivia": olivia, "ada": ada}
        return {what: (name, address) for name, asked in who.items() for what, address in asked.items()}

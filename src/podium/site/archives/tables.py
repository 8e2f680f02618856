"""Which rows of the database are which rows of an archive, and which columns stay behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.db.models import Model

from podium.site.accounts.models import User
from podium.site.competitions.models import (
    Competition,
    CreationStatus,
    Dump,
    Page,
    PagePicture,
    Participant,
    Phase,
    PhaseTask,
    WhitelistEmail,
)
from podium.site.evaluation.models import (
    Attempt,
    CompetitionLane,
    Delivery,
    LogChunk,
    ParticipantLane,
    PhaseWork,
    Run,
    Submission,
    TryEntry,
)
from podium.site.forums.models import Follower, Forum, Post, Reading, Report, Thread
from podium.site.leaderboards.models import Block, Column, Entry, Leaderboard, Score, Standing, Withheld
from podium.site.resources.models import ArrivedFile, Dataset, Solution, StoredFile, Task, TaskVersion, UploadSession
from podium.site.webhooks.models import PhaseTurn, Webhook, WebhookDelivery

MODELS: Final[Mapping[str, type[Model]]] = {
    "people": User,
    "files": StoredFile,
    "datasets": Dataset,
    "tasks": Task,
    "task_versions": TaskVersion,
    "solutions": Solution,
    "solution_tasks": Solution.tasks.through,
    "competition": Competition,
    "collaborators": Competition.collaborators.through,
    "whitelist_emails": WhitelistEmail,
    "pages": Page,
    "pictures": PagePicture,
    "leaderboards": Leaderboard,
    "columns": Column,
    "phases": Phase,
    "phase_tasks": PhaseTask,
    "participants": Participant,
    "submissions": Submission,
    "runs": Run,
    "attempts": Attempt,
    "scores": Score,
    "entries": Entry,
    "withheld": Withheld,
    "standings": Standing,
    "tries": TryEntry,
    "works": PhaseWork,
    "threads": Thread,
    "posts": Post,
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEFT_OUT: Final[Mapping[str, frozenset[str]]] = {
    # Accounts, with what people say of themselves, belong to the server; only names are needed.
    "people": _names(
        "password last_login is_superuser is_staff is_active is_banned is_deleted deleted_at date_joined first_name"
        " last_name title location biography personal_url linkedin_url twitter_url github_url quota queue_limit"
        " photo language organizer_direct_message_updates allow_forum_notifications allow_organization_invite_emails"
    ),
    "files": _names("key md5"),  # places of the server, and what is measured anew
    # Keys and what other competitions see of it are the server's; the upload's times say nothing once it is there.
    "datasets": _names(
        "key competition is_public is_verified downloads announced_size upload_started_when upload_completed_when"
    ),
    "tasks": _names("key created_by is_public"),
    "task_versions": _names(""),
    "solutions": _names("key"),
    "solution_tasks": _names(""),
    # Whether it is shown, to whom by a secret link, and where it runs, is decided anew; `published` is in the manifest.
    "competition": _names("published secret_key queue is_featured is_migrating deleted_when logo_icon"),
    "collaborators": _names("competition"),
    "whitelist_emails": _names("competition"),
    "pages": _names("competition"),
    "pictures": _names("competition"),
    "leaderboards": _names("competition"),
    "columns": _names(""),
    "phases": _names("competition"),
    "phase_tasks": _names(""),
    "participants": _names("competition"),
    "submissions": _names("secret queue organization changed_when"),
    "runs": _names("queue lane"),
    "attempts": _names("token_hash worker lease_until deadline has_chunks"),
    "scores": _names(""),
    "entries": _names("leaderboard phase owner name sort_key"),  # follow from the submission and its scores
    "withheld": _names("phase owner"),
    "standings": _names("sort_key"),  # ends with an id of the database; `place` is what is before it
    "tries": _names(""),
    "works": _names("cursor until alive_until"),
    "threads": _names("forum posts_count last_post_date last_post_by"),  # follow from the posts
    "posts": _names(""),
}
"""Columns that an archive does not have; a column that stands neither here nor in `KINDS` fails a test."""


DERIVED: Final[Mapping[str, frozenset[str]]] = {"files": _names("member name"), "standings": _names("place")}
"""Fields of an archive that are no column of their own."""


ABSENT: Final[frozenset[type[Model]]] = frozenset(
    {
        ArrivedFile,
        CreationStatus,
        Dump,
        Delivery,
        LogChunk,
        CompetitionLane,
        ParticipantLane,
        Block,
        Task.shared_with.through,
        UploadSession,
        Webhook,
        WebhookDelivery,
        PhaseTurn,
        Forum,
        Follower,
        Reading,
        Report,
    }
)
"""Tables that an archive does not have: how work is done here, whom a task is shared with on this server, and what
each person reads, follows and reports."""


def column_of(kind: str, name: str) -> str:
    """The attribute that holds a field; of a relation its id."""
    return str(MODELS[kind]._meta.get_field(name).attname)  # type: ignore[union-attr]

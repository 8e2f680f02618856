"""The closed lists of the history: what was done, to what kind of thing, and by which way somebody came."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """What an entry is about."""

    COMPETITION = "competition", _("Competition")
    PHASE = "phase", _("Phase")
    LEADERBOARD = "leaderboard", _("Leaderboard")
    PARTICIPANT = "participant", _("Participant")
    SUBMISSION = "submission", _("Submission")
    TASK = "task", _("Task")
    DATASET = "dataset", _("Dataset")
    QUEUE = "queue", _("Queue")
    QUEUE_TOKEN = "queue_token", _("Token of a queue")
    WORKER = "worker", _("Worker")
    WEBHOOK = "webhook", _("Webhook")
    MESSAGE = "message", _("Mail")
    THREAD = "thread", _("Thread of a forum")
    USER = "user", _("User")
    TOKEN = "token", _("API token")
    ORGANIZATION = "organization", _("Organization")
    MEMBER = "member", _("Member of an organization")
    HISTORY = "history", _("History")
    OTHER = "other", _("Something else")


class Via(models.TextChoices):
    """By which way somebody came."""

    SESSION = "session", _("in the browser")
    TOKEN = "token", _("by a token")
    COMMAND = "command", _("on the server's command line")
    PLATFORM = "platform", _("in the background")


class Action(models.TextChoices):
    """What was done. The part before the dot groups them; the words are those of the page."""

    COMPETITION_CREATED = "competition.created", _("Competition made")
    COMPETITION_EDITED = "competition.edited", _("Competition changed")
    COMPETITION_PUBLISHED = "competition.published", _("Competition published")
    COMPETITION_UNPUBLISHED = "competition.unpublished", _("Competition unpublished")
    COMPETITION_QUEUE = "competition.queue", _("Queue of a competition changed")
    COMPETITION_SECRET = "competition.secret_link", _("Secret link exchanged")
    COMPETITION_DELETED = "competition.deleted", _("Competition deleted")
    COMPETITION_RESTORED = "competition.restored", _("Competition restored")
    COMPETITION_PURGED = "competition.purged", _("Competition deleted for good")
    COMPETITION_DUMPED = "competition.dumped", _("Dump asked for")
    COMPETITION_ARCHIVED = "competition.archived", _("Archive asked for")
    COMPETITION_COPIED = "competition.copied", _("Copy asked for")
    COLLABORATOR_ADDED = "competition.collaborator_added", _("Collaborator added")
    COLLABORATOR_REMOVED = "competition.collaborator_removed", _("Collaborator removed")

    PHASE_RERUN = "phase.rerun", _("Submissions of a phase run again")
    PHASE_MIGRATED = "phase.migrated", _("Entries of a phase copied to the next")
    PHASE_LIMITS = "phase.limits_settled", _("Limits of a phase settled anew")

    LEADERBOARD_EDITED = "leaderboard.edited", _("Leaderboard changed")

    SUBMISSION_STARTED = "submission.started", _("Submission started")
    SUBMISSION_RERUN = "submission.rerun", _("Submission run again")
    SUBMISSION_CANCELLED = "submission.cancelled", _("Submission cancelled")
    SUBMISSION_DELETED = "submission.deleted", _("Submission deleted")
    SUBMISSION_SHOWN = "submission.shown", _("Submission made public or private")
    SUBMISSION_ANSWERS = "submission.answers", _("Answers to the fact sheet changed")
    SUBMISSION_SCORE = "submission.score", _("Score set by hand")
    SUBMISSION_ON_BOARD = "submission.on_leaderboard", _("Submission put on the leaderboard")
    SUBMISSION_OFF_BOARD = "submission.off_leaderboard", _("Submission taken from the leaderboard")

    PARTICIPANT_DECIDED = "participant.decided", _("Participant approved or denied")
    PARTICIPANT_TRIES = "participant.tries_given", _("Tries given")

    MESSAGE_SENT = "message.sent", _("Mail sent to participants")

    THREAD_MODERATED = "thread.moderated", _("Thread pinned, closed or announced")
    THREAD_DELETED = "thread.deleted", _("Thread deleted")
    THREAD_RESTORED = "thread.restored", _("Thread restored")
    POST_DELETED = "thread.post_deleted", _("Somebody else's post deleted")
    POST_RESTORED = "thread.post_restored", _("Post restored")
    REPORTS_SETTLED = "thread.reports_settled", _("Reports of a post settled")

    TASK_CREATED = "task.created", _("Task made")
    TASK_EDITED = "task.edited", _("Task changed")
    TASK_SHARED = "task.shared", _("Task shared with somebody")
    TASK_UNSHARED = "task.unshared", _("Task shared no more with somebody")
    TASK_DELETED = "task.deleted", _("Task deleted")
    DATASET_ADDED = "dataset.added", _("Dataset added")
    DATASET_EDITED = "dataset.edited", _("Dataset changed")
    DATASET_DELETED = "dataset.deleted", _("Dataset deleted")

    QUEUE_CREATED = "queue.created", _("Queue made")
    QUEUE_EDITED = "queue.edited", _("Queue changed")
    QUEUE_ORGANIZER_ADDED = "queue.organizer_added", _("Organizer of a queue added")
    QUEUE_ORGANIZER_REMOVED = "queue.organizer_removed", _("Organizer of a queue removed")
    QUEUE_HANDED_ON = "queue.handed_on", _("Queue handed on")
    QUEUE_DELETED = "queue.deleted", _("Queue deleted")
    QUEUE_TOKEN_CREATED = "queue.token_created", _("Token of a queue made")
    QUEUE_TOKEN_ROTATED = "queue.token_rotated", _("Token of a queue exchanged")
    QUEUE_TOKEN_REVOKED = "queue.token_revoked", _("Token of a queue revoked")
    WORKER_DRAINED = "worker.drained", _("Worker drained")
    WORKER_UNDRAINED = "worker.undrained", _("Worker given jobs again")

    WEBHOOK_CREATED = "webhook.created", _("Webhook registered")
    WEBHOOK_EDITED = "webhook.edited", _("Webhook changed")
    WEBHOOK_SECRET = "webhook.secret", _("Secret of a webhook exchanged")
    WEBHOOK_DELETED = "webhook.deleted", _("Webhook deleted")
    WEBHOOK_PINGED = "webhook.pinged", _("Test message sent to a webhook")
    WEBHOOK_REDELIVERED = "webhook.redelivered", _("Message sent to a webhook once more")

    USER_CREATED = "user.created", _("Account made")
    USER_EDITED = "user.edited", _("Account changed")
    USER_BANNED = "user.banned", _("Account banned")
    USER_UNBANNED = "user.unbanned", _("Account let in again")
    USER_DELETED = "user.deleted", _("Account deleted")
    TOKEN_CREATED = "token.created", _("API token made")
    TOKEN_REVOKED = "token.revoked", _("API token revoked")

    ORGANIZATION_CREATED = "organization.created", _("Organization made")
    ORGANIZATION_EDITED = "organization.edited", _("Organization changed")
    ORGANIZATION_HANDED_ON = "organization.handed_on", _("Organization handed on")
    ORGANIZATION_DELETED = "organization.deleted", _("Organization deleted")
    MEMBER_INVITED = "organization.member_invited", _("Somebody invited to an organization")
    MEMBER_CHANGED = "organization.member_changed", _("Group of a member changed")
    MEMBER_REMOVED = "organization.member_removed", _("Member removed")

    ORPHANS_DELETED = "storage.orphans_deleted", _("Clean-up of files that nothing refers to")

    ADMINISTRATION_ADDED = "administration.added", _("Added in the administration")
    ADMINISTRATION_CHANGED = "administration.changed", _("Changed in the administration")
    ADMINISTRATION_DELETED = "administration.deleted", _("Deleted in the administration")

    HISTORY_REMOVED = "history.removed", _("Old entries removed")

"""The closed lists of the history: what was done, to what kind of thing, and by which way somebody came."""

from __future__ import annotations

from django.db import models


class Kind(models.TextChoices):
    """What an entry is about."""

    COMPETITION = "competition", "Competition"
    PHASE = "phase", "Phase"
    LEADERBOARD = "leaderboard", "Leaderboard"
    PARTICIPANT = "participant", "Participant"
    SUBMISSION = "submission", "Submission"
    TASK = "task", "Task"
    DATASET = "dataset", "Dataset"
    QUEUE = "queue", "Queue"
    QUEUE_TOKEN = "queue_token", "Token of a queue"
    WORKER = "worker", "Worker"
    WEBHOOK = "webhook", "Webhook"
    MESSAGE = "message", "Mail"
    THREAD = "thread", "Thread of a forum"
    USER = "user", "User"
    TOKEN = "token", "API token"
    ORGANIZATION = "organization", "Organization"
    MEMBER = "member", "Member of an organization"
    HISTORY = "history", "History"
    OTHER = "other", "Something else"


class Via(models.TextChoices):
    """By which way somebody came."""

    SESSION = "session", "in the browser"
    TOKEN = "token", "by a token"
    COMMAND = "command", "on the server's command line"
    PLATFORM = "platform", "in the background"


class Action(models.TextChoices):
    """What was done. The part before the dot groups them; the words are those of the page."""

    COMPETITION_CREATED = "competition.created", "Competition made"
    COMPETITION_EDITED = "competition.edited", "Competition changed"
    COMPETITION_PUBLISHED = "competition.published", "Competition published"
    COMPETITION_UNPUBLISHED = "competition.unpublished", "Competition unpublished"
    COMPETITION_QUEUE = "competition.queue", "Queue of a competition changed"
    COMPETITION_SECRET = "competition.secret_link", "Secret link exchanged"
    COMPETITION_DELETED = "competition.deleted", "Competition deleted"
    COMPETITION_RESTORED = "competition.restored", "Competition restored"
    COMPETITION_PURGED = "competition.purged", "Competition deleted for good"
    COMPETITION_DUMPED = "competition.dumped", "Dump asked for"
    COMPETITION_ARCHIVED = "competition.archived", "Archive asked for"
    COMPETITION_COPIED = "competition.copied", "Copy asked for"
    COLLABORATOR_ADDED = "competition.collaborator_added", "Collaborator added"
    COLLABORATOR_REMOVED = "competition.collaborator_removed", "Collaborator removed"

    PHASE_RERUN = "phase.rerun", "Submissions of a phase run again"
    PHASE_MIGRATED = "phase.migrated", "Entries of a phase copied to the next"
    PHASE_LIMITS = "phase.limits_settled", "Limits of a phase settled anew"

    LEADERBOARD_EDITED = "leaderboard.edited", "Leaderboard changed"

    SUBMISSION_STARTED = "submission.started", "Submission started"
    SUBMISSION_RERUN = "submission.rerun", "Submission run again"
    SUBMISSION_CANCELLED = "submission.cancelled", "Submission cancelled"
    SUBMISSION_DELETED = "submission.deleted", "Submission deleted"
    SUBMISSION_SHOWN = "submission.shown", "Submission made public or private"
    SUBMISSION_ANSWERS = "submission.answers", "Answers to the fact sheet changed"
    SUBMISSION_SCORE = "submission.score", "Score set by hand"
    SUBMISSION_ON_BOARD = "submission.on_leaderboard", "Submission put on the leaderboard"
    SUBMISSION_OFF_BOARD = "submission.off_leaderboard", "Submission taken from the leaderboard"

    PARTICIPANT_DECIDED = "participant.decided", "Participant approved or denied"
    PARTICIPANT_TRIES = "participant.tries_given", "Tries given"

    MESSAGE_SENT = "message.sent", "Mail sent to participants"

    THREAD_MODERATED = "thread.moderated", "Thread pinned, closed or announced"
    THREAD_DELETED = "thread.deleted", "Thread deleted"
    THREAD_RESTORED = "thread.restored", "Thread restored"
    POST_DELETED = "thread.post_deleted", "Somebody else's post deleted"
    POST_RESTORED = "thread.post_restored", "Post restored"
    REPORTS_SETTLED = "thread.reports_settled", "Reports of a post settled"

    TASK_CREATED = "task.created", "Task made"
    TASK_EDITED = "task.edited", "Task changed"
    TASK_SHARED = "task.shared", "Task shared with somebody"
    TASK_UNSHARED = "task.unshared", "Task shared no more with somebody"
    TASK_DELETED = "task.deleted", "Task deleted"
    DATASET_ADDED = "dataset.added", "Dataset added"
    DATASET_EDITED = "dataset.edited", "Dataset changed"
    DATASET_DELETED = "dataset.deleted", "Dataset deleted"

    QUEUE_CREATED = "queue.created", "Queue made"
    QUEUE_EDITED = "queue.edited", "Queue changed"
    QUEUE_ORGANIZER_ADDED = "queue.organizer_added", "Organizer of a queue added"
    QUEUE_ORGANIZER_REMOVED = "queue.organizer_removed", "Organizer of a queue removed"
    QUEUE_HANDED_ON = "queue.handed_on", "Queue handed on"
    QUEUE_DELETED = "queue.deleted", "Queue deleted"
    QUEUE_TOKEN_CREATED = "queue.token_created", "Token of a queue made"
    QUEUE_TOKEN_ROTATED = "queue.token_rotated", "Token of a queue exchanged"
    QUEUE_TOKEN_REVOKED = "queue.token_revoked", "Token of a queue revoked"
    WORKER_DRAINED = "worker.drained", "Worker drained"
    WORKER_UNDRAINED = "worker.undrained", "Worker given jobs again"

    WEBHOOK_CREATED = "webhook.created", "Webhook registered"
    WEBHOOK_EDITED = "webhook.edited", "Webhook changed"
    WEBHOOK_SECRET = "webhook.secret", "Secret of a webhook exchanged"
    WEBHOOK_DELETED = "webhook.deleted", "Webhook deleted"
    WEBHOOK_PINGED = "webhook.pinged", "Test message sent to a webhook"
    WEBHOOK_REDELIVERED = "webhook.redelivered", "Message sent to a webhook once more"

    USER_CREATED = "user.created", "Account made"
    USER_EDITED = "user.edited", "Account changed"
    USER_BANNED = "user.banned", "Account banned"
    USER_UNBANNED = "user.unbanned", "Account let in again"
    USER_DELETED = "user.deleted", "Account deleted"
    TOKEN_CREATED = "token.created", "API token made"
    TOKEN_REVOKED = "token.revoked", "API token revoked"

    ORGANIZATION_CREATED = "organization.created", "Organization made"
    ORGANIZATION_EDITED = "organization.edited", "Organization changed"
    ORGANIZATION_HANDED_ON = "organization.handed_on", "Organization handed on"
    ORGANIZATION_DELETED = "organization.deleted", "Organization deleted"
    MEMBER_INVITED = "organization.member_invited", "Somebody invited to an organization"
    MEMBER_CHANGED = "organization.member_changed", "Group of a member changed"
    MEMBER_REMOVED = "organization.member_removed", "Member removed"

    ORPHANS_DELETED = "storage.orphans_deleted", "Clean-up of files that nothing refers to"

    ADMINISTRATION_ADDED = "administration.added", "Added in the administration"
    ADMINISTRATION_CHANGED = "administration.changed", "Changed in the administration"
    ADMINISTRATION_DELETED = "administration.deleted", "Deleted in the administration"

    HISTORY_REMOVED = "history.removed", "Old entries removed"

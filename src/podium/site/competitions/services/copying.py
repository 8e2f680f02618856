"""A competition once more: its bundle, by keys, goes the way of every bundle, so that the same rules make it."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies
from podium.site.competitions.description import describe
from podium.site.competitions.models import Competition, CreationStatus
from podium.site.competitions.services import dumping
from podium.site.competitions.services.creation import start_creation
from podium.site.errors import Forbidden, Refused
from podium.site.resources import policies as resources
from podium.site.resources import storage
from podium.site.resources.models import Dataset, DatasetType, Task
from podium.site.resources.services import create_dataset, refuse_over_quota

_MAX_TITLE: Final = 255
_NAMED: Final = 5


def start_copy(*, competition: Competition, by: User) -> CreationStatus:
    """Queue the making of a competition like this one: unpublished, run by `by`, with the same tasks and files.

    Who may take part without being asked (the whitelist), participants and submissions stay behind, and so does a queue
    that `by` may not use. Raises Forbidden when `by` does not run the competition, and Refused when it uses tasks or
    files that `by` may not use elsewhere, cannot be said by a bundle, or takes more space than `by` has.
    """
    if not policies.can_administer(by, competition):
        raise Forbidden(_("Only the organizers may copy a competition."))
    _check_rights(competition, by)
    try:
        dumping.check_parts(competition)
        found = describe(competition, keys=True)
        found.competition = found.competition.model_copy(
            update={
                "title": f"Copy of {competition.title}"[:_MAX_TITLE],
                "collaborators": tuple(name for name in found.competition.collaborators if name != by.username),
                "whitelist_emails": (),
                "queue": found.competition.queue if _may_use_queue(competition, by) else None,
            }
        )
        refuse_over_quota(by, dumping.size_of(found))
        with storage.storing(folder="dataset", name="copy.zip") as sink:
            dumping.pack(found, sink.stream)
            sink.stream.flush()
            dumping.check(sink.path)
    except (dumping.DumpRefused, LookupError) as refused:
        raise Refused(str(refused), code="cannot_be_copied") from refused
    assert sink.result is not None  # noqa: S101 - set by the context manager's end
    with transaction.atomic():
        bundle = create_dataset(
            user=by,
            type=DatasetType.COMPETITION_BUNDLE,
            file=sink.result,
            name=found.competition.title,
            file_name=f"copy-of-{competition.pk}.zip",
        )
        record(Action.COMPETITION_COPIED, by=by, on=competition)
        return start_creation(dataset=bundle, user=by)


def _may_use_queue(competition: Competition, by: User) -> bool:
    from podium.site.queues import policies as queues  # noqa: PLC0415 - queues know competitions

    return competition.queue_id is None or queues.visible_to(by).filter(pk=competition.queue_id).exists()


def _check_rights(competition: Competition, by: User) -> None:
    tasks = Task.objects.filter(phase_tasks__phase__competition=competition)
    files = Dataset.objects.filter(
        Q(pk__in=competition.phases.values("public_data")) | Q(pk__in=competition.phases.values("starting_kit"))
    )
    foreign = [
        *_names(tasks.exclude(pk__in=resources.tasks_visible_to(by).values("pk")), _("the task \u201c%(name)s\u201d")),
        *_names(
            files.exclude(pk__in=resources.datasets_visible_to(by).values("pk")), _("the file \u201c%(name)s\u201d")
        ),
    ]
    if foreign:
        words = _("This competition uses what you may not use elsewhere: %(names)s.")
        if len(foreign) > _NAMED:
            words = _("This competition uses what you may not use elsewhere: %(names)s and %(more)d more.")
        raise Refused(
            words % {"names": ", ".join(foreign[:_NAMED]), "more": len(foreign) - _NAMED},
            hint=_("Ask who made them to share the tasks with you, or download a dump with files and upload that."),
            code="cannot_be_copied",
        )


def _names(rows: QuerySet[Task] | QuerySet[Dataset], words: str) -> list[str]:
    return [words % {"name": name} for name in rows.distinct().order_by("name").values_list("name", flat=True)]

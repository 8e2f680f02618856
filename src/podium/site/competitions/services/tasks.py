"""What organizers do with the tasks of their competition."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from podium.site.accounts.models import User
from podium.site.competitions import policies
from podium.site.competitions.models import Competition
from podium.site.errors import Forbidden
from podium.site.resources import services as resources
from podium.site.resources.models import Dataset, Task, TaskVersion


@transaction.atomic
def replace_parts(*, competition: Competition, task: Task, by: User, parts: Mapping[str, Dataset]) -> TaskVersion:
    """Give a task of the competition other programs or data, as a new version; scores stay until something is rerun.

    Raises Forbidden, and Refused for a dataset that does not fit.
    """
    if not policies.may_replace_task(by, competition, task):
        raise Forbidden(_("Only whoever made this task can change it."))
    return resources.new_version(task=task, by=by, changes=parts)

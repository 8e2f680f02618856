"""How much space a person's files take: what is shown is what is enforced, to the byte.

Codabench's rule: one's datasets, and the results and logs of one's submissions; and the pictures of one's competitions
(in texts, logos) and the photos of one's organizations. A file that several of a person's datasets share counts once.
What a scoring program writes for the organizers alone does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from django.db.models import OuterRef, Q, Subquery, Sum

from podium.site.resources.models import Dataset, DatasetType, StoredFile

if TYPE_CHECKING:
    from podium.site.accounts.models import User

GIGABYTE = 10**9


@dataclass(frozen=True)
class Usage:
    """Bytes by kind; `reserved` is what uploads under way have announced, `quota` what there may be in all."""

    submissions: int = 0
    datasets_programs: int = 0
    competition_bundles: int = 0
    results: int = 0
    logs: int = 0
    pictures: int = 0
    reserved: int = 0
    quota: int = 0

    @property
    def used(self) -> int:
        """What is stored."""
        files = self.submissions + self.datasets_programs + self.competition_bundles + self.pictures
        return files + self.results + self.logs

    @property
    def available(self) -> int:
        """What an upload may bring now."""
        return max(0, self.quota - self.used - self.reserved)


_OWN_KIND = {DatasetType.SUBMISSION: "submissions", DatasetType.COMPETITION_BUNDLE: "competition_bundles"}


def usage(user: User, *, reserved: int = 0) -> Usage:
    """What a person's files take now."""
    from podium.site.evaluation.models import Attempt, Run  # noqa: PLC0415 - evaluation stands on resources

    sums = {"submissions": 0, "datasets_programs": 0, "competition_bundles": 0}
    own = Dataset.objects.filter(created_by=user, data_file=OuterRef("pk")).order_by("pk")
    files = StoredFile.objects.filter(pk__in=Dataset.objects.filter(created_by=user).values("data_file"))
    by_type = files.annotate(type=Subquery(own.values("type")[:1])).values("type").annotate(total=Sum("size"))
    for row in by_type.order_by():
        sums[_OWN_KIND.get(row["type"], "datasets_programs")] += int(row["total"])
    results = Run.objects.filter(submission__owner=user).order_by()
    result = results.aggregate(outputs=Sum("output__size"), reports=Sum("detailed_results__size"))
    logs = Attempt.objects.filter(run__submission__owner=user).order_by().aggregate(total=Sum("log__size"))["total"]
    pictures = StoredFile.objects.filter(_pictures_of(user))
    return Usage(
        **sums,
        pictures=int(pictures.aggregate(total=Sum("size"))["total"] or 0),
        results=int(result["outputs"] or 0) + int(result["reports"] or 0),
        logs=int(logs or 0),
        reserved=reserved,
        quota=user.quota,
    )


def _pictures_of(user: User) -> Q:
    from podium.site.accounts.models import Group, Organization  # noqa: PLC0415 - accounts stand on resources
    from podium.site.competitions.models import Competition, PagePicture  # noqa: PLC0415 - competitions do, too

    own = Competition.everything.filter(created_by=user)
    organizations = Organization.objects.filter(memberships__user=user, memberships__group=Group.OWNER)
    shown = (
        PagePicture.objects.filter(competition__created_by=user).values("file"),
        own.values("logo"),
        own.values("logo_icon"),
        organizations.values("photo"),
    )
    return reduce(or_, (Q(pk__in=keys) for keys in shown))

"""Short-lived addresses of logs that need no log-in, as those of files: scripts fetch them without their token."""

from __future__ import annotations

from django.core import signing
from django.urls import reverse

from podium.site.evaluation.models import Submission
from podium.site.resources import grants

_SALT = "podium.logs"


def url(submission: Submission, name: str) -> str:
    """An address that shows a log for an hour. Call it only after asking a policy."""
    path = reverse("api-submission-logs", kwargs={"pk": submission.pk, "name": name})
    token = signing.TimestampSigner(salt=_SALT).sign(f"{submission.pk}-{name}").partition(":")[2]
    return grants.absolute_url(f"{path}?grant={token}")


def opens(grant: str, pk: str, name: str) -> bool:
    """Whether a grant shows this log now."""
    try:
        signing.TimestampSigner(salt=_SALT).unsign(f"{pk}-{name}:{grant}", max_age=grants.HOUR)
    except signing.BadSignature:
        return False
    return True

"""The file that a form brings: in the form itself, or uploaded before by a script or a client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from podium.site.accounts.callers import sender
from podium.site.accounts.models import User
from podium.site.body_limit import Sender
from podium.site.errors import Refused
from podium.site.resources.forms import UploadForm
from podium.site.resources.models import Dataset
from podium.site.resources.policies import datasets_usable_by
from podium.site.resources.services import store_upload, update_dataset, usage
from podium.site.resources.uploads import complete
from podium.site.threads import in_thread


def received_file(user: User, form: UploadForm, *, type: str, facts: Mapping[str, Any] | None = None) -> Dataset:
    """The dataset that a valid form brings, stored now or uploaded before.

    facts: what is said of it: name, description, is_public, license. Raises Refused.
    """
    key, file = form.cleaned_data.get("data_key"), form.cleaned_data.get("file")
    if file is not None:
        return store_upload(user=user, type=type, file=file, file_name=file.name, size=file.size, **(facts or {}))
    rows = datasets_usable_by(user).filter(key=key) if key else Dataset.objects.none()
    # Whoever says something of the file may have chosen another type since it was uploaded.
    found = rows.first() if facts else rows.filter(type=type).first()
    if found is None:
        raise Refused(_("The uploaded file is no longer there. Choose it again."), field="data", code="gone")
    done = complete(dataset=found)
    return update_dataset(dataset=done, by=user, facts={**facts, "type": type}) if facts else done


async def sender_of_files(session_key: str, authorization: str) -> Sender | None:
    """Who sends a file with this session's cookie, or else this header `Authorization`, and how many bytes they may."""

    def look() -> Sender | None:
        user = sender(session_key, authorization)
        if user is None:
            return None
        return Sender(user.pk, None if user.is_superuser else usage(user).available)

    return await in_thread(look)

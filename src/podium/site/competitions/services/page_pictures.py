"""Pictures that the texts of a competition show, as files of its own.

A text names one as a bundle does, `![what it shows](name.png)`; where the text is shown, the name becomes an address
that lasts for an hour, as for every other file, so who may not read the text gets no picture either.
"""

from __future__ import annotations

import io

from django.db import transaction
from django.utils.translation import gettext as _

from podium.formats.pages import MAX_PICTURES, free_name, shown_names
from podium.site.accounts.models import User
from podium.site.audit.actions import Action
from podium.site.audit.services import record
from podium.site.competitions import policies
from podium.site.competitions.models import Competition, PagePicture
from podium.site.errors import Forbidden, Refused
from podium.site.pictures import for_page
from podium.site.resources import storage
from podium.site.resources.services import refuse_over_quota


def add_picture(*, competition: Competition, by: User, content: bytes, name: str) -> PagePicture:
    """Keep a picture for the texts of a competition; one that it has already is not kept twice.

    name: of the file as it was called. Raises Forbidden, and Refused for what is no picture, one that is too large or
    one too many, and where the competition's creator has no space left.
    """
    _check(competition, by)
    made = for_page(content, name, "picture")
    refuse_over_quota(competition.created_by or by, len(made.content))
    with storage.removed_on_failure() as stored, transaction.atomic():
        # Two who add at once do it in turn, so that names and their number hold.
        locked = Competition.objects.select_for_update(of=("self",)).get(pk=competition.pk)
        file = storage.store(io.BytesIO(made.content), folder="page", name=made.name)
        stored.append(file)
        there = {picture.name: picture for picture in locked.pictures.select_related("file")}
        same = next((each for each in there.values() if each.file.sha256 == file.sha256), None)
        if same is not None:
            storage.delete(file)
            return same
        if len(there) >= MAX_PICTURES:
            message = _("A competition has at most %(most)s pictures. Delete those that no page shows.")
            raise Refused(message % {"most": MAX_PICTURES}, field="picture", code="too_many")
        free = free_name(made.name, made.name.rpartition(".")[2], there)
        picture = PagePicture.objects.create(competition=locked, name=free, file=file)
        record(Action.COMPETITION_EDITED, by=by, on=locked, after={"picture": free})
    return picture


def delete_picture(*, competition: Competition, by: User, picture_id: int) -> None:
    """Delete a picture that no text shows. Raises Forbidden, and Refused where one does or it is not there."""
    _check(competition, by)
    with transaction.atomic():
        locked = Competition.objects.select_for_update(of=("self",)).get(pk=competition.pk)
        picture = locked.pictures.select_related("file").filter(pk=picture_id).first()
        if picture is None:
            raise Refused(_("This picture is not there any more."), code="gone", status=404)
        if shown_on(locked)[picture.name]:
            raise Refused(_("A page shows this picture: take it out of the text first."), code="in_use")
        picture.delete()
        storage.delete(picture.file)
        record(Action.COMPETITION_EDITED, by=by, on=locked, before={"picture": picture.name})


def shown_on(competition: Competition) -> dict[str, list[str]]:
    """The names of all pictures of a competition, each with the titles of the texts that show it."""
    texts = [
        *((page.title, page.content) for page in competition.pages.all()),
        (_("Terms"), competition.terms),
        (_("Description"), competition.description),
        *((phase.name, phase.description) for phase in competition.phases.all()),
    ]
    names = [(title, shown_names([text])) for title, text in texts]
    return {
        picture.name: [title for title, shown in names if picture.name in shown]
        for picture in competition.pictures.all()
    }


def _check(competition: Competition, by: User) -> None:
    if not policies.can_administer(by, competition):
        raise Forbidden(_("You do not have permission to perform this action."))

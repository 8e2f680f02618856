"""The icon of a competition: its logo, made small when the logo comes."""

from __future__ import annotations

import io

from podium.site.competitions.models import Competition
from podium.site.pictures import icon_of
from podium.site.resources import storage
from podium.site.resources.models import StoredFile


def stored_icon(picture: bytes, name: str, stored: list[StoredFile]) -> StoredFile | None:
    """Make a logo small and keep it, in the caller's transaction; None for a picture that cannot be read.

    name: of the logo, without its ending. stored: takes the file, for `storage.removed_on_failure`.
    """
    small = icon_of(picture)
    if small is None:
        return None
    file = storage.store(io.BytesIO(small), folder="logo_icon", name=f"{name}_icon.png")
    stored.append(file)
    return file


def give_icon(*, competition: Competition, stored: list[StoredFile]) -> None:
    """Make the icon of a competition whose logo came by another way, in the caller's transaction."""
    logo = competition.logo
    if logo is None:
        return
    with storage.open_file(logo) as stream:
        icon = stored_icon(stream.read(), "logo", stored)
    Competition.objects.filter(pk=competition.pk).update(logo_icon=icon)
    competition.logo_icon = icon

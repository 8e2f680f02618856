"""Who the people of an archive are on this site: a table that an administrator makes, never a guess.

The table is CSV with a header; of its columns `archived` (the user name in the archive) and `username` (an account of
this site, empty for a placeholder) are read. `propose` writes one to start from.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Final

from allauth.account.models import EmailAddress

from podium.formats.competition_archive import Archive
from podium.site.accounts.models import User
from podium.site.errors import Refused
from podium.site.spreadsheets import plain

COLUMNS: Final = ("archived", "email", "display_name", "username")


def propose(archive: Archive, target: Path) -> tuple[int, int]:
    """Write the people of an archive with the accounts that have confirmed the same e-mail address.

    Administrators are never proposed. Returns how many people there are, and how many of them have an account.
    """
    count = known = 0
    with target.open("x", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for row in archive.rows("people"):
            account = _account_of(row)
            told = [plain(row["email"] or ""), plain(row["display_name"])]
            table.writerow([row["username"], *told, account])
            count, known = count + 1, known + bool(account)
    return count, known


def _account_of(row: dict[str, Any]) -> str:
    if not row["email"]:
        return ""
    confirmed = EmailAddress.objects.filter(email__iexact=row["email"], verified=True, user__is_active=True)
    found = confirmed.filter(user__is_superuser=False, user__is_staff=False).select_related("user").first()
    return found.user.username if found else ""


def read(source: Path) -> dict[str, User]:
    """Read a table: accounts by archived user name. Raises Refused with the line."""
    users: dict[str, User] = {}
    with source.open(encoding="utf-8-sig", newline="") as stream:
        table = csv.DictReader(stream)
        if not {"archived", "username"} <= set(table.fieldnames or ()):
            raise Refused(f"{source}, line 1: the columns archived and username are wanted.", field="users")
        for row in table:
            name, account = (row["archived"] or "").strip(), (row["username"] or "").strip()
            if not account:
                continue
            place = f"{source}, line {table.line_num}"
            if name in users:
                raise Refused(f'{place}: "{name}" stands there twice.', field="users")
            found = User.objects.filter(username__iexact=account).first()
            if found is None:
                raise Refused(f'{place}: there is no account "{account}".', field="users")
            users[name] = found
    return users

"""Restores a competition from an archive."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from podium.formats.competition_archive import BadArchiveError, open_competition_archive
from podium.site.accounts.models import User
from podium.site.archives import people, restoring
from podium.site.errors import Refused
from podium.site.resources import storage


class Command(BaseCommand):
    """Read an archive and make its competition, unpublished."""

    help = (
        "Restore a competition from an archive: unpublished, on the default queue, with nothing started. Its people "
        "become accounts that nobody can log in to, unless --users says who they are here."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", type=Path, help="the file")
        parser.add_argument("--owner", default="", help="the account that is whoever made the competition, and runs it")
        parser.add_argument("--users", type=Path, help="CSV with the columns archived and username")
        parser.add_argument(
            "--write-users",
            type=Path,
            metavar="FILE",
            help="restore nothing; write the people of the archive as a CSV to fill in for --users",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with open_competition_archive(options["archive"], max_bytes=storage.free_bytes()) as archive:
                if options["write_users"]:
                    count, known = people.propose(archive, options["write_users"])
                    self.stdout.write(
                        f"{options['write_users']}: {count} people, {known} of them with an account that has confirmed "
                        "the same address. Look through it, fill in the column username, and use it with --users."
                    )
                    return
                users = people.read(options["users"]) if options["users"] else {}
                owner = self._owner(options["owner"])
                self._tell(restoring.restore(archive=archive, users=users, owner=owner))
        except (BadArchiveError, Refused) as problem:
            raise CommandError(f"Nothing was restored. {problem}") from problem
        except OSError as problem:
            raise CommandError(f"Nothing was restored. {problem.filename}: {problem.strerror}") from problem

    @staticmethod
    def _owner(name: str) -> User | None:
        if not name:
            return None
        found = User.objects.filter(username__iexact=name, is_active=True).first()
        if found is None:
            raise CommandError(f'There is no account "{name}" that is active.')
        return found

    def _tell(self, restored: restoring.Restored) -> None:
        competition = restored.competition
        self.stdout.write(f"Competition {competition.pk} is there: {competition.title}")
        owner = competition.created_by
        if owner is not None and not owner.is_active:
            self.stdout.write(f"It is run by the placeholder {owner.username}, so by administrators alone.")
        made = {name: user for name, user in restored.people.items() if not user.is_active and not user.email}
        renamed = [f"{name} is {user.username}" for name, user in made.items() if user.username != name]
        self.stdout.write(f"{len(restored.people)} people, {len(made)} of them placeholders.")
        for line in renamed[:50]:
            self.stdout.write(f"  {line} here")
        if restored.interrupted:
            self.stdout.write(f"{restored.interrupted} submissions were under way; they have failed, tries given back.")
        for warning in restored.warnings:
            self.stdout.write(f"Warning: {warning}")
        self.stdout.write("It is not published. Choose its queue, look through it, then publish it.")

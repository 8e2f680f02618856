"""Writes a competition into an archive, without the web."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError

from podium.site.archives import writing
from podium.site.competitions.models import Competition


class Command(BaseCommand):
    """Write an archive to a file."""

    help = "Write a competition with everything that happened in it into an archive, for restore_archive."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("competition", type=int, help="its number")
        parser.add_argument("target", type=Path, help="the file to write; must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["target"]
        competition = Competition.objects.filter(pk=options["competition"]).first()
        if competition is None:
            raise CommandError(f"There is no competition {options['competition']}.")
        try:
            with target.open("x+b") as stream:
                writing.write(competition, cast("IO[bytes]", stream))
        except FileExistsError:
            raise CommandError(f"{target} exists already.") from None
        except BaseException as problem:
            target.unlink(missing_ok=True)
            if isinstance(problem, writing.FileGoneError):
                raise CommandError(str(problem)) from problem
            raise
        self.stdout.write(f"{target} ({target.stat().st_size} bytes)")

"""Moves an installation's files from the folder into the bucket, or back."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from podium.site.buckets import StorageAway
from podium.site.resources import moving, storage

_NAMED = 20


class Command(BaseCommand):
    """Copy every file to the other side; nothing is removed where it was."""

    help = (
        "Copy every file from the data folder into the bucket of STORAGE_URL, or back. It may be broken off and begun "
        "again, and run while the site does; run it a last time while the site stands still, for uploads under way."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("to", choices=["bucket", "folder"], help="where the files are copied to")

    def handle(self, *args: Any, **options: Any) -> None:
        bucket = storage.bucket()
        if bucket is None:
            raise CommandError("Name the bucket in STORAGE_URL for this command, both ways.")
        move = moving.to_bucket if options["to"] == "bucket" else moving.to_folder
        try:
            moved = move(bucket, self._tell)
        except StorageAway as away:
            raise CommandError(f"{away} Begin again when it does: what was copied is not copied again.") from away
        self.stdout.write(
            f"{moved.copied} files copied ({moved.bytes} bytes), {moved.there} were there, {moved.uploads} uploads "
            "that are not complete yet."
        )
        for what, keys in (("Missing", moved.missing), ("Not what was stored", moved.damaged)):
            if keys:
                more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
                self.stderr.write(f"{what}: {', '.join(keys[:_NAMED])}{more}")
        if not moved.whole:
            raise CommandError("Not every file is on the other side. Look for those above in a backup.")

    def _tell(self, done: int, total: int) -> None:
        if done % 1000 == 0:
            self.stdout.write(f"{done} of {total}")

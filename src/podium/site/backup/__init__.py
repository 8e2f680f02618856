"""Backups of a whole installation: the database as of one moment, every file, and the secrets.

A backup is a folder that needs no Podium to be read: a copy of the SQLite database or a dump of `pg_dump`, the files
under their own names, and `SHA256SUMS`, which `sha256sum -c` reads. Files never change once they are written, so a
backup beside an earlier one shares what both have by hard links and takes little room and time. It is whole or not
there: until the last byte is written its name begins with a dot. Nothing here needs Django or a running site.
"""

from podium.site.backup.manifest import BackupError, Manifest, newest
from podium.site.backup.restoring import check, restore
from podium.site.backup.writing import Report, write

__all__ = ["BackupError", "Manifest", "Report", "check", "newest", "restore", "write"]

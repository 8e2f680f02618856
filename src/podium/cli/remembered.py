"""What a data folder's last set-up found, so that a start need not set up again what has not changed.

Setting up loads all of Django to learn that there is nothing to do, which is half of what a start takes. It is left out
when everything that it depends on is as it was: the migrations, the packages that bring some, the database file itself
(a restored one is another file) and the worker's token. A database server is always asked.
"""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_FILE = "setup.json"
_PACKAGES = ("podium", "django", "django-allauth", "djangorestframework", "django-tasks-db")


def recall(data: Path) -> dict[str, Any] | None:
    """What the last set-up of the data folder printed, None when it has to be done again."""
    try:
        kept = json.loads((data / _FILE).read_text(encoding="utf-8"))
        if kept["fingerprint"] != _fingerprint(data):
            return None
        account: dict[str, Any] = kept["account"]
        return account if Path(account["worker_token_file"]).is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(data: Path, account: dict[str, Any]) -> None:
    """Note what a set-up printed, without the password."""
    try:
        fingerprint = _fingerprint(data)
    except OSError:
        return  # no database file of its own: another start asks again
    account = {**account, "admin_created": False, "admin_password": None}
    draft = data / f".{_FILE}.{os.getpid()}"
    draft.write_text(json.dumps({"fingerprint": fingerprint, "account": account}), encoding="utf-8")
    draft.replace(data / _FILE)


def _fingerprint(data: Path) -> str:
    """Digest of all that a set-up depends on. Raises FileNotFoundError without a database file."""
    if os.environ.get("DATABASE_URL"):
        raise FileNotFoundError("the database is a server's")
    digest = hashlib.sha256()
    database = (data / "podium.sqlite3").stat()
    digest.update(f"{database.st_dev} {database.st_ino}".encode())
    for name in _PACKAGES:
        digest.update(f"{name} {version(name)}\n".encode())
    package = find_spec("podium")
    for folder in package.submodule_search_locations or () if package else ():
        for path in sorted(Path(folder).glob("site/*/migrations/*.py")):
            status = path.stat()
            digest.update(f"{path.parent.parent.name}/{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()

"""The accounts of the demonstration: random passwords, kept for the next start in a file of its owner's."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ORGANIZER = "olivia"
PARTICIPANT = "pat"
FILE = "demo-accounts.json"


@dataclass
class Accounts:
    """Names and passwords; `administrator` is None where the platform's first start was not ours to see."""

    file: Path
    administrator: str | None
    passwords: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Path, new_password: Callable[[], str] = lambda: secrets.token_urlsafe(12)) -> Accounts:
        """The accounts kept in a data folder, else new ones, which are written down before they are used."""
        file = data / FILE
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            return cls(file, kept["administrator"], kept["passwords"])
        passwords = {ORGANIZER: new_password(), PARTICIPANT: new_password()}
        administrator = None
        if not (data / "podium.sqlite3").exists() and not os.environ.get("DATABASE_URL"):
            administrator = os.environ.get("PODIUM_ADMIN_USERNAME") or "admin"
            passwords[administrator] = os.environ.get("PODIUM_ADMIN_PASSWORD") or new_password()
        made = cls(file, administrator, passwords)
        made._keep()
        return made

    def _keep(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        draft = self.file.with_suffix(".part")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"administrator": self.administrator, "passwords": self.passwords}, stream, indent=2)
        draft.replace(self.file)

    def environment(self) -> dict[str, str]:
        """What `podium up` is told, so that the administrator it makes has the password that is shown."""
        if self.administrator is None:
            return {}
        return {
            "PODIUM_ADMIN_USERNAME": self.administrator,
            "PODIUM_ADMIN_PASSWORD": self.passwords[self.administrator],
        }

    def print_table(self) -> None:
        """Print who can log in, as what, with which password, and where that is written down."""
        roles = {ORGANIZER: "organizer", PARTICIPANT: "participant", self.administrator: "administrator"}
        print("\nLog in as")
        for name, password in self.passwords.items():
            print(f"  {name:<12} {password:<20} {roles[name]}")
        print(f"  (kept in {self.file})\n", flush=True)

"""Secrets that an installation makes once and keeps in 0600 files below its data folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def keep_secret(file: Path, make: Callable[[], str]) -> str:
    """Read the secret in `file`, or make it; processes that start at once agree on one.

    The file appears complete or not at all: it is written under another name and linked into place.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(make())
        try:
            os.link(draft, file)
        except FileExistsError:
            pass  # another process of the same installation was quicker; its secret counts
        finally:
            draft.unlink()
    return file.read_text()

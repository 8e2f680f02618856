"""Where things go that sandboxed programs must be able to reach."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

SYSTEM_FOLDER = Path("/var/lib/podium")


def open_folder(data: Path, name: str) -> Path:
    """A folder `name` of an installation: in its data folder, else in a system folder.

    Started as root, programs run as another user, who cannot pass a folder like /root.
    """
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in (data, *data.parents)):
        return data / name
    if name == "environment":
        return SYSTEM_FOLDER / "environments" / "default"
    mark = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    return SYSTEM_FOLDER / f"{name}-{mark}"


def existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    absolute = path.absolute()
    return next(place for place in (absolute, *absolute.parents) if place.is_dir())


def environment_of(data: Path) -> Path:
    """Where `podium up` puts or finds the scientific environment."""
    given = os.environ.get("PODIUM_WORKER_DEFAULT_ENVIRONMENT")
    if given:
        return Path(given)
    return open_folder(data.resolve(), "environment") if data.is_dir() else data.absolute() / "environment"


def own_environment() -> Path:
    """Where `podium run` makes an environment when there is no installation whose environment it can use."""
    if os.geteuid() == 0:
        return SYSTEM_FOLDER / "environments" / "default"
    from platformdirs import user_cache_path  # noqa: PLC0415 - `podium up` does without it

    return user_cache_path("podium", appauthor=False) / "environment"

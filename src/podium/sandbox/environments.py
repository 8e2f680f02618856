"""Local environments that stand for images where there is no container engine.

An environment is a folder with a `bin` in it, read-only and first on PATH inside the sandbox, at its own path.
"""

from __future__ import annotations

import fnmatch
import hashlib
from dataclasses import dataclass
from pathlib import Path

from podium.sandbox import folders
from podium.sandbox.config import SandboxConfig
from podium.sandbox.contract import ImageError, ImageInfo

STAMP = ".podium-environment"
"""A file that is written into an environment when it is complete; its text is what the digest is made of."""

LOCK_SUFFIX = ".lock"
"""Beside an environment that Podium makes: such a one without a stamp is not complete."""

SYSTEM_PYTHON = Path("/usr/bin/python3")


@dataclass(frozen=True)
class Environment:
    """A resolved environment: the folder whose `bin` comes first on PATH, and all folders to be mounted read-only."""

    name: str
    folder: Path
    mounts: tuple[Path, ...]
    digest: str

    def info(self, image: str | None) -> ImageInfo:
        """What is recorded about it."""
        return ImageInfo(image or self.name, self.digest)


class Environments:
    """Finds the environment that stands for an image."""

    def __init__(self, config: SandboxConfig) -> None:
        self._patterns = config.environments
        self._default = config.default_environment
        self._state_folder = config.state_folder
        self._found: dict[Path, Environment] = {}

    def resolve(self, image: str | None) -> Environment:
        """The environment for an image name (None: the default one).

        Raises ImageError, which says what is missing and how to mend it.
        """
        folder = self._folder_for(image)
        environment = self._found.get(folder)
        if environment is None:
            environment = self._load(folder)
            self._found[folder] = environment
        return environment

    def _folder_for(self, image: str | None) -> Path:
        if image is not None:
            for pattern, folder in self._patterns:
                if fnmatch.fnmatchcase(image, pattern):
                    return folder
        if self._default is not None:
            return self._default
        return system_environment(self._state_folder)

    def _load(self, folder: Path) -> Environment:
        if not (folder / "bin").is_dir():
            raise ImageError(
                f"The environment {folder} has no folder `bin`. Make it, or point the "
                "setting at a folder with bin/python and bin/python3."
            )
        stamp = folder / STAMP
        text = stamp.read_bytes() if stamp.is_file() else str(folder).encode()
        if not stamp.is_file() and folder.with_name(folder.name + LOCK_SUFFIX).exists():
            raise ImageError(
                f"The environment {folder} is only half made. Start the worker again to have it made anew."
            )
        digest = "sha256:" + hashlib.sha256(text).hexdigest()
        return Environment(folder.name, folder, (folder, *_interpreter_homes(folder)), digest)


def _interpreter_homes(folder: Path) -> tuple[Path, ...]:
    """Folders outside the system's own that a virtual environment's interpreter lives in."""
    interpreter = folder / "bin" / "python3"
    if not interpreter.exists():
        return ()
    real = interpreter.resolve()
    if real.is_relative_to("/usr") or real.is_relative_to(folder.resolve()):
        return ()
    return (real.parent.parent,)


def system_environment(state_folder: Path) -> Path:
    """Makes (once) an environment of nothing but the system's Python, under both its names; enough for programs that
    use the standard library only.

    Raises ImageError when the system has no Python.
    """
    if not SYSTEM_PYTHON.exists():
        raise ImageError(f"There is no {SYSTEM_PYTHON}. Install the package `python3`, or configure an environment.")
    folder = state_folder / "system"
    binaries = folder / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        link = binaries / name
        if not link.is_symlink():
            folders.link_once(link, SYSTEM_PYTHON)
    return folder

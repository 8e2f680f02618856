"""Makes the default scientific environment: a virtual environment of the system's Python with pinned packages.

Several processes may ask for it at once: one makes it, under a lock beside the folder, the others wait and find it. A
stamp is written last, so an environment that was left half made is recognised and made anew.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from podium.sandbox import folders
from podium.sandbox.contract import SandboxError
from podium.sandbox.environments import LOCK_SUFFIX, STAMP, SYSTEM_PYTHON

logger = logging.getLogger(__name__)

MAKING_SECONDS = 1800.0
_COMPLAINT_CHARACTERS = 800


def requirements() -> str:
    """The pinned packages of the default environment, for every Python that it may be made with."""
    return files("podium.sandbox").joinpath("data/requirements.txt").read_text(encoding="utf-8")


def is_complete(folder: Path, python: Path = SYSTEM_PYTHON) -> bool:
    """Whether an environment was made to its end, with this interpreter and the packages that are pinned now."""
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _stamp(python)


def make_default_environment(
    folder: Path, *, python: Path = SYSTEM_PYTHON, say: Callable[[str], None] | None = None
) -> Path:
    """Makes the default environment in `folder` unless it is there, complete and current, and returns the folder.

    `python` is the interpreter it is made of; it must be readable to every user, so not one from a home folder. `say`
    is told, in a sentence, what takes time. uv does the work where it is on PATH, else venv and pip.

    Raises SandboxError when the interpreter is missing or the packages cannot be installed; the message holds the
    installer's own last words.
    """
    if is_complete(folder, python):
        return folder
    if not python.exists():
        raise SandboxError(f"There is no {python} to make the environment of. Install the package `python3`.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder.with_name(folder.name + LOCK_SUFFIX)):
        if is_complete(folder, python):
            return folder
        folders.remove(folder)
        if say is not None:
            say(f"Making the default environment for programs in {folder} (numpy, pandas, scikit-learn, ...)")
        _install(folder, python)
        _both_names(folder / "bin")
        _run(["chmod", "-R", "a+rX", str(folder)])
        stamp = folder / f"{STAMP}.new"
        stamp.write_text(_stamp(python), encoding="utf-8")
        stamp.replace(folder / STAMP)
    return folder


def _stamp(python: Path) -> str:
    version = f"{python.resolve()}\n" if python.exists() else ""
    return version + requirements()


def _install(folder: Path, python: Path) -> None:
    uv = shutil.which("uv")
    with tempfile.TemporaryDirectory(prefix="podium-environment-") as work:
        pins = Path(work) / "requirements.txt"
        pins.write_text(requirements(), encoding="utf-8")
        if uv is not None:
            _run([uv, "venv", "--quiet", "--no-project", "--python", str(python), str(folder)])
            # Copied, not linked: the environment is shown to untrusted programs and must share no file with a cache.
            # Compiled, because it is mounted read-only and every run would compile it again.
            options = [
                "--quiet",
                "--link-mode",
                "copy",
                "--compile-bytecode",
                "--python",
                str(folder / "bin" / "python"),
            ]
            _run([uv, "pip", "install", *options, "-r", str(pins)])
        else:
            _run([str(python), "-m", "venv", str(folder)])
            _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", str(pins)])


def _both_names(binaries: Path) -> None:
    """Sees to it that both `python` and `python3` exist: bundles use either."""
    for name, other in (("python", "python3"), ("python3", "python")):
        if not (binaries / name).exists() and (binaries / other).exists():
            (binaries / name).symlink_to(other)


def _run(argv: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=MAKING_SECONDS, env=environment, cwd="/", check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"Making the environment took more than {MAKING_SECONDS:.0f} s: {argv[0]}.") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()[-_COMPLAINT_CHARACTERS:]
        raise SandboxError(
            f"The default environment could not be made; `{' '.join(argv[:3])}` said: {words}\n"
            "Without uv the packages python3-venv and python3-pip are needed, and always the package index."
        )


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Holds a lock that the kernel gives back if this process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

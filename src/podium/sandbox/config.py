"""What an operator decides about sandboxes; everything has a default that works on one machine."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Engine = Literal["auto", "bubblewrap", "docker", "process"]
PullPolicy = Literal["missing", "always", "never"]

DEFAULT_UID_BASE = 20000


def _default_state_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"podium-sandbox-{os.getuid()}"


@dataclass(frozen=True)
class SandboxConfig:
    """The settings of a worker's sandboxes.

    `owner` names this worker, the same after a restart and different from its neighbours': clean-up goes by it.
    `state_folder` holds what the sandbox itself writes; a root worker's sandbox users must be able to reach it.
    `uid_base` plus the slot is the host user that programs run as when the worker is root. `environments` maps image
    names (shell patterns, the first match wins) to folders with `bin/python` and `bin/python3` or anything else;
    `default_environment` stands for every other name. `cgroups` is "auto" or "off". `host_network` lets runs that ask
    for a network share the host's, its loopback included: bubblewrap has nothing narrower.
    `container_socket` (unix:// or tcp://), `pull_policy`, `pull_attempts` (with pauses between them, as Codabench does)
    and `default_image` are for the docker backend. `images_bytes` is how much the images that it pulled may hold
    together, the least recently used go first (None: they stay). `registry_file` (Docker's config.json) and
    `registry_logins` (registry, user, password) open private registries; `registries` are those that images may be
    pulled from, () for any. `unsafe` allows the process backend, which
    isolates nothing.
    """

    owner: str = "podium"
    state_folder: Path = field(default_factory=_default_state_folder)
    uid_base: int = DEFAULT_UID_BASE
    environments: tuple[tuple[str, Path], ...] = ()
    default_environment: Path | None = None
    cgroups: Literal["auto", "off"] = "auto"
    cgroup_parent: str | None = None
    host_network: bool = False
    container_socket: str | None = None
    pull_policy: PullPolicy = "missing"
    pull_attempts: int = 3
    pull_pause_seconds: float = 5.0
    images_bytes: int | None = None
    registry_file: Path | None = None
    registry_logins: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    registries: tuple[str, ...] = ()
    default_image: str = "codalab/codalab-legacy:py312"
    unsafe: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError when the owner could not be part of a container's and a control group's name."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", self.owner):
            raise ValueError(f'The owner "{self.owner}" may hold letters, digits, "_", "." and "-" only.')

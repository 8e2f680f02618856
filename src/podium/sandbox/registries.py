"""Who the worker is to private registries: credentials from a file or a variable, never logged and never shown."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker import auth, errors

from podium.sandbox.contract import SandboxError


class Credentials:
    """User names and passwords by registry.

    file: in the form of Docker's config.json, which `docker login` writes; credential helpers
    named in it are asked. given: registry -> (user, password); wins over the file. With neither, what Docker's own
    client would find (DOCKER_CONFIG, ~/.docker/config.json) is used.

    Raises SandboxError when the file cannot be read; the text holds nothing of what is in it.
    """

    def __init__(self, file: Path | None, given: Mapping[str, tuple[str, str]]) -> None:
        try:
            if file is not None:
                json.loads(file.read_text())  # Docker's own reader passes over a file that it cannot read
            self._known: Any = auth.load_config(config_path=str(file) if file else None)
        except (OSError, ValueError, errors.DockerException) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no Docker configuration (JSON)"
            raise SandboxError(f"The registry credentials in {file} cannot be used: {reason}.") from None
        entries = {
            registry: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
            for registry, (user, password) in given.items()
        }
        self._given: Any = auth.load_config(config_dict={"auths": entries}) if entries else None

    def for_image(self, name: str) -> dict[str, Any] | None:
        """What to show the registry of an image, None for nothing."""
        registry, _ = auth.resolve_repository_name(name)
        for known in (self._given, self._known):
            found = known.resolve_authconfig(registry) if known is not None else None
            if found:
                return dict(found)
        return None

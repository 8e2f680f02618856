"""Which images a worker has pulled, and when each was last used; engines do not know, and so never forget any.

The list is a file, written anew and renamed, so that a killed worker leaves the old one or the new one. Only what is on
it is ever removed: images that an operator loaded by hand, or that others pulled, are theirs.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


class PulledImages:
    """The images that were pulled by this worker: name -> bytes and time of the last use (seconds since 1970)."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._images: dict[str, dict[str, float]] = _read(file)
        self._lock = threading.Lock()

    def pulled(self, name: str, size: int) -> None:
        """Notes an image that was pulled just now."""
        with self._lock:
            self._images[name] = {"bytes": float(size), "used": time.time()}
            self._write()

    def used(self, name: str) -> None:
        """Notes a use, if it is one of ours."""
        with self._lock:
            if name in self._images:
                self._images[name]["used"] = time.time()
                self._write()

    def forget(self, name: str) -> None:
        """Takes an image off the list."""
        with self._lock:
            if self._images.pop(name, None) is not None:
                self._write()

    @property
    def total_bytes(self) -> int:
        """How much they hold together; layers that images share count for each."""
        with self._lock:
            return int(sum(each["bytes"] for each in self._images.values()))

    def oldest_first(self) -> list[tuple[str, int]]:
        """Names and sizes in bytes, the least recently used first."""
        with self._lock:
            ordered = sorted(self._images.items(), key=lambda item: (item[1]["used"], item[0]))
            return [(name, int(facts["bytes"])) for name, facts in ordered]

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".fresh")
        fresh.write_text(json.dumps(self._images))
        fresh.replace(self._file)


def _read(file: Path) -> dict[str, dict[str, float]]:
    try:
        found: Any = json.loads(file.read_text())
        return {str(name): {key: float(each[key]) for key in ("bytes", "used")} for name, each in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        logger.warning("the list of pulled images %s cannot be read and is begun anew: %s", file, error)
        return {}

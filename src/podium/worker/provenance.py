"""What scoring programs of CodaLab 1.5 find beside the results: who submitted, and what they got before.

input/metadata                                   res, ref, history, submitted-by, submitted-at, ...
input/history/<phase>/<submission>/output/scores.txt   numbers of three digits; phases from 0, submissions from 1
input/history/history.txt                        a line for each of them
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from podium.protocol import Provenance
from podium.worker.folders import make_folder


def write_provenance(inputs: Path, given: Provenance) -> None:
    """Write `metadata` and `history` into the folder that becomes /app/input."""
    facts: dict[str, object] = {
        "ref": "ref",
        "res": "res",
        "history": "history/history.txt",
        "submitted-by": given.submitted_by,
        "submitted-at": given.submitted_at,
        "competition-submission": given.number,
        "competition-phase": given.phase,
        "automatic-submission": given.automatic,
    }
    # JSON's scalars are YAML's; a name cannot end its line and begin another key.
    lines = [f"{key}: {value if key in _OWN_WORDS else json.dumps(value)}" for key, value in facts.items()]
    _write(inputs / "metadata", lines)
    history = inputs / "history"
    make_folder(history, 0o755)
    listed = []
    for earlier in given.history:
        folder = history / f"{earlier.phase:03d}" / f"{earlier.number:03d}" / "output"
        for made in (folder.parent.parent, folder.parent, folder):
            make_folder(made, 0o755)
        # CodaLab's own style, which programs take apart at the colon.
        _write(folder / "scores.txt", [f"{key}:{text}" for key, text in earlier.scores.items()])
        listed.append(folder.relative_to(history).as_posix())
    _write(history / "history.txt", listed)


_OWN_WORDS: Final = frozenset({"ref", "res", "history", "submitted-at"})


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    path.chmod(0o644)

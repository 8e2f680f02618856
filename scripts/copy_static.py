"""Copies what the pages use of the npm packages into the static folder, with a compressed twin of each text file.

Run after `npm ci`. The target folder is not kept in version control: it is made anew from the lock file.
"""

from __future__ import annotations

import gzip
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "src" / "podium" / "site" / "static" / "vendor"

GEIST = "@fontsource-variable/geist"
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE.txt",
    f"{GEIST}/files/geist-latin-wght-normal.woff2": "geist-latin.woff2",
    f"{GEIST}/files/geist-latin-ext-wght-normal.woff2": "geist-latin-ext.woff2",
    f"{GEIST}/files/geist-cyrillic-wght-normal.woff2": "geist-cyrillic.woff2",
    f"{GEIST}/LICENSE": "geist.LICENSE.txt",
}


def copy_all() -> list[Path]:
    """Copy every file of FILES, replacing the folder as a whole.

    Returns the files written. Raises FileNotFoundError, naming the package, when one was not installed.
    """
    missing = [source for source in FILES if not (MODULES / source).is_file()]
    if missing:
        raise FileNotFoundError(f"not installed: {', '.join(missing)}. Run `npm ci --ignore-scripts` first.")
    draft = VENDOR.with_name("vendor.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for source, target in FILES.items():
        shutil.copyfile(MODULES / source, draft / target)
        if target.endswith(".js"):  # served in its compressed form to browsers that take it
            (draft / f"{target}.gz").write_bytes(gzip.compress((draft / target).read_bytes(), 9, mtime=0))
    shutil.rmtree(VENDOR, ignore_errors=True)
    draft.rename(VENDOR)
    return sorted(VENDOR.iterdir())


if __name__ == "__main__":
    try:
        copied = copy_all()
    except FileNotFoundError as error:
        sys.exit(str(error))
    print(f"{len(copied)} files in {VENDOR.relative_to(ROOT)}")

"""Zips the examples: each bundle, and each of its solutions as a participant would submit it.

    python examples/build.py [--output build/examples] [NAME ...]

Writes OUTPUT/NAME.zip and OUTPUT/NAME/SOLUTION.zip and prints what it wrote. The same files always give the same zip.
Needs nothing but Python.
"""

import argparse
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUBMISSION_FOLDERS = ("solutions", "bad")
NOT_IN_BUNDLE = {"bad", "expected.json"}  # for the tests, not for a competition
NEVER = {"__pycache__", ".DS_Store"}
EPOCH = (1980, 1, 1, 0, 0, 0)


def names():
    """Return the names of all examples: the folders that hold a competition.yaml."""
    return sorted(path.parent.name for path in HERE.glob("*/competition.yaml"))


def files_of(folder, leave_out=frozenset()):
    """Return the files below a folder in a fixed order, without what the names in `leave_out` hold at its top."""
    relative = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in relative if path.parts[0] not in leave_out and not NEVER & set(path.parts))


def zip_folder(folder, target, leave_out=frozenset()):
    """Write the folder's files into the zip `target`, at its top, and return `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for path in files_of(folder, leave_out):
            member = zipfile.ZipInfo(path.as_posix(), EPOCH)
            member.external_attr = 0o100644 << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, (folder / path).read_bytes())
    return target


def build(name, output):
    """Zip one example and its submissions into `output`; return the paths written, the bundle's first."""
    written = [zip_folder(HERE / name, output / f"{name}.zip", NOT_IN_BUNDLE)]
    for kind in SUBMISSION_FOLDERS:
        for folder in sorted(path for path in (HERE / name / kind).glob("*") if path.is_dir()):
            written.append(zip_folder(folder, output / name / f"{folder.name}.zip"))
    return written


def main():
    parser = argparse.ArgumentParser(description="Zip the example competitions and their submissions.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of {', '.join(names())}; default: all")
    parser.add_argument("--output", type=Path, default=HERE.parent / "build" / "examples", help="folder to write to")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(names()))
    if unknown:
        parser.error(f"there is no example named {unknown[0]!r}")
    for name in arguments.names or names():
        for path in build(name, arguments.output):
            print(path)


if __name__ == "__main__":
    main()

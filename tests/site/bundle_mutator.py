"""Competition bundles spoiled at random: in their text, in their values, among their files, in the bytes of the zip.

Everything follows from the random generator that is given, so a seed names a bundle.
"""

from __future__ import annotations

import io
import random
import re
import stat
import zipfile
from pathlib import Path

import yaml

Files = dict[str, bytes]

ODD_SCALARS = [
    "", "~", "null", "true", "no", "-1", "0", "1e999", ".nan", "-.inf", "9" * 400, "0x7fffffffffffffff", "2147483648",
    "'", '"', "[", "{", "]: [", "&a", "*a", "!!python/object/apply:os.system [id]", "!!binary AAAA", "2024-13-45",
    "2024-02-30 25:61", "'2024-01-01T00:00:00+99:99'", "0001-01-01", "9999-12-31", "../../etc/passwd", "/etc/passwd",
    "competition.yaml", ".", "..", "pages", "a\0b", "\u202e\ufeff\ud7ff", "é" * 300, "x" * 70000, "<script>",
    "{{ 7*7 }}", "%s%n", "00000000-0000-0000-0000-000000000000", "- - - - -", "a: b: c", "\t", "#", "|", "---", "...",
]  # fmt: skip
ODD_VALUES: list[object] = [
    None, True, False, 0, -1, 1.5, 2**63, 10**400, float("nan"), float("inf"), "", "x", "x" * 5000, [], [None], [[]],
    {"a": {"b": {}}}, {"index": 0}, [0, 0], [-1], [10**9], ["a", "a"], "2024-01-01", "avg", "desc", "Force_Best", {},
    [{}], [{"index": "zero"}], "logo.png", "../up", {1: 2}, [["a"] * 50] * 50,
]  # fmt: skip
ODD_NAMES = [
    "../out.txt", "/abs.txt", "a\\b.txt", "con", "a" * 300, "x/" * 40 + "deep", "new\nline", "nul\0byte", "é\u202e.txt",
    "competition.yml", "COMPETITION.YAML", "sub/competition.yaml", "__MACOSX/._competition.yaml", "logo.png/in", ".",
]  # fmt: skip


def read_bundle(folder: Path) -> Files:
    """The files of a bundle's folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def mutated(files: Files, chance: random.Random) -> bytes:
    """A zip of the files with one to four things spoiled."""
    files = dict(files)
    for _ in range(chance.randint(1, 4)):
        chance.choice([_in_text, _in_text, _in_values, _in_values, _in_values, _among_files])(files, chance)
    content = _zipped(files, chance)
    return _in_bytes(content, chance) if chance.random() < 0.2 else content


def _yaml_of(files: Files) -> str | None:
    return next((name for name in files if name.endswith("competition.yaml")), None)


def _in_text(files: Files, chance: random.Random) -> None:
    """Spoil lines of competition.yaml."""
    name = _yaml_of(files)
    if name is None:
        return
    lines = files[name].decode(errors="replace").split("\n")
    at = chance.randrange(len(lines))
    line = lines[at]
    how = chance.randrange(8)
    if how == 0:
        del lines[at]
    elif how == 1:
        lines.insert(chance.randrange(len(lines) + 1), line)
    elif how == 2:
        lines[at] = " " * chance.randint(1, 5) + line
    elif how == 3:
        lines[at] = line.lstrip()
    elif how == 4:
        lines[at] = re.sub(r":.*$", ": " + chance.choice(ODD_SCALARS), line)
    elif how == 5:
        other = chance.randrange(len(lines))
        lines[at], lines[other] = lines[other], line
    elif how == 6:
        place = chance.randint(0, len(line))
        lines[at] = line[:place] + chance.choice(ODD_SCALARS) + line[place:]
    else:
        lines = lines[:at]
    files[name] = "\n".join(lines).encode("utf-8", errors="surrogatepass")


def _in_values(files: Files, chance: random.Random) -> None:
    """Put an odd value in the place of one of competition.yaml, or drop, double or rename a key."""
    name = _yaml_of(files)
    if name is None:
        return
    try:
        tree = yaml.safe_load(files[name])
    except (yaml.YAMLError, ValueError, RecursionError, UnicodeDecodeError):
        return  # spoiled before, beyond reading
    places = list(_places(tree))
    if not places:
        return
    holder, key = chance.choice(places)
    how = chance.randrange(6)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, dict):
        holder[chance.choice(["titel", "", "index", "key", "x" * 200])] = holder.pop(key)
    elif how == 2 and isinstance(holder, list):
        holder.append(holder[key])
    elif how == 3:
        other, from_key = chance.choice(places)
        holder[key] = other[from_key]  # may even hold itself: an anchor that refers to itself
    else:
        holder[key] = chance.choice(ODD_VALUES)
    files[name] = yaml.dump(tree, allow_unicode=True).encode("utf-8", errors="surrogatepass")


def _places(tree: object, seen: frozenset[int] = frozenset()) -> list[tuple[dict | list, object]]:
    """Every (container, key) of a tree."""
    if id(tree) in seen or not isinstance(tree, dict | list):
        return []
    seen |= {id(tree)}
    keys: list[object] = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    found: list[tuple[dict | list, object]] = [(tree, key) for key in keys]
    for key in keys[:60]:
        found += _places(tree[key], seen)  # type: ignore[call-overload,index]
    return found[:3000]


def _among_files(files: Files, chance: random.Random) -> None:
    """Lose, rename, empty, garble, swap or add a file."""
    name = chance.choice(sorted(files))
    how = chance.randrange(7)
    if how == 0:
        del files[name]
    elif how == 1:
        files[chance.choice(ODD_NAMES)] = files.pop(name)
    elif how == 2:
        files[name] = b""
    elif how == 3:
        files[name] = chance.randbytes(chance.choice([1, 100, 5000]))
    elif how == 4:
        other = chance.choice(sorted(files))
        files[name], files[other] = files[other], files[name]
    elif how == 5:
        files[chance.choice(ODD_NAMES)] = chance.randbytes(50)
    else:
        nested = _zipped(files, chance)
        files[name] = nested if len(nested) < 200_000 else nested[:200_000]
    if not files:
        files["empty"] = b""


def _zipped(files: Files, chance: random.Random) -> bytes:
    """Zip the files: now and then below a folder, a name twice, as a link or a device, or far larger than packed."""
    prefix = chance.choice(["", "", "", "", "bundle/", "a/b/", "./"])
    twice = chance.random() < 0.05
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", chance.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(prefix + name)
            info.create_system = 3
            kind = stat.S_IFREG
            if chance.random() < 0.01:
                kind = chance.choice([stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK, stat.S_IFDIR])
            info.external_attr = (kind | 0o644) << 16
            info.compress_type = archive.compression
            data = content
            if chance.random() < 0.002:
                data = bytes(20_000_000)
                info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
            if twice and chance.random() < 0.3:
                archive.writestr(zipfile.ZipInfo(prefix + name), chance.randbytes(20))
    return buffer.getvalue()


def _in_bytes(content: bytes, chance: random.Random) -> bytes:
    """Spoil the zip itself: flip, cut, drop, double or splice bytes, most often in its directory at the end."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        if len(data) < 8:
            break
        at = (
            chance.randrange(len(data))
            if chance.random() < 0.5
            else len(data) - 1 - chance.randrange(min(400, len(data)))
        )
        how = chance.randrange(5)
        if how == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            data[at : at + 4] = b"\xff\xff\xff\xff"
        elif how == 2:
            del data[at:]
        elif how == 3:
            del data[at : at + chance.randint(1, 60)]
        else:
            data[at:at] = data[: chance.randint(1, 200)]
    return bytes(data)

"""Takes the messages of the site's templates and Python into the catalogues: `make messages`.

Usage: scripts/messages.py [LANGUAGE...]: brings every catalogue up to date, and begins those of the named languages.
What is new has an empty translation, what is gone is dropped. Nothing is guessed: a message that was changed is new.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract, extract_python
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "src" / "podium" / "site"
LOCALE = SITE / "locale"
ADVICE = SITE.parent / "protocol" / "causes.py"
"""What to do about a failure: the one text outside the site that its pages show."""
COMMENTS = ["Translators:"]
HOLE = re.compile(r"%\(\w+\)[sdif]|%[sdif]|\{\w*\}")
"""What is filled when a message is shown."""
TAG = re.compile(r"</?[a-z][^>]*>")
MOST_SHOWN = 40
KEYWORDS: Any = DEFAULT_KEYWORDS | {
    f"{name}{suffix}": DEFAULT_KEYWORDS[name]
    for name in ("gettext", "ngettext", "pgettext", "npgettext")
    for suffix in ("_lazy", "_noop")
}


def _of_template(file: Any, keywords: Any, comments: Any, options: Any) -> Iterator[Any]:
    """Django turns a template into calls with blanked text around them, of which the indentation means nothing."""
    code = templatize(file.read().decode())
    flat = "\n".join(line.lstrip() for line in code.split("\n"))
    yield from extract_python(io.BytesIO(flat.encode()), keywords, comments, {"encoding": "utf-8", **options})


def sources() -> list[Path]:
    """Every file that may have messages."""
    python = [path for path in SITE.rglob("*.py") if "migrations" not in path.parts]
    return sorted([ADVICE, *python, *(SITE / "templates").rglob("*.html"), *(SITE / "templates").rglob("*.txt")])


def extracted() -> Catalog:
    """A catalogue of all messages, without translations."""
    catalogue = Catalog(charset="utf-8")
    for path in sources():
        method: Any = extract_python if path.suffix == ".py" else _of_template
        name = path.relative_to(SITE.parent).as_posix()
        with path.open("rb") as file:
            for line, message, comments, context in extract(method, file, KEYWORDS, COMMENTS):
                catalogue.add(message, None, [(name, line)], auto_comments=comments, context=context)
    return catalogue


def catalogue_of(path: Path) -> Catalog:
    """A catalogue as it was written. path: `locale/<language>/LC_MESSAGES/django.po`; without the file it is empty."""
    language = path.parent.parent.name
    if not path.exists():
        nobody = dict.fromkeys(("version", "msgid_bugs_address", "last_translator", "language_team"), "-")
        begun = Catalog(locale=language, project="Podium", charset="utf-8", fuzzy=False, **nobody)
        begun.header_comment = f"# The interface of Podium in “{language}”; see docs/developers/translating.md."
        return begun
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def _forms(text: Any) -> list[str]:
    return list(text) if isinstance(text, list | tuple) else [text]


def faults_of(catalogue: Catalog, messages: Catalog) -> list[str]:
    """What is wrong with a catalogue: it has to have every message of the source and no other, well translated."""
    here, there = ({(each.context, *_forms(each.id)) for each in one if each.id} for one in (catalogue, messages))
    found = [f"not in the catalogue, run `make messages`: {key[1]!r}" for key in sorted(there - here, key=str)]
    found += [f"not in the source, run `make messages`: {key[1]!r}" for key in sorted(here - there, key=str)]
    for message in catalogue:
        if message.id:
            name = repr(_forms(message.id)[0])
            found += [f"{fault}: {name}" for fault in _faults_of_message(message, catalogue.num_plurals)]
    return found


def _faults_of_message(message: Message, plurals: int) -> list[str]:
    ids, strings = _forms(message.id), _forms(message.string)
    if message.fuzzy:
        return ["fuzzy"]
    if not all(strings) or (message.pluralizable and len(strings) != plurals):
        return ["not translated"]
    found: list[str] = []
    for index, string in enumerate(strings):
        told, source = set(HOLE.findall(string)), ids[-1] if index == len(strings) - 1 else ids[0]
        allowed = set(HOLE.findall("".join(ids)))
        if told - allowed or (index == len(strings) - 1 and told != set(HOLE.findall(source))):
            found.append("other placeholders")
        if "%" in HOLE.sub("", string.replace("%%", "")) and "%" not in HOLE.sub("", source.replace("%%", "")):
            found.append("a percent sign that is not doubled")
        if sorted(TAG.findall(string)) != sorted(TAG.findall(source)):
            found.append("other markup")
        if any(sign in TAG.sub("", string) and sign not in TAG.sub("", source) for sign in '"<>'):
            found.append("a sign that ends an attribute or begins markup")
        if (string[:1].isspace(), string[-1:].isspace()) != (source[:1].isspace(), source[-1:].isspace()):
            found.append("other white space at an end")
    return sorted(set(found))


def paths() -> list[Path]:
    """Every catalogue that is there."""
    return sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))


def update(path: Path, messages: Catalog) -> None:
    """Bring a catalogue up to date with the messages of the source, sorted, so that changes stay small."""
    catalogue = catalogue_of(path)
    catalogue.update(messages, no_fuzzy_matching=True, update_creation_date=False)
    content = io.BytesIO()
    write_po(content, catalogue, width=0, sort_output=True, ignore_obsolete=True, include_lineno=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.getvalue())


if __name__ == "__main__":
    found = extracted()
    for each in sorted({*paths(), *(LOCALE / name / "LC_MESSAGES" / "django.po" for name in sys.argv[1:])}):
        update(each, found)
        faults = faults_of(catalogue_of(each), found)
        print(*faults[:MOST_SHOWN], f"{each.relative_to(ROOT)}: {len(found)} messages, {len(faults)} faults", sep="\n")

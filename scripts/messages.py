"""Takes the messages of the site's templates and Python into the catalogues: `make messages`.

Usage: scripts/messages.py [LANGUAGE...]: brings every catalogue up to date, and begins those of the named languages.
What is new has an empty translation, what is gone is dropped. Nothing is guessed: a message that was changed is new.
"""

from __future__ import annotations

import io
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


def is_translated(message: Message) -> bool:
    """Whether it has a translation, in each of its forms."""
    strings = message.string if isinstance(message.string, list | tuple) else [message.string]
    return all(strings)


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
        left = sum(1 for message in catalogue_of(each) if message.id and not is_translated(message))
        print(f"{each.relative_to(ROOT)}: {len(found)} messages, {left} without a translation")

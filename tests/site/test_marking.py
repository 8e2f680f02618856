"""What templates and the modules of pages say is marked as a message, also where no test leads."""

from __future__ import annotations

import re
from pathlib import Path

from podium.site.pages.script_words import SCRIPT_WORDS
from tests.site import pseudo
from tests.site.test_every_word import NAMES, PATTERNS

SITE = Path(__file__).resolve().parents[2] / "src" / "podium" / "site"
_MESSAGE = re.compile(r"\{% blocktranslate.*?\{% endblocktranslate %\}", re.DOTALL)
_COMMENT = re.compile(r"\{% comment %\}.*?\{% endcomment %\}", re.DOTALL)
_CLASS = re.compile(r"\{% block page_class %\}.*?\{% endblock %\}")
_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_ARGUMENT = re.compile(r'\b(?:title|text|label|hint|action_label|missing)="[^"]')
_DEFAULT = re.compile(r'\|default(?:_if_none)?:"[^"]*[A-Za-z]{2}')


def test_no_template_has_words_outside_of_messages() -> None:
    data = pseudo.any_of({*NAMES, "GPU", "SHA-256"}, *PATTERNS)
    left = []
    for path in sorted((SITE / "templates").rglob("*.*")):
        if path.parent.name == "elements":
            continue  # of allauth's pages: elements put together of tags, without a word
        text = _CLASS.sub("", _MESSAGE.sub("", _COMMENT.sub("", path.read_text(encoding="utf-8"))))
        name = path.relative_to(SITE).as_posix()
        left += [f"{name}: {words!r}" for words in pseudo.unmarked(_TAG.sub("\x1f", text), data)]
        for tag in _TAG.findall(text):
            if _ARGUMENT.search(tag) or _DEFAULT.search(tag):
                left.append(f"{name}: {tag}")
    assert left == []


_SAID = re.compile(r'\bsay\(\s*"([^"]+)"')
_LITERAL = re.compile(r'(?<!say\()"([^"\n]*)"|`([^`]*)`')
_SENTENCE = re.compile(r"^[A-Z][a-z]+[ .,]|[a-z]{2,} [a-z]{2,} [a-z]{2,}")


def test_modules_of_the_pages_say_what_can_be_translated_and_nothing_else() -> None:
    said, left = {}, []
    for path in sorted((SITE / "static" / "js").glob("*.js")):
        code = re.sub(r"^\s*(?://|\*|/\*).*$|(?<=;) // .*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if words := set(_SAID.findall(code)):
            said[path.stem] = words
        left += [
            f"{path.name}: {literal}"
            for literal in ("".join(pair) for pair in _LITERAL.findall(_SAID.sub("say(", code)))
            if _SENTENCE.search(literal)
        ]
    assert said == {name: set(words) for name, words in SCRIPT_WORDS.items()}
    assert left == []

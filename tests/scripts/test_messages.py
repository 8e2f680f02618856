"""Catalogues of translations have what the source has, and what is translated fits where it is put."""

from __future__ import annotations

import gettext
from pathlib import Path

import compile_messages
import messages
import pytest
from babel.messages.catalog import Catalog
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]


def source() -> Catalog:
    """Some messages of each kind."""
    made = Catalog()
    made.add("Save")
    made.add("%(name)s was deleted")
    made.add(("%(n)s file", "%(n)s files"))
    made.add('Go <a href="%(url)s">there</a> now')
    made.add("{size}. Choose another")
    made.add("Open", context="state")
    return made


GOOD = {
    "Save": "Enregistrer",
    "%(name)s was deleted": "%(name)s est supprimé",
    "%(n)s file": ("%(n)s fichier", "%(n)s fichiers"),
    'Go <a href="%(url)s">there</a> now': 'Allez-y <a href="%(url)s">maintenant</a>',
    "{size}. Choose another": "{size}. Autre fichier",
    "Open": "Ouvert",
}


def translated(changes: dict[str, object] | None = None, *, fuzzy: str = "") -> Catalog:
    """A French catalogue of the source. changes: other translations than the good ones. fuzzy: a message that is so."""
    made = Catalog(locale="fr")
    for message in source():
        name = message.id[0] if isinstance(message.id, tuple) else message.id
        if name:
            string = {**GOOD, **(changes or {})}[name]
            flags = ["fuzzy"] if name == fuzzy else []
            made.add(message.id, string, context=message.context, flags=flags)
    return made


def test_a_good_catalogue_has_no_faults() -> None:
    assert messages.faults_of(translated(), source()) == []


@pytest.mark.parametrize(
    ("message", "string", "fault"),
    [
        ("Save", "", "not translated"),
        ("%(n)s file", ("%(n)s fichier", ""), "not translated"),
        ("%(name)s was deleted", "%(nom)s est supprimé", "other placeholders"),
        ("%(name)s was deleted", "C'est supprimé", "other placeholders"),
        ("{size}. Choose another", "{taille}. Autre", "other placeholders"),
        ("%(n)s file", ("un fichier", "des fichiers"), "other placeholders"),
        ("Save", "100 % enregistré", "a percent sign that is not doubled"),
        ('Go <a href="%(url)s">there</a> now', "Allez-y %(url)s", "other markup"),
        ("Save", "<b>Enregistrer</b>", "other markup"),
        ("Save", 'Enregistrer "tout"', "a sign that ends an attribute or begins markup"),
        ("Save", "Enregistrer ", "other white space at an end"),
    ],
)
def test_what_would_break_where_it_is_put_is_named(message: str, string: object, fault: str) -> None:
    assert messages.faults_of(translated({message: string}), source()) == [f"{fault}: {message!r}"]


def test_a_translation_that_is_only_guessed_is_named() -> None:
    assert messages.faults_of(translated(fuzzy="Save"), source()) == ["fuzzy: 'Save'"]


def test_a_singular_may_do_without_its_number() -> None:
    assert messages.faults_of(translated({"%(n)s file": ("un fichier", "%(n)s fichiers")}), source()) == []


def test_messages_that_are_new_or_gone_are_named() -> None:
    now = source()
    now.add("Brand new")
    now.delete("Save")
    faults = messages.faults_of(translated(), now)
    assert [fault.partition(",")[0] for fault in faults] == ["not in the catalogue", "not in the source"]


def test_a_catalogue_is_brought_up_to_date_without_guesses_and_then_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "fr" / "LC_MESSAGES" / "django.po"
    messages.update(path, source())
    path.write_text(path.read_text().replace('msgid "Save"\nmsgstr ""', 'msgid "Save"\nmsgstr "Enregistrer"'))
    now = source()
    now.add("Save it")
    now.delete("Open", context="state")
    messages.update(path, now)
    once = path.read_text()
    assert 'msgstr "Enregistrer"' in once and 'msgid "Save it"\nmsgstr ""' in once
    assert "fuzzy" not in once and "Open" not in once and "#~" not in once
    messages.update(path, now)
    assert path.read_text() == once


def test_catalogues_are_compiled_and_those_of_languages_that_are_gone_removed(tmp_path: Path) -> None:
    path = tmp_path / "fr" / "LC_MESSAGES" / "django.po"
    messages.update(path, source())
    path.write_text(path.read_text().replace('msgid "Save"\nmsgstr ""', 'msgid "Save"\nmsgstr "Enregistrer"'))
    gone = tmp_path / "de" / "LC_MESSAGES" / "django.mo"
    gone.parent.mkdir(parents=True)
    gone.write_bytes(b"")
    (compiled,) = compile_messages.compile_all(tmp_path)
    with compiled.open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Save") == "Enregistrer"
    assert not gone.exists()


def test_messages_are_found_in_templates_and_in_python() -> None:
    found = messages.extracted()
    skip = found.get("Skip to the content")
    assert skip and [name for name, _ in skip.locations] == ["site/templates/base.html"]
    lazy = found.get("You get this because you asked to take part in this competition.")
    assert lazy and [name for name, _ in lazy.locations] == ["site/competitions/services/messages.py"]
    assert found.get("public", context="queue")
    slots = found.get("%(n)s slot")
    assert slots and slots.id == ("%(n)s slot", "%(n)s slots")
    assert len(found) > 1500


def test_every_catalogue_is_of_a_language_of_the_site_up_to_date_and_complete() -> None:
    found = messages.extracted()
    languages = dict(settings.LANGUAGES)
    for path in messages.paths():
        assert path.parent.parent.name in languages
        assert messages.faults_of(messages.catalogue_of(path), found) == []

"""The web editor: every part of a competition by forms, with what is refused beside its field."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from podium.site.accounts.models import User
from podium.site.competitions.editor.views import PREVIEWS
from podium.site.competitions.models import Competition, Phase
from podium.site.competitions.services import editor_payload
from podium.site.leaderboards.models import Column
from podium.site.resources.models import Task
from tests.factories import UserFactory, finished_submission
from tests.web.conftest import Visitor

pytestmark = pytest.mark.django_db
People = Callable[..., Visitor]
Make = Callable[..., Competition]


def filled(visitor: Visitor, url: str, **more: Any) -> dict[str, Any]:
    """What a browser would send of the form that is open, with some fields changed; None leaves one out."""
    page = visitor.open(url)
    return {name: value for name, value in {**page.values, **more}.items() if value is not None}


@pytest.fixture
def competition(make_competition: Make) -> Competition:
    return make_competition()


@pytest.fixture
def editor(visitor: People, olivia: User, competition: Competition) -> Visitor:
    return visitor(olivia)


def at(competition: Competition, part: str = "") -> str:
    return f"/competitions/{competition.pk}/edit/{part}"


def test_saving_each_part_as_it_is_changes_nothing(editor: Visitor, competition: Competition) -> None:
    before = editor_payload.present(Competition.objects.get(pk=competition.pk))
    phase, board = competition.phases.get(), competition.leaderboards.get()
    parts = ["", "participation/", "fact_sheet/", f"phases/{phase.pk}/", f"leaderboards/{board.pk}/"]
    parts += [f"pages/{page.pk}/" for page in competition.pages.all()]
    for part in parts:
        page = editor.send(at(competition, part), filled(editor, at(competition, part)))
        assert "Saved." in page.text, (part, page.text)
    assert editor_payload.present(Competition.objects.get(pk=competition.pk)) == before


def test_details_with_a_logo(editor: Visitor, competition: Competition) -> None:
    picture = BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    logo = SimpleUploadedFile("my logo.png", picture.getvalue())
    editor.send(at(competition), filled(editor, at(competition), title="Another title", reward="€ 5", logo=logo))
    changed = Competition.objects.get(pk=competition.pk)
    assert (changed.title, changed.reward) == ("Another title", "€ 5") and changed.logo is not None
    wrong = filled(editor, at(competition), title="", contact_email="nobody", logo=SimpleUploadedFile("x.png", b"no"))
    page = editor.send(at(competition), wrong, status=400)
    assert "This field is required." in page.text and page.values["contact_email"] == "nobody"
    page = editor.send(at(competition), {**wrong, "title": "T"}, status=400)
    assert Competition.objects.get(pk=competition.pk).title == "Another title"


def test_participation(editor: Visitor, competition: Competition) -> None:
    url = at(competition, "participation/")
    editor.send(url, filled(editor, url, terms="Be kind.", whitelist_emails="A@x.org\nb@x.org", forum_enabled=None))
    changed = Competition.objects.get(pk=competition.pk)
    assert changed.terms == "Be kind." and not changed.forum_enabled
    assert set(changed.whitelist_emails.values_list("email", flat=True)) == {"a@x.org", "b@x.org"}
    page = editor.send(url, filled(editor, url, whitelist_emails="nobody"), status=400)
    assert "valid email address" in page.text


PICTURE = re.compile(r'<img src="(/files/[^"]+)" alt="our data"')


def picture(size: tuple[int, int], kind: str = "PNG") -> bytes:
    """A picture that cannot be made small by packing."""
    stream = BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(stream, kind)
    return stream.getvalue()


def test_a_picture_is_put_into_the_text_of_a_page_and_shown(editor: Visitor, competition: Competition) -> None:
    url = at(competition, "pages/new/")
    given = SimpleUploadedFile("our [data].png", picture((160, 90)))
    page = editor.send(
        url, filled(editor, url, title="With", content="Look:\r\n\r\nThere.", picture=given, at="5", add="")
    )
    assert page.values["content"] == "Look:\n\n![our data](our-data.png)\n\nThere.", "it is where the cursor was"
    page = editor.send(url, {**page.values, "title": "With", "preview": ""})
    assert PICTURE.search(editor.response.content.decode()), "the preview shows it"
    editor.send(url, {**page.values, "title": "With"})
    made = competition.pages.get(title="With")
    assert made.content.count("our-data.png") == 1
    editor.open(f"/competitions/{competition.pk}/pages/{made.pk}/")
    assert PICTURE.search(editor.response.content.decode())
    own = at(competition, f"pages/{made.pk}/")
    for number in range(2):
        more = SimpleUploadedFile("b.png", picture((9, 9 + number)))
        editor.send(own, filled(editor, own, picture=more))
    made.refresh_from_db()
    assert made.content.endswith("There.\n\n![b](b.png)\n\n![b](b-2.png)\n"), "without a cursor they come to the end"

    before = made.content
    no_picture = SimpleUploadedFile("x.png", b"<svg/>")
    page = editor.send(own, filled(editor, own, content="Mine", picture=no_picture), status=400)
    assert "valid image" in page.text and page.values["content"] == "Mine"
    assert "Choose a picture first." in editor.send(own, filled(editor, own, add=""), status=400).text
    made.refresh_from_db()
    assert made.content == before


def test_a_picture_may_come_before_the_title(editor: Visitor, competition: Competition) -> None:
    url = at(competition, "pages/new/")
    given = SimpleUploadedFile("a.png", picture((9, 9)))
    page = editor.send(url, filled(editor, url, picture=given, add=""))
    assert page.values["content"] == "![a](a.png)\n"
    page = editor.send(url, page.values, status=400)
    assert "This field is required." in page.text and page.values["content"] == "![a](a.png)\n"


def test_terms_and_phases_show_pictures_too_and_who_may_not_see_the_page_gets_none(
    editor: Visitor, competition: Competition, visitor: People, sam: User
) -> None:
    url, terms = at(competition, "pages/new/"), at(competition, "participation/")
    editor.send(url, filled(editor, url, picture=SimpleUploadedFile("our data.png", picture((9, 9))), add=""))
    editor.send(terms, filled(editor, terms, terms="![our data](our-data.png)"))
    phase = competition.phases.get()
    Phase.objects.filter(pk=phase.pk).update(description="![our data](our-data.png)")
    for page in ("terms/", "phases/"):
        editor.open(f"/competitions/{competition.pk}/{page}")
        assert PICTURE.search(editor.response.content.decode()), page
    visitor(sam).open(f"/competitions/{competition.pk}/terms/")
    Competition.objects.filter(pk=competition.pk).update(published=False)
    stranger = visitor(sam)
    stranger.open(f"/competitions/{competition.pk}/terms/", status=404)
    assert not PICTURE.search(stranger.response.content.decode())


def test_pictures_are_listed_and_those_that_are_shown_nowhere_deleted(
    editor: Visitor, competition: Competition
) -> None:
    url, own = at(competition, "pages/new/"), at(competition, "pages/")
    for name, more in (("kept.png", {}), ("lost.png", {"content": ""})):
        page = editor.send(url, filled(editor, url, picture=SimpleUploadedFile(name, picture((9, len(name)))), add=""))
        if not more:
            editor.send(url, {**page.values, "title": "With"})
    page = editor.open(own)
    assert "kept.png" in page.text and "With" in page.text and "nowhere" in page.text
    kept, lost = competition.pictures.order_by("name")
    assert "take it out of the text first" in editor.send(own, {"picture": str(kept.pk)}).text
    assert "was deleted" in editor.send(own, {"picture": str(lost.pk)}).text
    for number in (str(lost.pk), "x", ""):
        assert "not there any more" in editor.send(own, {"picture": number}).text
    assert competition.pictures.get() == kept


def test_a_picture_in_an_address_of_data_is_shown_as_before(editor: Visitor, competition: Competition) -> None:
    page = competition.pages.all()[0]
    page.content = "![old][picture-1]\n\n[picture-1]: data:image/png;base64,AAAA"
    page.save()
    own = at(competition, f"pages/{page.pk}/")
    editor.send(own, filled(editor, own))
    editor.open(f"/competitions/{competition.pk}/pages/{page.pk}/")
    assert '<img src="data:image/png;base64,AAAA" alt="old"' in editor.response.content.decode()


def test_pages_are_written_looked_at_moved_and_deleted(editor: Visitor, competition: Competition) -> None:
    url = at(competition, "pages/new/")
    page = editor.send(url, filled(editor, url, title="First", content="# Hi <script>alert(1)</script>", preview=""))
    assert "Hi" in page.text and not competition.pages.filter(title="First").exists()
    editor.send(url, filled(editor, url, title="First", content="*Hi*", index="0"))
    made = competition.pages.get(title="First")
    assert made.index == 0 and competition.pages.order_by("index")[0].title == "First"
    own = at(competition, f"pages/{made.pk}/")
    editor.send(own, filled(editor, own, index="99"))
    assert [one.title for one in competition.pages.all()][-1] == "First"
    editor.send(own, filled(editor, own, delete=""))
    assert not competition.pages.filter(title="First").exists()
    assert editor.open(own, status=404)


def test_a_phase_is_changed_and_its_dates_keep_their_seconds(editor: Visitor, competition: Competition) -> None:
    phase = competition.phases.get()
    end = datetime(2098, 1, 1, 23, 59, 59, tzinfo=UTC)
    Phase.objects.filter(pk=phase.pk).update(end=end)
    url = at(competition, f"phases/{phase.pk}/")
    editor.send(url, filled(editor, url, name="Renamed", memory_limit="2 GB", max_submissions_per_day="7"))
    changed = Phase.objects.get(pk=phase.pk)
    assert (changed.name, changed.memory_limit, changed.max_submissions_per_day) == ("Renamed", 2 * 10**9, 7)
    assert (changed.start, changed.end) == (phase.start, end)
    page = editor.send(url, filled(editor, url, memory_limit="much", end="1999-01-01T00:00"), status=400)
    assert "memory_limit" in page.text and "size" in page.text
    assert page.values["memory_limit"] == "much"
    assert Phase.objects.get(pk=phase.pk).end == end


def test_phases_are_added_and_deleted_unless_somebody_submitted(
    editor: Visitor, competition: Competition, olivia: User, pat: User
) -> None:
    first = competition.phases.get()
    Phase.objects.filter(pk=first.pk).update(end=datetime(2090, 1, 1, tzinfo=UTC))
    task = Task.objects.create(name="Second task", created_by=olivia)
    url, board = at(competition, "phases/new/"), competition.leaderboards.get()
    sent = filled(editor, url, name="Final", start="2090-01-01T00:00", leaderboard=str(board.pk))
    page = editor.send(url, sent, status=400)
    assert "task" in page.text.lower() and page.values["name"] == "Final"
    editor.send(url, {**sent, "add_task": str(task.key)})
    final = competition.phases.get(name="Final")
    assert [one.pk for one in final.tasks.all()] == [task.pk] and final.index == 1
    finished_submission(first, pat, 1.0)
    own = at(competition, f"phases/{first.pk}/")
    page = editor.send(own, filled(editor, own, delete=""), status=400)
    assert "has submissions and stays" in page.text
    own = at(competition, f"phases/{final.pk}/")
    editor.send(own, filled(editor, own, delete=""))
    assert list(competition.phases.all()) == [first]


def test_tasks_of_a_phase_are_ordered_and_taken_out(editor: Visitor, competition: Competition, olivia: User) -> None:
    phase = competition.phases.get()
    other = Task.objects.create(name="Other", created_by=olivia)
    url = at(competition, f"phases/{phase.pk}/")
    editor.send(url, filled(editor, url, add_task=str(other.key)))
    first = phase.phase_tasks.order_by("order_index").first()
    assert first is not None and [one.task_id for one in phase.phase_tasks.all()][-1] == other.pk
    editor.send(url, filled(editor, url, **{"tasks-0-order_index": "5", "tasks-1-order_index": "1"}))
    assert phase.phase_tasks.order_by("order_index")[0].task_id == other.pk
    editor.send(url, filled(editor, url, **{"tasks-0-remove": "on"}))
    assert [one.task_id for one in phase.phase_tasks.all()] == [first.task_id]


def test_columns_are_added_computed_and_deleted(editor: Visitor, competition: Competition) -> None:
    board = competition.leaderboards.get()
    url, had = at(competition, f"leaderboards/{board.pk}/"), board.columns.count()
    key = board.columns.order_by("index")[0].key
    new = {f"columns-{had}-{name}": value for name, value in {"key": "mean", "title": "Mean", "index": "9"}.items()}
    new |= {f"columns-{had}-computation": "avg", f"columns-{had}-of": "nothing"}
    page = editor.send(url, filled(editor, url, **new), status=400)
    assert f'id="id_columns-{had}-of_error"' in editor.response.content.decode() and "no key of a column" in page.text
    editor.send(url, filled(editor, url, **{**new, f"columns-{had}-of": key}, primary=str(had)))
    made = Column.objects.get(leaderboard=board, key="mean")
    board.refresh_from_db()
    assert (made.computation, made.index, board.primary_index) == ("avg", had, had)
    page = editor.send(url, filled(editor, url, primary="none"), status=400)
    editor.send(url, filled(editor, url, primary="0", **{f"columns-{had}-remove": "on"}))
    assert not Column.objects.filter(leaderboard=board, key="mean").exists()


def faults_of(visitor: Visitor) -> list[tuple[str, str]]:
    """What the summary on top of a form says: the field that each line leads to, and the words."""
    text = visitor.response.content.decode()
    return [
        (field, re.sub(r"<[^>]+>", "", words))
        for field, words in re.findall(r'<li><a href="#([^"]+)">(.*?)</li>', text)
    ]


def test_what_is_wrong_is_summed_up_with_a_link_to_each_field(editor: Visitor, competition: Competition) -> None:
    board, phase = competition.leaderboards.get(), competition.phases.get()
    url = at(competition, f"leaderboards/{board.pk}/")
    twice = {"columns-1-key": "accuracy", "columns-1-title": "Again"}
    editor.send(url, filled(editor, url, **twice), status=400)
    assert [field for field, _ in faults_of(editor)] == ["id_columns-1-key"], "beside the second one"
    editor.send(url, filled(editor, url, **{"columns-1-title": "No key"}), status=400)
    assert faults_of(editor) == [
        ("id_columns-1-key", "Key: A column needs a key: the name of its score in scores.json.")
    ]
    url = at(competition, f"phases/{phase.pk}/")
    editor.send(url, filled(editor, url, name="", execution_time_limit="0"), status=400)
    assert [field for field, _ in faults_of(editor)] == ["id_name", "id_execution_time_limit"]
    url = at(competition, "phases/new/")
    late = {"name": "Late", "start": "2098-01-01T00:00"}
    editor.send(url, filled(editor, url, **late), status=400)
    assert "id_add_task" in [field for field, _ in faults_of(editor)], "there a task is added"
    url = at(competition, "fact_sheet/")
    page = editor.send(url, filled(editor, url, **{"form-0-key": "q", "form-0-type": "select"}), status=400)
    assert faults_of(editor) == [("id_form-0-selection", "Choices: Write what one chooses from, one a line.")]
    assert page.values["form-0-key"] == "q"
    editor.send(url, filled(editor, url, **{"form-0-title": "Which?"}), status=400)
    assert [field for field, _ in faults_of(editor)] == ["id_form-0-key"]
    url = at(competition, "participation/")
    editor.send(url, filled(editor, url, whitelist_emails="a@x.org\nnobody\nb@x.org"), status=400)
    assert faults_of(editor) == [
        ("id_whitelist_emails", "Approved addresses: Enter a valid email address: nobody is none.")
    ]


def test_the_editor_keeps_what_a_bundle_says_of_columns(visitor: People, olivia: User, make_competition: Make) -> None:
    columns = [
        {"title": "Accuracy", "key": "accuracy", "index": 3, "sorting": "desc", "group": "Good"},
        {
            "title": "Error",
            "key": "error",
            "index": 5,
            "sorting": "asc",
            "hidden": True,
            "precision": 7,
            "group": "Bad",
        },
        {"title": "Both", "key": "both", "index": 9, "computation": "avg", "computation_indexes": [3, 5]},
    ]
    competition = make_competition(columns=columns, board={"primary_index": 5, "hidden": True})
    board = competition.leaderboards.get()
    url, there = at(competition, f"leaderboards/{board.pk}/"), visitor(olivia)
    there.send(url, filled(there, url, title="Renamed"))
    board.refresh_from_db()
    kept = list(board.columns.order_by("index").values_list("key", "group", "hidden", "precision"))
    assert kept == [("accuracy", "Good", False, 2), ("error", "Bad", True, 7), ("both", "", False, 2)]
    assert board.columns.get(index=board.primary_index).key == "error"
    there.send(url, filled(there, url, **{"columns-2-group": "All", "columns-0-index": "2"}))
    board.refresh_from_db()
    assert list(board.columns.order_by("index").values_list("key", "group")) == [
        ("error", "Bad"), ("accuracy", "Good"), ("both", "All"),
    ]  # fmt: skip
    assert board.columns.get(index=board.primary_index).key == "error", "the column that decides, wherever it stands"


def test_a_phase_is_put_before_another(editor: Visitor, competition: Competition) -> None:
    first, url = competition.phases.get(), at(competition, "phases/new/")
    early = {"name": "Warm-up", "start": "2019-01-01T00:00", "end": "2019-06-01T00:00"}
    editor.send(url, filled(editor, url, **early, add_task=str(first.tasks.get().key), index="0"))
    assert [phase.name for phase in competition.phases.order_by("index")] == ["Warm-up", first.name]
    own = at(competition, f"phases/{first.pk}/")
    editor.send(own, filled(editor, own, name="Main"))
    assert [phase.name for phase in competition.phases.order_by("index")] == ["Warm-up", "Main"]


def test_what_the_rules_of_bundles_refuse_is_said_in_the_language_of_the_page(
    editor: Visitor, competition: Competition
) -> None:
    editor.client.cookies["podium_language"] = "fr"
    url = at(competition, "phases/new/")
    editor.send(url, filled(editor, url, name="X", start="2098-01-01T00:00"), status=400)
    text = editor.response.content.decode()
    assert dict(faults_of(editor))["id_add_task"].endswith("au moins une tâche."), text
    url = at(competition)
    editor.send(url, filled(editor, url, contact_email="nobody"), status=400)
    assert "adresse" in dict(faults_of(editor))["id_contact_email"]


def test_another_leaderboard(editor: Visitor, competition: Competition) -> None:
    url = at(competition, "leaderboards/new/")
    page = editor.send(url, filled(editor, url, title="Second", key="second"), status=400)
    assert page.values["title"] == "Second"
    column = {"columns-0-key": "acc", "columns-0-title": "Accuracy"}
    editor.send(url, filled(editor, url, title="Second", key="second", **column))
    assert competition.leaderboards.get(key="second").columns.get().title == "Accuracy"


def test_the_fact_sheet(editor: Visitor, competition: Competition) -> None:
    url = at(competition, "fact_sheet/")
    rows = {"form-0-key": "method", "form-0-title": "Method", "form-0-type": "select", "form-0-selection": "a\nb"}
    editor.send(url, filled(editor, url, **rows, **{"form-0-is_required": "on"}))
    sheet = Competition.objects.get(pk=competition.pk).fact_sheet
    assert sheet["method"] == {
        "key": "method", "title": "Method", "type": "select", "selection": ["a", "b"],
        "is_required": "true", "is_on_leaderboard": "false",
    }  # fmt: skip
    page = editor.send(url, filled(editor, url, **{"form-1-key": "method", "form-1-title": "X"}), status=400)
    assert "Two questions have the same key" in page.text
    page = editor.send(url, filled(editor, url, **{"form-1-key": "a b", "form-1-title": "X"}), status=400)
    assert "blanks" in page.text
    editor.send(url, filled(editor, url, **{"form-0-remove": "on"}))
    assert Competition.objects.get(pk=competition.pk).fact_sheet is None


def test_administrators(editor: Visitor, competition: Competition, visitor: People) -> None:
    colin, url = UserFactory(username="colin2"), at(competition, "administrators/")
    assert "nobody of that name" in editor.send(url, filled(editor, url, username="nobody-here"), status=400).text
    editor.send(url, filled(editor, url, username="COLIN2"))
    assert list(competition.collaborators.all()) == [colin]
    theirs = visitor(colin)
    assert theirs.open(at(competition))
    seen = theirs.open(url).values["seen"]
    theirs.send(url, {"remove": str(colin.pk), "seen": seen})
    assert not competition.collaborators.exists()
    theirs.open(at(competition), status=403)


def test_what_somebody_else_changed_meanwhile_is_not_overwritten_unasked(
    editor: Visitor, competition: Competition
) -> None:
    mine = filled(editor, at(competition), title="Mine")
    editor.send(at(competition), filled(editor, at(competition), title="Theirs"))
    page = editor.send(at(competition), mine, status=400)
    assert "Somebody has changed this" in page.text and page.values["title"] == "Mine"
    assert Competition.objects.get(pk=competition.pk).title == "Theirs"
    editor.send(at(competition), {**mine, "seen": page.values["seen"]})
    assert Competition.objects.get(pk=competition.pk).title == "Mine"


def test_a_competition_is_made_by_forms(visitor: People, sam: User) -> None:
    there = visitor(sam)
    assert "First a task" in there.open("/competitions/new/").text
    task = Task.objects.create(name="Sums", created_by=sam)
    sent = filled(there, "/competitions/new/", title="By forms", start="2030-01-01T00:00", task=str(task.key))
    page = there.send("/competitions/new/", {**sent, "end": "2029-01-01T00:00"}, status=400)
    assert page.values["title"] == "By forms" and not Competition.objects.filter(title="By forms").exists()
    there.send("/competitions/new/", sent)
    made = Competition.objects.get(title="By forms")
    assert there.url == at(made) and not made.published
    assert made.phases.get().name == "Development" and made.leaderboards.get().columns.get().key == "score"


def test_previews_are_counted_and_what_was_written_stays(
    editor: Visitor, competition: Competition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.site.throttling.time.time", lambda: 1_800_000_030.0)
    url = at(competition, "pages/new/")
    sent = filled(editor, url, title="First", content="*Hi*", preview="")
    for _ in range(PREVIEWS):
        assert "look again in a minute" not in editor.send(url, sent).text
    page = editor.send(url, sent, status=400)
    assert "look again in a minute" in page.text and "*Hi*" in page.text
    editor.send(url, filled(editor, url, title="First", content="*Hi*"))
    assert competition.pages.filter(title="First").exists(), "it can be saved all the same"

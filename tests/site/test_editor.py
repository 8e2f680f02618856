"""A competition is made and changed through the API as the web editor sends it."""

# ruff: noqa: E501 - the table of faults is read by lines

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import EpsImagePlugin, Image
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition, Participant, Phase
from podium.site.competitions.services import create_from_bundle
from podium.site.evaluation.models import PhaseWork, Submission
from podium.site.leaderboards.models import Column, Entry, Leaderboard
from podium.site.pictures import icon_of
from podium.site.queues.models import Queue
from podium.site.queues.services.lifecycle import create_queue
from podium.site.resources import grants, storage
from podium.site.resources.models import StoredFile
from tests.factories import ParticipantFactory, UserFactory, dataset, task, write_bundle
from tests.site.acting import WorkerDouble, background, fresh, phase_of, scores, submit

pytestmark = pytest.mark.django_db
Make = Callable[..., Competition]
Client = Callable[[User | None], APIClient]


def picture(kind: str = "PNG", size: tuple[int, int] = (3, 2)) -> bytes:
    """A real picture."""
    stream = io.BytesIO()
    Image.new("RGB", size, "navy").save(stream, kind)
    return stream.getvalue()


def logo(content: bytes, name: str = "my logo.png", prefix: str = "data:image/png;base64,") -> str:
    """A logo as the editor sends it: JSON in a string."""
    return json.dumps({"file_name": name, "data": prefix + base64.b64encode(content).decode()})


def payload(user: User, *, phases: int = 2, tasks: int = 2, **more: Any) -> dict[str, Any]:
    """What the editor sends for a new competition of `user`'s."""
    keys = [str(task(user, f"Task {n}").key) for n in range(tasks)]
    kit = dataset(user, type="starting_kit")
    return {
        "title": "Sums",
        "logo": None,
        "description": "Add *numbers* up",
        "docker_image": "codalab/codalab-legacy:py37",
        "competition_type": "competition",
        "reward": "",
        "contact_email": "olivia@example.org",
        "report": None,
        "terms": "Be nice.",
        "fact_sheet": {
            "bert": {
                "key": "bert",
                "type": "checkbox",
                "title": "BERT?",
                "selection": [True, False],
                "is_required": "false",
                "is_on_leaderboard": "true",
            }
        },
        "queue": None,
        "published": False,
        "enable_detailed_results": True,
        "registration_auto_approve": False,
        "pages": [
            {"title": "Overview", "content": "# Hello", "index": 0},
            {"title": "Data", "content": "Two numbers", "index": 1},
        ],
        "phases": [
            {
                "name": f"Phase {n}",
                "description": "",
                "start": f"{2020 + n}-01-01T00:00:00.123456Z",
                "end": f"{2021 + n}-01-01T00:00:00Z" if n + 1 < phases else None,
                "start_date": "ignored",
                "index": n,
                "status": "Current",
                "tasks": [{"task": key, "order_index": 5 * place} for place, key in enumerate(keys)],
                "public_data": None,
                "starting_kit": {"value": str(kit.key), "name": kit.name},
                "execution_time_limit": 900,
                "max_submissions_per_day": 7,
                "max_submissions_per_person": None,
                "auto_migrate_to_this_phase": n > 0,
                "hide_output": False,
                "hide_prediction_output": False,
                "hide_score_output": True,
            }
            for n in range(phases)
        ],
        "leaderboards": [
            {
                "id": "",
                "title": "Results",
                "key": "main",
                "hidden": False,
                "primary_index": 2,
                "submission_rule": "Force_Last",
                "columns": [
                    {"title": "A", "key": "a", "index": 0, "sorting": "desc", "hidden": False, "precision": 3},
                    {"title": "B", "key": "b", "index": 1, "sorting": "asc", "computation": None},
                    {
                        **{"title": "Mean", "key": "mean", "index": 2, "sorting": "desc"},
                        **{"computation": "avg", "computation_indexes": ["0", "1"]},
                    },
                ],
            }
        ],
        "collaborators": [],
        "whitelist_emails": [{"email": "Nina@Example.org"}],
        **more,
    }


class Editor:
    """Olivia, at the editor."""

    def __init__(self, client: APIClient, user: User) -> None:
        self.client, self.user = client, user

    def create(self, given: Any = None, **more: Any) -> Any:
        return self.client.post("/api/competitions/", given or payload(self.user, **more), format="json")

    def made(self, **more: Any) -> dict[str, Any]:
        answer = self.create(**more)
        assert answer.status_code == 201, answer.json()
        return dict(answer.json())

    def detail(self, pk: int) -> dict[str, Any]:
        return dict(self.client.get(f"/api/competitions/{pk}/").json())

    def patch(self, pk: int, method: str = "patch", **given: Any) -> Any:
        return getattr(self.client, method)(f"/api/competitions/{pk}/", given, format="json")


@pytest.fixture
def editor(olivia: User, client_of: Client, queue: Queue, files: Any) -> Editor:
    return Editor(client_of(olivia), olivia)


VOLATILE = ("logo", "logo_icon")
"""Addresses that are new with each answer."""


def lasting(detail: dict[str, Any]) -> dict[str, Any]:
    """A detail without what changes by itself."""
    return {name: value for name, value in detail.items() if name not in VOLATILE}


def test_a_competition_is_made_as_the_editor_sends_it(editor: Editor, olivia: User) -> None:
    found = editor.made(logo=logo(picture(), "../../my logo.exe"))
    competition = Competition.objects.get(pk=found["id"])
    assert (competition.created_by, competition.published) == (olivia, False)
    assert Participant.objects.get(competition=competition).status == "approved"
    assert competition.logo is not None and competition.logo.key.endswith("/my_logo.png")
    assert [page["title"] for page in found["pages"]] == ["Overview", "Data"]
    assert found["whitelist_emails"] == ["nina@example.org"]
    first, second = found["phases"]
    assert (first["execution_time_limit"], first["max_submissions_per_day"]) == (900, 7)
    assert first["max_submissions_per_person"] == 0, "null is no limit"
    assert first["start"] == "2020-01-01T00:00:00.123456Z"
    assert [task["order_index"] for task in first["tasks"]] == [0, 5]
    assert (second["auto_migrate_to_this_phase"], second["hide_score_output"], second["end"]) == (True, True, None)
    assert first["starting_kit"]["type"] == "starting_kit"
    (board,) = found["leaderboards"]
    assert (board["primary_index"], board["submission_rule"]) == (2, "Force_Last")
    assert board["columns"][2]["computation_indexes"] == ["0", "1"]
    assert found["fact_sheet"]["bert"]["title"] == "BERT?"


def test_sending_the_same_again_changes_nothing(editor: Editor, olivia: User, make_competition: Make) -> None:
    sent = payload(olivia)
    made = editor.create(sent).json()
    before = lasting(editor.detail(made["id"]))
    for method in ("patch", "put"):
        assert editor.patch(made["id"], method, **sent).status_code == 200
        assert lasting(editor.detail(made["id"])) == before, "without ids, by names"
    of_bundle = make_competition(phases=3, tasks=2, phase={"gpus": 0}, whitelist_emails=["a@b.org"])
    for pk in (made["id"], of_bundle.pk):
        before = editor.detail(pk)
        answer = editor.patch(pk, **before)
        assert answer.status_code == 200, answer.json()
        assert lasting(editor.detail(pk)) == lasting(before), "what the API gives can be sent back"
        assert answer.json()["phases"] == before["phases"]
    assert StoredFile.objects.filter(pk=of_bundle.logo_id).exists()
    assert not PhaseWork.objects.exists(), "no board was computed anew"


def test_a_fact_sheet_whose_choices_include_nothing_stays_as_it_is(editor: Editor) -> None:
    question = {"key": "c", "type": "select", "title": "C", "selection": ["", "v1", 2], "is_required": "false"}
    sheet = {"c": {**question, "is_on_leaderboard": "true"}}
    made = editor.made(fact_sheet=sheet)
    assert editor.patch(made["id"], title="Other").status_code == 200
    assert editor.detail(made["id"])["fact_sheet"] == sheet


def test_the_answer_to_a_change_has_codabenchs_shape(editor: Editor, olivia: User) -> None:
    made, lab, colin = editor.made(), create_queue(user=olivia, name="lab"), UserFactory(username="colin")
    answer = editor.patch(
        made["id"], title="Products", queue=lab.pk, collaborators=[colin.pk], whitelist_emails=["B@c.org", "b@C.org"]
    ).json()
    assert (answer["title"], answer["queue"], answer["collaborators"]) == ("Products", lab.pk, [colin.pk])
    assert answer["whitelist_emails"] == [{"email": "b@c.org"}]
    assert (answer["created_by"], bool(answer["secret_key"])) == ("olivia", True)
    assert [page["id"] for page in answer["pages"]] == [page["id"] for page in made["pages"]], "the rest stays"


def test_pages_and_phases_that_are_left_out_go_unless_somebody_submitted(
    editor: Editor, pat: User, client_of: Client
) -> None:
    made = editor.made(phases=3, published=True)
    first, second, third = made["phases"]
    ParticipantFactory(competition_id=made["id"], user=pat)
    data = dataset(pat)
    Phase.objects.filter(pk=second["id"]).update(end=None)
    assert client_of(pat).post("/api/submissions/", {"phase": second["id"], "data": str(data.key)}).status_code == 201
    refused = editor.patch(made["id"], title="Other", pages=[], phases=[{**third, "auto_migrate_to_this_phase": False}])
    assert (refused.status_code, next(iter(refused.json()))) == (400, "phases")
    assert 'The phase "Phase 1" has submissions' in refused.json()["phases"][0]
    assert editor.detail(made["id"])["title"] == "Sums" and len(editor.detail(made["id"])["pages"]) == 2
    end = "2020-06-01T00:00:00Z"
    answer = editor.patch(
        made["id"],
        pages=[{"title": "Data", "content": "new", "index": 0}],
        phases=[{"id": third["id"], "auto_migrate_to_this_phase": False}, {"id": second["id"], "end": end, "index": 0}],
    )
    assert answer.status_code == 400, "the second is over before it starts"
    answer = editor.patch(
        made["id"],
        pages=[{"title": "Data", "content": "new", "index": 0}],
        phases=[{"id": second["id"], "end": "2021-06-01T00:00:00Z", "auto_migrate_to_this_phase": False}, third],
    )
    assert answer.status_code == 200, answer.json()
    found = answer.json()
    assert [(phase["id"], phase["index"]) for phase in found["phases"]] == [(second["id"], 0), (third["id"], 1)]
    assert [(page["title"], page["content"], page["id"]) for page in found["pages"]] == [
        ("Data", "new", made["pages"][1]["id"])
    ]
    assert not Phase.objects.filter(pk=first["id"]).exists()


Change = Callable[[dict[str, Any]], Any]
FAULTS: list[tuple[str, Change, Any]] = [
    ("no title", lambda p: p.update(title=""), {"title": ["This field is required."]}),
    ("long title", lambda p: p.update(title="x" * 257), {"title": ["title is longer than 256 characters."]}),
    ("no phases", lambda p: p.update(phases=[]), {"phases": ["Competitions must have at least one phase"]}),
    ("phases absent", lambda p: p.pop("phases"), {"phases": ["Competitions must have at least one phase"]}),
    ("no boards", lambda p: p.update(leaderboards=[]), {"leaderboards": ["Phases require a leaderboard"]}),
    ("boards are text", lambda p: p.update(leaderboards="x"), {"leaderboards": ["Phases require a leaderboard"]}),
    (
        "migrate to the first",
        lambda p: p["phases"][0].update(auto_migrate_to_this_phase=True),
        {"phases": ["You cannot auto migrate to the first phase of a competition"]},
    ),
    (
        "migrate in one",
        lambda p: p.update(phases=[{**p["phases"][0], "auto_migrate_to_this_phase": True}]),
        {"phases": ["You cannot auto migrate in a competition with one phase"]},
    ),
    (
        "ends before it starts",
        lambda p: p["phases"][1].update(end="2021-01-01"),
        {
            "phases": [
                {},
                {"end": ['The phase "Phase 1" ends (2021-01-01 00:00:00 UTC) before it starts (2021-01-01 00:00:00 UTC).']},
            ]
        },
    ),
    (
        "no date",
        lambda p: p["phases"][0].update(start="soon"),
        {"phases": [{"start": ['start: "soon" is not a date (the year is missing or the order is unknown).']}]},
    ),
    (
        "no tasks",
        lambda p: p["phases"][1].update(tasks=[]),
        {"phases": [{}, {"tasks": ["Phases must contain at least one task to be valid."]}]},
    ),
    (
        "tasks are no keys",
        lambda p: p["phases"][1].update(tasks=[{"task": 7}]),
        {"phases": [{}, {"tasks": [['"7" is no key of a task; keys are UUIDs.']]}]},
    ),
    (
        "a column computed of nothing",
        lambda p: p["leaderboards"][0]["columns"][2].update(computation_indexes=[9]),
        {
            "leaderboards": [
                {
                    "columns": [
                        {},
                        {},
                        {"computation_indexes": ['The column "mean" is computed from the index 9, which no column has.']},
                    ]
                }
            ]
        },
    ),
    (
        "two columns with a key",
        lambda p: p["leaderboards"][0]["columns"][1].update(key="a"),
        {"leaderboards": [{"columns": [{}, {"key": ['Two columns have the key "a"; keys must be unique.']}]}]},
    ),
    (
        "no such rule",
        lambda p: p["leaderboards"][0].update(submission_rule="Best"),
        {"leaderboards": [{"submission_rule": ['"Best" is no submission_rule.']}]},
    ),
    ("bad address", lambda p: p.update(contact_email="nobody"), {"contact_email": ["Enter a valid email address."]}),
    (
        "bad white address",
        lambda p: p.update(whitelist_emails=["a@b.org", "nobody"]),
        {"whitelist_emails": [{}, ['Enter a valid email address: "nobody" is none.']]},
    ),
    ("nobody", lambda p: p.update(collaborators=[10**9]), {"collaborators": ['Invalid pk "1000000000" - object does not exist.']}),
    ("no picture", lambda p: p.update(logo=logo(b"GIF89a...")), {"logo": ["Please upload a valid image."]}),
    ("an address", lambda p: p.update(logo="http://x/y.png"), {"logo": ['Send JSON with "file_name" and "data", the picture in base64.']}),
    ("a vector", lambda p: p.update(logo=logo(b"<svg xmlns='http://www.w3.org/2000/svg'/>")), {"logo": ["Please upload a valid image."]}),
    ("queue", lambda p: p.update(queue=10**9), {"queue": ["You do not have access to the specified queue!"]}),
    ("fact sheet", lambda p: p["fact_sheet"]["bert"].pop("title"), {"fact_sheet": ["Missing {'title'} values for bert."]}),
    ("NUL", lambda p: p["pages"][0].update(content="a\0b"), {"pages": [{"content": ["NUL and halves of characters cannot be kept."]}]}),
    ("a foreign page", lambda p: p["pages"][0].update(id=1), {"pages": [["This competition has no such page, or it is named twice."]]}),
    ("pages are no list", lambda p: p.update(pages={"a": 1}), {"pages": ["pages must be a list, not a mapping."]}),
]  # fmt: skip


def test_each_fault_is_told_at_its_field_and_nothing_is_made(editor: Editor, olivia: User) -> None:
    told = {}
    for name, change, _ in FAULTS:
        sent = payload(olivia)
        change(sent)
        answer = editor.create(sent)
        assert answer.status_code == 400, name
        told[name] = {key: value for key, value in answer.json().items() if key != "code"}
    assert told == {name: wanted for name, _, wanted in FAULTS}
    assert not Competition.everything.exists() and not StoredFile.objects.filter(key__startswith="logo").exists()
    assert editor.client.post("/api/competitions/", [1], format="json").status_code == 400


def test_nobody_uses_what_is_not_theirs(editor: Editor, olivia: User, sam: User, client_of: Client) -> None:
    closed = create_queue(user=sam, name="sam's")
    foreign, kit = task(sam, "Sam's"), dataset(sam, type="starting_kit")
    other = Editor(client_of(sam), sam).made()
    mine = editor.made()
    phase, board = mine["phases"][0], other["leaderboards"][0]
    for given, field in (
        ({"queue": closed.pk}, "queue"),
        ({"phases": [{**phase, "tasks": [{"task": str(foreign.key)}]}]}, "phases"),
        ({"phases": [{**phase, "starting_kit": {"value": str(kit.key)}}]}, "phases"),
        ({"phases": [{**phase, "public_data": phase["starting_kit"]}]}, "phases"),  # of another type
        ({"phases": [{**phase, "leaderboard": board["id"]}]}, "phases"),
        ({"phases": [other["phases"][0]]}, "phases"),
        ({"pages": [other["pages"][0]]}, "pages"),
        ({"leaderboards": [board]}, "leaderboards"),
        ({"leaderboards": [{**mine["leaderboards"][0], "columns": board["columns"]}]}, "leaderboards"),
    ):
        answer = editor.patch(mine["id"], **given)
        assert (answer.status_code, field in answer.json()) == (400, True), (given, answer.json())
    assert Editor(client_of(sam), sam).patch(mine["id"], title="X").status_code == 404
    Competition.objects.filter(pk=mine["id"]).update(published=True)
    assert Editor(client_of(sam), sam).patch(mine["id"], title="X").status_code == 403
    assert Editor(client_of(None), sam).create(payload(olivia)).status_code == 403
    assert Leaderboard.objects.get(pk=board["id"]).competition_id == other["id"]
    # A collaborator keeps what the creator put there, and sends it back unchanged.
    Competition.objects.get(pk=mine["id"]).collaborators.add(sam)
    assert Editor(client_of(sam), sam).patch(mine["id"], **mine).status_code == 200


def test_a_collaborator_takes_part_here_and_nowhere_else(editor: Editor, client_of: Client) -> None:
    here, elsewhere = editor.made(), editor.made(title="Elsewhere")
    colin = UserFactory(username="colin")
    for competition in (here, elsewhere):
        Participant.objects.create(competition_id=competition["id"], user=colin, status="pending")
    assert editor.patch(here["id"], collaborators=[{"id": colin.pk, "username": "colin"}]).status_code == 200
    found = dict(Participant.objects.filter(user=colin).values_list("competition", "status"))
    assert found == {here["id"]: "approved", elsewhere["id"]: "pending"}
    assert Editor(client_of(colin), colin).patch(here["id"], title="Ours").json()["title"] == "Ours"
    assert editor.patch(here["id"], collaborators=[]).json()["collaborators"] == []
    assert Editor(client_of(colin), colin).patch(here["id"], title="Mine").status_code == 403


def test_a_task_that_is_added_is_run_for_what_was_submitted_and_one_that_goes_leaves_the_board(
    editor: Editor, olivia: User, pat: User, queue: Queue
) -> None:
    made = editor.made(phases=1, published=True)
    ParticipantFactory(competition_id=made["id"], user=pat)
    competition, worker = Competition.objects.get(pk=made["id"]), WorkerDouble(queue)
    whole = submit(pat, competition)
    for value in (0.5, 0.7):
        worker.finish(worker.job(), scores(a=value, b=value))
    assert (fresh(whole).status, Entry.objects.count()) == ("Finished", 1)
    places = [{"task": one["task"], "order_index": one["order_index"]} for one in made["phases"][0]["tasks"]]
    added = {"task": str(task(olivia, "New").key), "order_index": 99}
    kept = {"id": made["phases"][0]["id"]}
    assert editor.patch(made["id"], phases=[{**kept, "tasks": [*places, added]}]).status_code == 200
    background()
    assert (fresh(whole).status, whole.children.count(), Entry.objects.count()) == ("Running", 3, 1)
    worker.finish(worker.job(), scores(a=0.9, b=0.9))
    assert fresh(whole).status == "Finished"
    board = editor.client.get(f"/api/phases/{kept['id']}/get_leaderboard/").json()
    assert [group["name"] for group in board["tasks"]] == ["Task 0", "Task 1", "New", ""]
    assert sorted(score["score"] for score in board["submissions"][0]["scores"] if score["column_key"] == "a") == [
        *("0.5", "0.7", "0.9")
    ]
    assert editor.patch(made["id"], phases=[{**kept, "tasks": [added]}]).status_code == 200
    background()
    board = editor.client.get(f"/api/phases/{kept['id']}/get_leaderboard/").json()
    assert [group["name"] for group in board["tasks"]] == ["New"]
    assert Submission.objects.filter(parent=whole).count() == 3, "what was run stays"


def test_a_board_that_is_changed_is_put_in_order_anew(editor: Editor, pat: User, sam: User, queue: Queue) -> None:
    made = editor.made(phases=1, tasks=1, published=True)
    competition, worker = Competition.objects.get(pk=made["id"]), WorkerDouble(queue)
    for person, value in ((pat, 0.9), (sam, 0.1)):
        ParticipantFactory(competition=competition, user=person)
        submit(person, competition)
        worker.finish(worker.job(), scores(a=value, b=0.5))
    board = made["leaderboards"][0]
    columns = [{**board["columns"][0], "sorting": "asc"}, board["columns"][1]]
    answer = editor.patch(made["id"], leaderboards=[{"id": board["id"], "primary_index": 0, "columns": columns}])
    assert answer.status_code == 200, answer.json()
    background()
    rows = editor.client.get(f"/api/phases/{phase_of(competition).pk}/get_leaderboard/").json()["submissions"]
    assert [row["owner"] for row in rows] == ["sam", "pat"]
    assert Column.objects.filter(leaderboard=board["id"]).count() == 2


def test_a_logo_is_exchanged_and_taken_away_with_its_file(editor: Editor) -> None:
    made = editor.made(logo=logo(picture("WEBP"), "a.webp", prefix=""))
    first = StoredFile.objects.get(key__startswith="logo/")
    assert first.key.endswith(".webp")
    assert editor.patch(made["id"], logo=editor.detail(made["id"])["logo"]).status_code == 200, "its address"
    assert StoredFile.objects.filter(key__startswith="logo/").get() == first
    assert editor.patch(made["id"], logo=json.loads(logo(picture("GIF"), "b.gif"))).status_code == 200
    second = StoredFile.objects.get(key__startswith="logo/")
    assert second.key.endswith("/b.gif")
    huge = io.BytesIO()
    Image.new("1", (8000, 8000)).save(huge, "PNG")
    assert "pixels" in editor.patch(made["id"], logo=logo(huge.getvalue())).json()["logo"][0]
    assert StoredFile.objects.filter(key__startswith="logo_icon/").count() == 1, "each logo has one icon"
    assert editor.patch(made["id"], logo=None).status_code == 200
    assert not StoredFile.objects.filter(key__startswith="logo").exists()


@pytest.mark.parametrize(("kind", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg"), ("GIF", "a.gif"), ("WEBP", "a.webp")])
def test_a_logo_has_an_icon_a_hundred_pixels_wide(kind: str, name: str, editor: Editor) -> None:
    made = editor.made(logo=logo(picture(kind, (640, 320)), name))
    icon = _shown(made["logo_icon"])
    assert (icon.format, icon.size) == ("PNG", (100, 50))
    assert _shown(made["logo"]).size == (640, 320)
    small = editor.patch(made["id"], logo=logo(picture(kind, (40, 20)), name)).json()
    assert _shown(small["logo_icon"]).size == (40, 20), "never made larger"
    tall = editor.patch(made["id"], logo=logo(picture(kind, (10, 4000)), name)).json()
    assert _shown(tall["logo_icon"]).height == 400, "nor a mile high"


def test_no_program_is_started_for_a_logo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives that are restored bring any file as the logo; one of PostScript would go to Ghostscript."""
    called = tmp_path / "called"
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {called}\necho 10\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    assert icon_of(postscript) is None
    assert not called.exists()
    assert icon_of(picture("BMP")) is not None


def test_an_icon_keeps_what_is_transparent_and_the_way_up(editor: Editor) -> None:
    clear, turned = io.BytesIO(), io.BytesIO()
    Image.new("RGBA", (300, 200), (255, 0, 0, 0)).save(clear, "PNG")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.new("RGB", (400, 200), "navy").save(turned, "JPEG", exif=exif)
    made = editor.made(logo=logo(clear.getvalue()))
    assert _shown(made["logo_icon"]).convert("RGBA").getpixel((5, 5))[3] == 0
    made = editor.patch(made["id"], logo=logo(turned.getvalue(), "a.jpg")).json()
    assert _shown(made["logo_icon"]).size == (100, 200)


def _of_bundle(folder: Path, picture: bytes, user: User) -> Competition:
    """A competition of a bundle with this logo."""
    write_bundle(folder)
    (folder / "logo.png").write_bytes(picture)
    return create_from_bundle(bundle=folder, user=user)[0]


def test_the_logo_of_a_bundle_has_an_icon_as_well(editor: Editor, olivia: User, queue: Queue, tmp_path: Path) -> None:
    competition = _of_bundle(tmp_path / "bundle", picture("PNG", (300, 300)), olivia)
    assert competition.logo_icon is not None and competition.logo_icon != competition.logo
    found = editor.detail(competition.pk)
    assert _shown(found["logo_icon"]).size == (100, 100)
    assert found["forum"] == competition.forum.pk
    listed = next(one for one in editor.client.get("/api/competitions/").json() if one["id"] == competition.pk)
    assert _shown(listed["logo_icon"]).width <= 100


def test_a_logo_that_nobody_can_read_is_its_own_icon(
    editor: Editor, olivia: User, queue: Queue, tmp_path: Path
) -> None:
    competition = _of_bundle(tmp_path / "bundle", b"\x89PNG\r\n\x1a\n and then nothing of a picture", olivia)
    assert competition.logo is not None and competition.logo_icon is None
    found = editor.detail(competition.pk)
    assert found["logo_icon"] == found["logo"] != None  # noqa: E711 - both are the same address


def _shown(address: str) -> Any:
    """The picture behind an address."""
    file = StoredFile.objects.get(key=grants.read(address.rsplit("/", 1)[-1]).key)
    with storage.open_file(file) as stream:
        return Image.open(io.BytesIO(stream.read()))

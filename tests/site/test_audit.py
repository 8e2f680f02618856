"""The history: every change of organizers and administrators leaves an entry with it, and no secret in it."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Q
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from podium.site import start
from podium.site.accounts.models import User
from podium.site.accounts.services import organizations, people, tokens
from podium.site.accounts.services.deletion import delete_account
from podium.site.audit import services as audit
from podium.site.audit import values
from podium.site.audit.actions import Action, Kind, Via
from podium.site.audit.administration import Recorded
from podium.site.audit.models import AuditEntry
from podium.site.audit.origin import Origin, coming, here
from podium.site.competitions.models import Competition, Participant
from podium.site.competitions.services import deleting, participation
from podium.site.competitions.services.queueing import choose_queue
from podium.site.errors import Refused
from podium.site.evaluation.models import Submission
from podium.site.evaluation.services import cancel, deletion
from podium.site.queues.services import lifecycle, workers
from podium.site.resources import services as resources
from podium.site.resources import uploads
from podium.site.resources.parts import parts
from tests.factories import UserFactory
from tests.site.acting import submit
from tests.site.reading_boards import content, csv_rows
from tests.site.test_tokens import by_token
from tests.web.conftest import BACKEND

Client = Callable[[User | None], APIClient]


def newest() -> AuditEntry:
    return AuditEntry.objects.select_related("actor")[0]


def address(competition: Competition, table: bool = False) -> str:
    return f"/api/competitions/{competition.pk}/audit{'.csv' if table else '/'}"


def test_an_entry_tells_who_what_when_from_where_before_and_after(competition: Competition, olivia: User) -> None:
    browser = Browser()
    browser.force_login(olivia, backend=BACKEND)
    begun = timezone.now()
    answer = browser.post(f"/competitions/{competition.pk}/unpublish/", REMOTE_ADDR="192.0.2.7")
    if answer.status_code != 302:
        browser.post(f"/competitions/{competition.pk}/publish/", {"published": ""}, REMOTE_ADDR="192.0.2.7")
    entry = newest()
    assert begun <= entry.when <= timezone.now()
    assert (entry.action, entry.who, entry.via) == (Action.COMPETITION_UNPUBLISHED, "olivia", Via.SESSION)
    assert (entry.kind, entry.object_id, entry.object_name) == (Kind.COMPETITION, competition.pk, competition.title)
    assert (entry.competition, entry.before, entry.after) == (competition.pk, {"published": True}, {"published": False})
    assert entry.address == "192.0.2.7"
    assert here() == Origin(), "the way of a request ends with it"


def test_the_way_is_told_apart_by_browser_token_command_line_and_platform(
    competition: Competition, olivia: User, client_of: Client
) -> None:
    url = f"/api/competitions/{competition.pk}/toggle_publish/"
    _, secret = tokens.create_token(user=olivia, name="nightly script", scope="organize")
    assert by_token(secret).post(url).status_code == 200
    assert (newest().via, newest().token_name) == (Via.TOKEN, "nightly script")
    client = APIClient()
    client.force_login(olivia, backend=BACKEND)
    assert client.post(url).status_code == 200
    assert (newest().via, newest().token_name) == (Via.SESSION, "")
    with coming(Origin(Via.COMMAND)):
        participation.set_published(competition=competition, by=olivia, published=False)
    assert (newest().via, newest().address) == (Via.COMMAND, None)
    participation.set_published(competition=competition, by=olivia, published=True)
    assert newest().via == Via.PLATFORM
    assert secret not in json.dumps([entry.after for entry in AuditEntry.objects.all()])


def test_a_change_and_its_entry_are_there_together_or_not_at_all(
    competition: Competition, olivia: User, sam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Participant.objects.create(competition=competition, user=sam, status="pending")
    before = AuditEntry.objects.count()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("podium.site.competitions.services.messages.tell_of_status", fail)
        with pytest.raises(RuntimeError, match="the disk is full"):
            participation.set_participant_status(participant=asked, by=olivia, status="approved")
    assert AuditEntry.objects.count() == before, "what was not done is not written down"
    with monkeypatch.context() as patched:
        patched.setattr("podium.site.audit.models.AuditEntry.objects.bulk_create", fail)
        with pytest.raises(RuntimeError, match="the disk is full"):
            participation.set_participant_status(participant=asked, by=olivia, status="approved")
    asked.refresh_from_db()
    assert asked.status == "pending", "what cannot be written down is not done"


@pytest.mark.django_db(transaction=True)
def test_nothing_is_recorded_outside_of_a_transaction(sam: User) -> None:
    with pytest.raises(RuntimeError, match="in the transaction"):
        audit.record(Action.COMPETITION_EDITED, by=sam, on=sam)


def test_an_edit_tells_fields_pages_and_phases_by_name_and_an_edit_of_nothing_tells_nothing(
    competition: Competition, olivia: User, sam: User, client_of: Client
) -> None:
    url = f"/api/competitions/{competition.pk}/"
    phase, page = competition.phases.get(), competition.pages.get()
    client = client_of(olivia)
    count = AuditEntry.objects.count()
    assert client.patch(url, {"title": competition.title}).status_code == 200
    assert AuditEntry.objects.count() == count
    edited = {
        "title": "Another title",
        "phases": [{"id": phase.pk, "max_submissions_per_day": 17, "end": "2090-01-01T00:00:00Z"}],
        "pages": [{"id": page.pk, "content": f"{page.content} and more"}, {"title": "Rules", "content": "Be fair."}],
        "whitelist_emails": ["somebody@example.org"],
    }
    answer = client.patch(url, edited)
    assert answer.status_code == 200, answer.content
    entry = newest()
    assert entry.action == Action.COMPETITION_EDITED
    assert entry.before["title"] == competition.title and entry.after["title"] == "Another title"
    assert entry.after[f"phase {phase.name}: max_submissions_per_day"] == 17
    assert entry.after[f"phase {phase.name}: end"].startswith("2090-01-01T00:00:00")
    assert entry.after[f"page {page.title}: content"].endswith("and more")
    assert (entry.after["page Rules"], entry.after["whitelist_emails"]) == ("added", ["somebody@example.org"])
    assert "terms" not in entry.after, "what was not changed is not told"
    assert client.patch(url, {"collaborators": [sam.pk]}).status_code == 200
    assert (newest().action, newest().object_name, newest().about) == (Action.COLLABORATOR_ADDED, "sam", sam)
    assert client.patch(url, {"collaborators": []}).status_code == 200
    assert (newest().action, newest().competition) == (Action.COLLABORATOR_REMOVED, competition.pk)


def test_a_changed_board_tells_its_columns(competition: Competition, olivia: User, client_of: Client) -> None:
    board = competition.leaderboards.get()
    column = board.columns.get()
    change = {"leaderboards": [{"id": board.pk, "hidden": True, "columns": [{"id": column.pk, "precision": 7}]}]}
    assert client_of(olivia).patch(f"/api/competitions/{competition.pk}/", change).status_code == 200
    entry = newest()
    assert (entry.action, entry.kind, entry.object_id) == (Action.LEADERBOARD_EDITED, Kind.LEADERBOARD, board.pk)
    assert entry.before == {"hidden": False, f"column {column.title}: precision": column.precision}
    assert entry.after == {"hidden": True, f"column {column.title}: precision": 7}


def test_secrets_are_told_only_as_changed(competition: Competition, olivia: User) -> None:
    old = str(competition.secret_key)
    changed = participation.rotate_secret(competition=competition, by=olivia)
    entry = newest()
    assert (entry.before, entry.after) == ({}, {"secret_key": "changed"})
    kept = json.dumps(list(AuditEntry.objects.values("before", "after", "object_name")), default=str)
    assert old not in kept and str(changed.secret_key) not in kept
    old_new = values.differences({"password": "a", "inner": {"api_token": "b"}}, {"password": "c", "inner": {}})
    assert old_new == ({"inner": {"api_token": "changed"}}, {"password": "changed", "inner": {}})


def test_long_values_are_kept_where_they_differ_and_within_a_cap() -> None:
    text = "word " * 20_000
    old, new = values.differences({"text": text}, {"text": f"{text[:50_000]}NEW {text[50_000:]}"})
    assert "NEW" in new["text"] and "NEW" not in old["text"] and len(new["text"]) < 200
    many = {f"field {number}": "x" * 300 for number in range(1000)}
    _, kept = values.differences({}, many)
    assert len(json.dumps(kept)) < 2 * values.WHOLE and kept["…"].endswith(" more")
    _, shown = values.differences({}, {"list": range(1000), "nul": "a\0b", "half": "\ud800", "nan": float("nan")})
    assert json.dumps(shown).isascii() and "\0" not in shown["nul"] and shown["nan"] == "nan"
    shown["half"].encode()
    assert shown["list"][-1] == f"… and {1000 - values.ITEMS} more"


def test_organizers_read_their_competitions_history_and_administrators_all(
    competition: Competition,
    make_competition: Callable[..., Competition],
    olivia: User,
    pat: User,
    ada: User,
    client_of: Client,
) -> None:
    other = make_competition()
    Competition.objects.filter(pk=other.pk).update(created_by=ada, published=False)
    other.participants.all().delete()
    participation.set_published(competition=competition, by=olivia, published=False)
    participation.set_published(competition=competition, by=olivia, published=True)
    with coming(Origin(Via.SESSION, address="192.0.2.9")):
        participation.set_published(competition=other, by=ada, published=False)
    mine = client_of(olivia).get(address(competition)).json()
    assert {entry["competition"] for entry in mine["results"]} == {competition.pk}
    assert mine["results"][0]["what"] == "Competition published" and mine["results"][0]["who"] == "olivia"
    assert all("address" not in entry for entry in mine["results"]), "where from is for administrators"
    assert client_of(olivia).get(address(other)).status_code == 404
    assert client_of(pat).get(address(competition)).status_code == 403
    assert client_of(olivia).get("/api/audit/").status_code == 403
    assert client_of(olivia).get("/api/audit.csv").status_code == 403
    everything = client_of(ada).get("/api/audit/").json()
    assert everything["results"][0] | {"address": "192.0.2.9", "who": "ada"} == everything["results"][0]
    assert {competition.pk, other.pk} <= {entry["competition"] for entry in everything["results"]}


def test_entries_are_found_by_person_action_and_time_and_a_wrong_filter_is_named(
    competition: Competition, olivia: User, ada: User, client_of: Client
) -> None:
    participation.set_published(competition=competition, by=olivia, published=False)
    participation.set_published(competition=competition, by=ada, published=True)
    AuditEntry.objects.filter(actor=ada).update(when=timezone.now() - timedelta(days=10))
    client, url = client_of(olivia), address(competition)

    def found(**query: str) -> list[str]:
        answer = client.get(url, query)
        assert answer.status_code == 200, answer.content
        return [f"{entry['who']} {entry['action']}" for entry in answer.json()["results"]]

    assert found(user="ADA") == ["ada competition.published"]
    assert found(user="nobody-of-this-name") == []
    assert found(action="competition.unpublished") == ["olivia competition.unpublished"]
    week = (timezone.now() - timedelta(days=7)).isoformat()
    assert found(until=week) == ["ada competition.published"]
    assert "ada competition.published" not in found(since=week) and found(since=week)
    for name, value in (("action", "competition.eaten"), ("since", "yesterday"), ("until", "13")):
        answer = client.get(url, {name: value})
        assert answer.status_code == 400 and name in answer.json()


@pytest.mark.django_db(transaction=True)
def test_the_history_is_a_table_in_which_nothing_is_a_formula(
    competition: Competition, olivia: User, ada: User, client_of: Client
) -> None:
    Competition.objects.filter(pk=competition.pk).update(title="=1+1")
    competition.refresh_from_db()
    participation.set_published(competition=competition, by=olivia, published=False)
    chosen = {"action": "competition.unpublished"}
    answer = client_of(olivia).get(address(competition, table=True), chosen)
    assert answer["Content-Type"].startswith("text/csv") and "history.csv" in answer["Content-Disposition"]
    (line,) = csv_rows(content(answer))
    assert (line["Who"], line["Action"], line["Title"]) == ("olivia", "competition.unpublished", "'=1+1")
    assert json.loads(line["After"]) == {"published": False} and "Address" not in line
    (same,) = csv_rows(content(client_of(ada).get("/api/audit.csv", chosen)))
    assert {name: value for name, value in same.items() if name != "Address"} == line and "Address" in same


def test_a_page_of_the_history_costs_the_same_with_few_and_with_many_entries(
    competition: Competition, olivia: User, ada: User, client_of: Client
) -> None:
    def cost(user: User, url: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client_of(user).get(url, {"page_size": 100}).status_code == 200
        return len(queries)

    participation.set_published(competition=competition, by=olivia, published=False)
    before = cost(olivia, address(competition)), cost(ada, "/api/audit/")
    for number in range(40):
        person = UserFactory(username=f"organizer-{number}", is_superuser=True)
        participation.set_published(competition=competition, by=person, published=bool(number % 2))
    assert (cost(olivia, address(competition)), cost(ada, "/api/audit/")) == before


def test_entries_stay_with_names_when_what_they_are_about_is_gone(
    competition: Competition, olivia: User, ada: User, client_of: Client
) -> None:
    title, pk = competition.title, competition.pk
    deleting.delete_competition(competition=competition, by=olivia)
    deleting.restore_competition(pk=pk, by=olivia)
    deleting.delete_competition(competition=Competition.objects.get(pk=pk), by=olivia)
    Competition.everything.filter(pk=pk).update(deleted_when=timezone.now() - deleting.KEPT - timedelta(hours=1))
    assert deleting.purge_due() == 1
    told = client_of(ada).get("/api/audit/").json()["results"]
    actions = [
        (entry["action"], entry["who"], entry["competition_title"]) for entry in told if entry["competition"] == pk
    ]
    assert actions[:4] == [
        ("competition.purged", "", title),
        ("competition.deleted", "olivia", title),
        ("competition.restored", "olivia", title),
        ("competition.deleted", "olivia", title),
    ]


def test_no_method_but_get_is_answered_and_the_administration_does_not_know_entries(
    competition: Competition, ada: User, client_of: Client
) -> None:
    participation.set_published(competition=competition, by=ada, published=False)
    client = client_of(ada)
    for url in (address(competition), address(competition, table=True), "/api/audit/", "/api/audit.csv"):
        for method in ("post", "put", "patch", "delete"):
            assert getattr(client, method)(url).status_code == 405, (method, url)
    browser = Browser()
    browser.force_login(ada, backend=BACKEND)
    assert browser.get("/admin/audit/auditentry/").status_code == 404
    for url in ("/audit/", f"/competitions/{competition.pk}/history/"):
        assert browser.post(url).status_code == 405


def test_entries_are_kept_for_good_unless_the_operator_sets_a_term_which_is_told(
    competition: Competition, olivia: User, settings: Any
) -> None:
    participation.set_published(competition=competition, by=olivia, published=False)
    AuditEntry.objects.update(when=timezone.now() - timedelta(days=400))
    participation.set_published(competition=competition, by=olivia, published=True)
    assert audit.forget_old() == 0
    settings.CONFIG = settings.CONFIG.model_copy(update={"audit_days": 365})
    old = AuditEntry.objects.count() - 1
    assert audit.forget_old() == old > 0
    removed, kept = AuditEntry.objects.all()
    assert kept.action == Action.COMPETITION_PUBLISHED
    assert (removed.action, removed.who, removed.after["entries"]) == (Action.HISTORY_REMOVED, "", old)
    assert audit.forget_old() == 0 and AuditEntry.objects.count() == 2


def test_refused_changes_leave_no_entry(competition: Competition, pat: User) -> None:
    count = AuditEntry.objects.count()
    with pytest.raises(Refused):
        participation.set_published(competition=competition, by=pat, published=False)
    assert AuditEntry.objects.count() == count


def test_who_deletes_their_account_is_a_deleted_user_in_the_history(
    competition: Competition, olivia: User, sam: User, client_of: Client
) -> None:
    asked = Participant.objects.create(competition=competition, user=sam, status="pending")
    participation.set_participant_status(participant=asked, by=olivia, status="denied")
    competition.collaborators.add(sam)
    with coming(Origin(Via.TOKEN, "a script of sam's", "192.0.2.44")):
        participation.set_published(competition=competition, by=sam, published=False)
        delete_account(user=sam)
    assert not AuditEntry.objects.filter(Q(address__isnull=False) | ~Q(token_name="")).exists()
    told = client_of(olivia).get(address(competition)).content.decode()
    assert '"sam"' not in told and told.count(f"deleted_user_{sam.pk}") == 2


def left_by(action: Action) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    rows = AuditEntry.objects.filter(action=action).order_by("pk")
    return [(entry.who, entry.object_name, entry.before, entry.after) for entry in rows.select_related("actor")]


def test_people_of_a_queue_and_its_competitions_are_told(
    competition: Competition, olivia: User, sam: User, pat: User, client_of: Client
) -> None:
    lab = lifecycle.create_queue(user=olivia, name="lab", organizers=[sam])
    choose_queue(competition=competition, queue=lab, by=olivia)
    lifecycle.update_queue(queue=lab, by=olivia, organizers=[pat])
    assert left_by(Action.QUEUE_ORGANIZER_ADDED) == [
        ("olivia", "sam", {}, {"queue": "lab"}),
        ("olivia", "pat", {}, {"queue": "lab"}),
    ]
    assert left_by(Action.QUEUE_ORGANIZER_REMOVED) == [("olivia", "sam", {}, {"queue": "lab"})]
    worker = lab.workers.create(name="machine")
    workers.drain(worker=worker, by=olivia)
    workers.drain(worker=worker, by=olivia)
    workers.undrain(worker=worker, by=olivia)
    assert len(left_by(Action.WORKER_DRAINED)) == len(left_by(Action.WORKER_UNDRAINED)) == 1
    lifecycle.delete_queue(queue=lab, by=olivia)
    told = client_of(olivia).get(address(competition)).json()["results"][0]
    assert (told["action"], told["before"]) == ("competition.queue", {"queue": "lab"})


def test_who_hands_on_what_is_told(olivia: User, sam: User, pat: User) -> None:
    lab = organizations.create(by=olivia, facts={"name": "Lab", "email": "lab@example.org"})
    member = lab.memberships.create(user=sam, group="MEMBER")
    organizations.hand_on(organization=lab, by=olivia, membership=member.pk)
    assert left_by(Action.ORGANIZATION_HANDED_ON) == [("olivia", "sam", {}, {"organization": "Lab", "group": "OWNER"})]
    lifecycle.create_queue(user=olivia, name="machines", organizers=[pat])
    delete_account(user=olivia)
    (handed,) = left_by(Action.QUEUE_HANDED_ON)
    assert handed[:2] == (f"deleted_user_{olivia.pk}", "pat")
    assert left_by(Action.USER_DELETED) == [(f"deleted_user_{olivia.pk}", f"deleted_user_{olivia.pk}", {}, {})]


def test_a_shared_task_is_told_by_person_and_a_changed_one_in_each_competition_that_has_it(
    competition: Competition, make_competition: Callable[..., Competition], olivia: User, sam: User
) -> None:
    task = competition.phases.get().phase_tasks.get().task
    other = make_competition()
    other.phases.get().phase_tasks.update(task=task)
    name = task.name
    resources.update_task(task=task, by=olivia, facts={"shared_with": [sam]}, changes={})
    resources.update_task(task=task, by=olivia, facts={"shared_with": [], "name": "Other"}, changes={})
    assert left_by(Action.TASK_SHARED) == [("olivia", "sam", {}, {"task": name})]
    assert len(left_by(Action.TASK_UNSHARED)) == 1
    told = AuditEntry.objects.filter(action=Action.TASK_EDITED).values_list("competition", "after")
    assert sorted(told) == sorted([(competition.pk, {"name": "Other"}), (other.pk, {"name": "Other"})])


def test_bans_are_told(sam: User, ada: User) -> None:
    for banned in (True, True, False):
        people.set_banned(user=sam, by=ada, banned=banned)
    assert [entry[:2] for entry in left_by(Action.USER_BANNED)] == [("ada", "sam")]
    assert [entry[:2] for entry in left_by(Action.USER_UNBANNED)] == [("ada", "sam")]


def test_the_first_administrator_is_made_on_the_command_line_without_a_password_in_the_history(db: None) -> None:
    with coming(Origin(Via.COMMAND)):
        people.ensure_administrator(username="root", password="correct horse", email="root@example.org")
    (entry,) = AuditEntry.objects.all()
    assert (entry.action, entry.who, entry.via, entry.object_name) == (Action.USER_CREATED, "", Via.COMMAND, "root")
    assert "horse" not in json.dumps([entry.before, entry.after])


def test_what_people_do_with_their_own_submissions_is_not_listed(competition: Competition, pat: User) -> None:
    before = AuditEntry.objects.count()
    cancel(submission=submit(pat, competition), by=pat)
    deletion.delete(submission=Submission.objects.get(), by=pat)
    assert AuditEntry.objects.count() == before


def test_the_administration_records_before_and_after_and_no_password(
    competition: Competition, sam: User, ada: User
) -> None:
    browser = Browser()
    browser.force_login(ada, backend=BACKEND)
    browser.post(f"/admin/competitions/competition/{competition.pk}/change/", {"title": "Other", "is_featured": "on"})
    (entry,) = AuditEntry.objects.filter(action=Action.ADMINISTRATION_CHANGED)
    assert (entry.who, entry.kind, entry.competition) == ("ada", Kind.COMPETITION, competition.pk)
    assert entry.before == {"title": competition.title, "published": True, "is_featured": False}
    assert entry.after == {"title": "Other", "published": False, "is_featured": True}
    secret = "a longer secret 4711"
    asked = browser.post(f"/admin/accounts/user/{sam.pk}/password/", {"password1": secret, "password2": secret})
    assert asked.status_code == 302
    assert newest().after == {"password": "changed"} and newest().about == sam
    assert secret not in json.dumps(list(AuditEntry.objects.values("before", "after")))
    news = {"title": "News", "text": "Text", "created_when_0": "2026-01-01", "created_when_1": "12:00:00"}
    assert browser.post("/admin/pages/newspost/add/", news).status_code == 302
    assert newest().action == Action.ADMINISTRATION_ADDED and newest().object_name == "news post"
    people_ = Participant.objects.filter(competition=competition)
    chosen = {"action": "delete_selected", "_selected_action": [str(row.pk) for row in people_], "post": "yes"}
    count = people_.count()
    assert browser.post("/admin/competitions/participant/", chosen).status_code == 302
    gone = AuditEntry.objects.filter(action=Action.ADMINISTRATION_DELETED)
    assert {(entry.kind, entry.competition) for entry in gone} == {(Kind.PARTICIPANT, competition.pk)}
    assert gone.count() == count > 0 and not people_.all().exists()


def test_every_page_of_the_administration_records() -> None:
    assert all(isinstance(page, Recorded) for page in admin.site._registry.values())
    assert len(admin.site._registry) > 10


def test_a_token_of_the_administration_is_named_by_nothing_that_opens_anything(sam: User, ada: User) -> None:
    token = Token.objects.create(user=sam)
    browser = Browser()
    browser.force_login(ada, backend=BACKEND)
    browser.post(f"/admin/authtoken/tokenproxy/{sam.pk}/delete/", {"post": "yes"})
    assert newest().action == Action.ADMINISTRATION_DELETED and not Token.objects.exists()
    assert token.key not in json.dumps(list(AuditEntry.objects.values("object_name", "before", "after")))


@pytest.mark.django_db(transaction=True)
def test_what_is_done_in_another_thread_is_told_with_the_way_of_its_request(
    olivia: User, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"x" * 100
    session = uploads.begin(user=olivia, type="input_data", file_name="a.zip", size=len(content))
    part = parts().receive(str(session.dataset.key), 1)
    part.write(content)
    part.commit(size=len(content), sha256=sha256(content).hexdigest())
    monkeypatch.setattr(uploads, "AT_ONCE", 10)
    with coming(Origin(Via.TOKEN, "uploader")):
        assert uploads.complete_soon(dataset=session.dataset) is not None
    assert (newest().action, newest().via, newest().token_name) == (Action.DATASET_ADDED, Via.TOKEN, "uploader")


def test_commands_of_the_server_are_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Origin] = []
    monkeypatch.setattr("django.core.management.execute_from_command_line", lambda argv: seen.append(here()))
    monkeypatch.setattr("podium.site.start._settings", lambda data: None)
    start.manage(["migrate"])
    assert seen == [Origin(Via.COMMAND)] and here() == Origin()

"""What a hostile reader tried on accounts, tokens and queues: each finding of docs/developers/hostile-reading.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.cache import caches
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django_tasks_db.models import DBTaskResult
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from podium.site.accounts.models import ApiToken, Membership, User
from podium.site.accounts.services import deletion, organizations, people
from podium.site.accounts.services.people import set_banned
from podium.site.audit.administration import OF_ADMINISTRATORS
from podium.site.competitions.models import Competition
from podium.site.competitions.services.participation import set_participant_status
from podium.site.evaluation.models import Submission
from podium.site.evaluation.streaming import open_streams
from podium.site.queues.models import BrokerAccess, Queue
from podium.site.queues.services import create_token, token_of
from podium.site.queues.services.lifecycle import create_queue, update_queue
from podium.site.resources.models import Task
from podium.site.webhooks import outbox
from podium.site.webhooks.models import Webhook, WebhookDelivery
from tests.factories import RESULT, ParticipantFactory, UserFactory, dataset, show_password
from tests.site.access_worlds import with_broker
from tests.site.acting import WorkerDouble, background, submit
from tests.site.test_hostile_reading import by_token, evaluated
from tests.web.conftest import BACKEND

Client = Callable[[User | None], APIClient]


def test_a_session_alone_changes_nothing_that_lets_one_in(pat: User, client_of: Client) -> None:
    client = client_of(pat)
    calls: list[Callable[[], Any]] = [
        lambda: client.post("/api/tokens/", {"name": "x", "scope": "admin"}),
        lambda: client.patch(f"/api/users/{pat.pk}/", {"email": "new@example.org"}),
        lambda: client.put(f"/api/users/{pat.pk}/", {"email": "new@example.org"}),
    ]
    for call in calls:
        refused = call()
        assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_required")
    assert not ApiToken.objects.exists() and not EmailAddress.objects.filter(email="new@example.org").exists()
    assert client.patch(f"/api/users/{pat.pk}/", {"email": pat.email, "title": "Dr"}).status_code == 200
    show_password(client)
    assert [call().status_code for call in calls] == [201, 200, 200]
    assert by_token(pat, "admin").post("/api/tokens/", {"name": "y", "scope": "read"}).status_code == 201


def test_nobody_has_strangers_flooded_with_mails(pat: User, olivia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.CONFIG, "email_url", "smtp://127.0.0.1:9")
    client = by_token(pat, "admin")
    path = f"/api/users/{pat.pk}/"
    statuses = [client.patch(path, {"email": f"victim{n}@example.net"}).status_code for n in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    for n in range(6):
        person = UserFactory(username=f"p{n}")
        done = by_token(person, "admin").patch(f"/api/users/{person.pk}/", {"email": "one@example.net"})
        assert done.status_code == (200 if n < 5 else 429)
    lab = organizations.create(by=olivia, facts={"name": "Lab", "email": "lab@example.org"})
    for _ in range(8):
        organizations.invite(organization=lab, by=olivia, users=[pat.pk])
        organizations.remove(organization=lab, by=olivia, membership=Membership.objects.get(user=pat).pk)
    background()
    assert len([one for one in mail.outbox if one.to == [pat.email]]) == organizations.INVITES_MAILED


def test_a_token_that_may_submit_leaves_what_others_have_submitted_alone(
    make_competition: Callable[..., Competition], pat: User, olivia: User, queue: Queue
) -> None:
    competition = make_competition(board={"hidden": False}, rule="Add")
    done = evaluated(pat, competition, queue)
    waiting = submit(pat, competition)
    narrow, wide = by_token(olivia, "submit"), by_token(olivia, "organize")
    calls: list[Callable[[APIClient], Any]] = [
        lambda client: client.get(f"/api/submissions/{waiting.pk}/cancel_submission/"),
        lambda client: client.post(f"/api/submissions/{waiting.pk}/cancel_submission/"),
        lambda client: client.get(f"/api/submissions/{done.pk}/toggle_public/"),
        lambda client: client.post(f"/api/submissions/{done.pk}/toggle_public/"),
        lambda client: client.patch(f"/api/submissions/{done.pk}/update_fact_sheet/", {}),
        lambda client: client.post(f"/api/submissions/{done.pk}/submission_leaderboard_connection/"),
        lambda client: client.delete("/api/submissions/delete_many/", [done.pk]),
        lambda client: client.delete(f"/api/submissions/{done.pk}/"),
    ]
    for call in calls:
        refused = call(narrow)
        assert (refused.status_code, refused.json()["code"]) == (403, "token_scope")
    assert Submission.objects.count() == 2
    for call in calls[:-1]:
        assert call(wide).status_code != 403
    own = by_token(pat, "submit")
    again = submit(pat, competition)
    assert own.post(f"/api/submissions/{again.pk}/cancel_submission/").json() == {"canceled": True}
    assert own.delete(f"/api/submissions/{again.pk}/").status_code == 204


@pytest.fixture
def lab(olivia: User, sam: User) -> Queue:
    made = create_queue(user=olivia, name="lab", organizers=[sam])
    BrokerAccess.objects.create(queue=made, vhost=str(made.vhost), state="ready")
    return made


def generation(lab: Queue) -> int:
    return BrokerAccess.objects.get(queue=lab).generation


def test_who_operates_a_queue_no_more_gets_no_jobs_of_it(lab: Queue, olivia: User, sam: User) -> None:
    theirs, kept = (create_token(queue=lab, by=person, name="w")[1] for person in (sam, olivia))
    assert token_of(theirs)
    update_queue(queue=lab, by=olivia, organizers=[sam])
    assert token_of(theirs) and generation(lab) == 1
    update_queue(queue=lab, by=olivia, organizers=[])
    assert token_of(theirs) is None and token_of(kept)
    assert generation(lab) == 2, "the password that they were shown opens nothing any more"


def test_a_banned_organizer_of_a_queue_gets_no_jobs_of_it(lab: Queue, olivia: User, sam: User, ada: User) -> None:
    theirs, kept = (create_token(queue=lab, by=person, name="w")[1] for person in (sam, olivia))
    set_banned(user=sam, by=ada, banned=True)
    assert token_of(theirs) is None and token_of(kept)
    assert generation(lab) == 2
    set_banned(user=sam, by=ada, banned=False)
    assert token_of(theirs)


def test_banned_people_are_not_named_by_their_numbers(
    competition: Competition, pat: User, olivia: User, lab: Queue, client_of: Client
) -> None:
    User.objects.filter(pk=pat.pk).update(is_banned=True)
    task = Task.objects.get(phase_tasks__phase__competition=competition)
    client = client_of(olivia)
    for path, field in (
        (f"/api/tasks/{task.pk}/", "shared_with"),
        (f"/api/queues/{lab.pk}/", "organizers"),
        (f"/api/competitions/{competition.pk}/", "collaborators"),
    ):
        there, missing = (client.patch(path, {field: [pk]}) for pk in (pat.pk, 987654))
        assert (there.status_code, missing.status_code) == (400, 400), path
        assert there.content.decode().replace(str(pat.pk), "N") == missing.content.decode().replace("987654", "N")
    for path, body in (
        (f"/resources/tasks/{task.pk}/share/", {"people": "pat"}),
        (f"/queues/{lab.pk}/edit/", {"name": "lab", "organizers": "pat"}),
        (f"/competitions/{competition.pk}/edit/administrators/", {"username": "pat"}),
    ):
        said = [client.post(path, {**body, **{k: name for k, v in body.items() if v == "pat"}}, format="multipart")
                for name in ("pat", "bat")]  # fmt: skip
        assert [answer.status_code for answer in said] == [400, 400], path
    assert not task.shared_with.exists() and not competition.collaborators.exists()


def test_a_bot_that_was_denied_or_does_not_see_a_competition_has_no_part_in_it(
    make_competition: Callable[..., Competition], pat: User, olivia: User, queue: Queue, client_of: Client
) -> None:
    bot = UserFactory(username="bot", is_bot=True)
    hidden = make_competition(published=False, allow_robot_submissions=True, board={"hidden": True})
    shown = make_competition(allow_robot_submissions=True, board={"hidden": True})
    for competition in (hidden, shown):
        evaluated(pat, competition, queue)
    client = client_of(bot)

    def seen() -> list[int]:
        return [one["phase"] for one in client.get("/api/submissions/").json()]

    assert seen() == [shown.phases.get().pk]
    taking = ParticipantFactory(competition=shown, user=bot)
    set_participant_status(participant=taking, by=olivia, status="denied")
    assert seen() == []
    for submission in Submission.objects.all():
        assert client.delete(f"/api/submissions/{submission.pk}/").status_code == 404
        assert client.post(f"/api/submissions/{submission.pk}/re_run_submission/").status_code == 404
    ParticipantFactory(competition=hidden, user=bot)
    assert seen() == [hidden.phases.get().pk]
    WorkerDouble(queue).work_off(accuracy=1)


def test_strangers_behind_a_proxy_do_not_share_their_live_streams(
    competition: Competition, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.CONFIG, "trusted_proxy", True)
    monkeypatch.setattr(settings.CONFIG, "max_streams_per_person", 1)
    path = f"/api/competitions/{competition.pk}/events/"
    before, held = open_streams.total, []
    for address, status in (("192.0.2.1", 200), ("192.0.2.2", 200), ("192.0.2.1", 429)):
        answer = client_of(None).get(path, HTTP_X_FORWARDED_FOR=f"10.0.0.1, {address}")
        assert answer.status_code == status, address
        held.append(answer)
    held.clear()
    assert before == 0


def test_what_a_dataset_of_ones_own_belongs_to_is_told_while_one_sees_it(
    competition: Competition, sam: User, client_of: Client
) -> None:
    mine = dataset(sam, type="solution", competition=competition)
    task = Task.objects.create(name="t", created_by=sam)
    task.versions.create(number=1, scoring_program=dataset(sam, type="scoring_program"))
    task.solutions.create(name="s", data=mine)
    path = f"/api/tasks/{task.pk}/"
    assert competition.title in client_of(sam).get(path).content.decode()
    Competition.objects.filter(pk=competition.pk).update(published=False, title="Not for you")
    assert "Not for you" not in client_of(sam).get(path).content.decode()


def test_nobody_is_made_a_participant_by_being_an_administrator_for_a_while(
    make_competition: Callable[..., Competition], olivia: User, sam: User, pat: User, client_of: Client
) -> None:
    competition = make_competition(published=False)
    client = client_of(olivia)
    path, page = f"/api/competitions/{competition.pk}/", f"/competitions/{competition.pk}/edit/administrators/"
    assert client.patch(path, {"collaborators": [sam.pk, pat.pk]}).status_code == 200
    assert client_of(sam).get(path).status_code == 200
    assert client.post(f"{path}email_all_participants/", {"message": "Buy this"}).status_code == 200
    unasked = competition.participants.get(user=sam)
    assert client.post(f"/api/participants/{unasked.pk}/send_email/", {"message": "Buy this"}).status_code == 400
    background()
    assert sorted(one.to[0] for one in mail.outbox) == sorted(str(one.email) for one in (olivia, pat))
    for person in (sam, pat):
        gone = client.post(page, {"remove": str(person.pk), "seen": ""}, format="multipart", follow=True)
        assert "still takes part" in gone.content.decode()
    assert not competition.collaborators.exists()
    assert [client_of(one).get(path).status_code for one in (sam, pat)] == [404, 200], "pat had asked to take part"


def test_the_first_mails_of_an_address_are_not_in_the_way(pat: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.CONFIG, "email_url", "smtp://127.0.0.1:9")
    assert people.change_email(user=pat, by=pat, email="next@example.org") is False
    assert EmailAddress.objects.get(user=pat, email="next@example.org").verified is False


@pytest.mark.django_db
def test_a_stranger_with_many_addresses_is_one_stranger(client_of: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    caches["counts"].clear()
    monkeypatch.setattr(settings, "RATE_LIMITS", {"person": 0, "address": 2, "create": 0})
    monkeypatch.setattr("podium.site.throttling.time.time", lambda: 1_800_000_030.0)
    asked = [f"2001:db8:1:2::{n}" for n in range(1, 4)] + ["2001:db8:1:3::1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"]
    path = "/api/competitions/public/"
    statuses = [client_of(None).get(path, REMOTE_ADDR=address).status_code for address in asked]
    assert statuses == [200, 200, 429, 200, 200, 200]


def test_the_page_of_invitations_takes_a_banned_person_for_nobody(pat: User, sam: User, client_of: Client) -> None:
    group = organizations.create(by=sam, facts={"name": "Lab", "email": "lab@example.org"})
    User.objects.filter(pk=pat.pk).update(is_banned=True)
    page = client_of(sam).post(f"/profiles/organization/{group.pk}/invite/", {"users": "pat"}, format="multipart")
    assert page.status_code == 400
    assert "Nobody here is called pat." in page.content.decode()
    assert f"Invalid pk &quot;{pat.pk}&quot;" not in page.content.decode()


def test_nobody_keeps_another_from_leaving_by_taking_the_name_that_they_leave_under(pat: User, sam: User) -> None:
    name = f"deleted_user_{pat.pk}"
    people.update_profile(user=sam, by=sam, facts={"username": name.upper()})
    deletion.delete_account(user=pat)
    pat.refresh_from_db()
    assert (pat.is_deleted, pat.username) == (True, f"{name}-2")


def test_a_token_that_is_too_narrow_for_a_queues_tokens_is_not_told_its_password(
    competition: Competition, lab: Queue, olivia: User, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_broker(settings.CONFIG, monkeypatch)
    competition.queue = lab
    competition.save()

    def told(client: APIClient) -> list[bool]:
        answers = [client.get(path).json() for path in (f"/api/queues/{lab.pk}/", "/api/queues/")]
        queues = [
            answers[0],
            *answers[1]["results"],
            client.get(f"/api/competitions/{competition.pk}/").json()["queue"],
        ]
        return [each["broker_url"] is not None for each in queues]

    assert told(client_of(olivia)) == [True] * 3
    for scope in ("organize", "admin"):
        assert told(by_token(olivia, scope)) == [True] * 3
    for scope in ("read", "submit"):
        assert told(by_token(olivia, scope)) == [False] * 3


def test_webhooks_of_a_banned_person_are_told_nothing_more(
    competition: Competition, olivia: User, sam: User, ada: User, pat: User
) -> None:
    for person in (olivia, sam):
        facts = {"url": f"https://{person.username}.example", "events": ["competition.published"]}
        Webhook.objects.create(competition=competition, created_by=person, **facts)
    set_banned(user=sam, by=ada, banned=True)
    outbox.published_changed(competition)
    assert [one.webhook.created_by for one in WebhookDelivery.objects.all()] == [olivia]


def test_who_may_change_accounts_in_the_administration_gains_no_right_by_it(ada: User, pat: User) -> None:
    mod = UserFactory(username="mod", is_staff=True)
    mod.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts", codename__endswith="_user"))
    browser = Browser()
    browser.force_login(mod, backend=BACKEND)

    def change(user: User, **facts: str) -> int:
        given = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00", "is_active": "on", "quota": "1", **facts}
        given |= {"username": user.username, "queue_limit": "5"}
        return browser.post(f"/admin/accounts/user/{user.pk}/change/", given).status_code

    rights = {
        "is_staff": "on",
        "is_superuser": "on",
        "is_bot": "on",
        "user_permissions": str(Permission.objects.all()[0].pk),
    }
    for user in (mod, pat):
        before = (user.is_staff, user.is_superuser, user.is_bot, {*user.user_permissions.all()})
        assert change(user, display_name="Changed", **rights) == 302
        user.refresh_from_db()
        assert user.display_name == "Changed"
        assert (user.is_staff, user.is_superuser, user.is_bot, {*user.user_permissions.all()}) == before
    assert change(ada, display_name="Changed") == 403
    new = {"usable_password": "true", "password1": "Kn0wn-to-mod", "password2": "Kn0wn-to-mod"}
    assert browser.post(f"/admin/accounts/user/{ada.pk}/password/", new).status_code == 403
    assert browser.post(f"/admin/accounts/user/{ada.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": str(ada.pk), "post": "yes"}
    browser.post("/admin/accounts/user/", chosen)
    ada.refresh_from_db()
    assert (ada.display_name, ada.check_password(new["password1"])) == ("", False)


def test_what_opens_accounts_is_in_the_administration_for_administrators_alone(
    ada: User, pat: User, competition: Competition
) -> None:
    """Somebody who may look at everything reads no token, no session and no link in a mail; see `OF_ADMINISTRATORS`."""
    mod = UserFactory(username="mod", is_staff=True)
    mod.user_permissions.set(Permission.objects.all())
    token = Token.objects.create(user=ada)
    submission = submit(pat, competition, RESULT)
    pages = {
        model._meta.label: f"/admin/{model._meta.label_lower.replace('.', '/')}/" for model in admin.site._registry
    }
    for person, is_administrator in ((mod, False), (ada, True)):
        browser = Browser()
        browser.force_login(person, backend=BACKEND)
        shown = {label for label, page in pages.items() if browser.get(page).status_code == 200}
        assert set(pages) - shown == (set() if is_administrator else OF_ADMINISTRATORS)
        index = browser.get("/admin/").content.decode()
        assert ("/admin/authtoken/tokenproxy/" in index) is is_administrator
        assert (token.key in browser.get("/admin/authtoken/tokenproxy/").content.decode()) is is_administrator
        page = browser.get(f"/admin/evaluation/submission/{submission.pk}/change/")
        assert page.status_code == 200 and str(submission.secret) not in page.content.decode()
    browser.force_login(mod, backend=BACKEND)
    for page in (pages[label] for label in sorted(OF_ADMINISTRATORS)):
        assert browser.get(f"{page}add/").status_code == 403


def test_a_sign_up_is_as_slow_for_an_address_that_has_an_account(pat: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password takes a fifth of a second, which told what the page does not."""
    monkeypatch.setattr(settings, "ACCOUNT_EMAIL_VERIFICATION", "mandatory")
    hashed: list[str] = []
    monkeypatch.setattr(User, "set_password", lambda self, raw: hashed.append(raw))
    for name, email in (("new", "new@example.org"), ("other", pat.email)):
        given = {"username": name, "email": email, "password1": "a-Long-0ne-%", "password2": "a-Long-0ne-%"}
        answer = Browser().post("/accounts/signup/", given)
        assert answer.status_code == 302 and answer["Location"] == "/accounts/confirm-email/"
    assert len(hashed) == 2
    assert User.objects.filter(username="new").exists() and not User.objects.filter(username="other").exists()


def test_asking_for_a_new_password_costs_the_same_for_an_address_that_nobody_has(pat: User) -> None:
    asked = []
    for email in (pat.email, "nobody@example.org", pat.email, "nobody@example.org"):
        with CaptureQueriesContext(connection) as queries:
            assert Browser().post("/accounts/password/reset/", {"email": email}).status_code == 302
        asked.append([re.sub(r"'[^']*'|[0-9a-f]{32}|_x\d+", "", one["sql"]) for one in queries.captured_queries])
    assert asked[2] == asked[3]
    waiting = DBTaskResult.objects.filter(status="READY")
    assert {task.args_kwargs["args"][0] for task in waiting} == {pat.email, "nobody@example.org"}
    assert not any("key" in str(task.args_kwargs) for task in waiting)

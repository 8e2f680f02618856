"""People: what they change of themselves, how they are found, banned and deleted."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from podium.site.accounts import mails
from podium.site.accounts.models import Group, Organization, User
from podium.site.accounts.services import deletion, organizations, people, tokens
from podium.site.competitions.models import Competition
from podium.site.errors import Refused
from podium.site.evaluation.models import Submission
from podium.site.leaderboards.models import Entry
from podium.site.queues.models import Queue
from podium.site.queues.services import create_token, ensure_default_queue, token_of
from podium.site.queues.services.lifecycle import create_queue
from podium.site.resources.models import StoredFile
from tests.factories import PASSWORD, UserFactory, show_password
from tests.site.acting import WorkerDouble, background, phase_of, scores, submit

Client = Callable[[User | None], APIClient]


def picture(name: str = "me.png") -> str:
    """A small picture, as the API takes it."""
    from io import BytesIO  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    stream = BytesIO()
    Image.new("RGB", (4, 4), "teal").save(stream, "PNG")
    return json.dumps(
        {"file_name": name, "data": "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()}
    )


def test_people_change_their_own_profile(pat: User, sam: User, ada: User, files: Path, client_of: Client) -> None:
    mine, url = client_of(pat), f"/api/users/{pat.pk}/"
    show_password(mine)
    facts = {"username": "patricia", "display_name": "Pat P.", "biography": "Adds numbers.", "photo": picture()}
    answer = mine.patch(url, {**facts, "github_url": "https://github.com/pat", "allow_forum_notifications": False})
    assert (answer.status_code, answer.json()) == (200, "/profiles/user/patricia/")
    pat.refresh_from_db()
    assert (pat.display_name, pat.biography, pat.allow_forum_notifications) == ("Pat P.", "Adds numbers.", False)
    first = pat.photo
    assert first is not None and first.key.startswith("profile_photos/") and (files / first.key).exists()
    assert mine.put(url, {"photo": picture("new.png")}).status_code == 200
    assert not StoredFile.objects.filter(pk=first.pk).exists()
    assert mine.patch(url, {"photo": ""}).status_code == 200
    assert not StoredFile.objects.exists()

    bad: list[tuple[dict[str, Any], str]] = [
        ({"username": "SAM"}, "username"),
        ({"username": "no spaces"}, "username"),
        ({"username": "x"}, "username"),
        ({"username": "/profiles"}, "username"),
        ({"email": "sam@example.org"}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"personal_url": "javascript:alert(1)"}, "personal_url"),
        ({"photo": json.dumps({"file_name": "a.png", "data": base64.b64encode(b"<svg/>").decode()})}, "photo"),
        ({"photo": "{"}, "photo"),
        ({"biography": "x" * 5000}, "biography"),
    ]
    for given, field in bad:
        refused = mine.patch(url, given)
        assert (refused.status_code, field in refused.json()) == (400, True), given
    # What is nobody's to change is not changed.
    assert mine.patch(url, {"is_superuser": True, "quota": 1, "is_bot": True, "is_banned": True}).status_code == 200
    pat.refresh_from_db()
    assert (pat.is_superuser, pat.is_bot, pat.username) == (False, False, "patricia")
    assert client_of(sam).patch(url, {"title": "x"}).status_code == 403
    assert client_of(None).patch(url, {"title": "x"}).status_code == 403
    assert mine.get(url).status_code == 405
    administrator = client_of(ada)
    show_password(administrator)
    assert administrator.patch(url, {"title": "Adder", "email": "new@example.org"}).status_code == 200
    pat.refresh_from_db()
    assert (pat.title, pat.email) == ("Adder", "new@example.org")
    assert client_of(ada).patch("/api/users/99999999/", {"title": "x"}).status_code == 404


def test_a_new_address_counts_once_it_is_confirmed(pat: User, client_of: Client, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"email_url": "smtp://mail.example.org"})
    with pytest.MonkeyPatch.context() as patch:
        sent: list[str] = []
        patch.setattr(EmailAddress, "send_confirmation", lambda self, *_, **__: sent.append(self.email))
        assert people.change_email(user=pat, by=pat, email="New@Example.org") is False
    pat.refresh_from_db()
    assert pat.email == "pat@example.org"
    address = EmailAddress.objects.get(user=pat, email="new@example.org")
    assert (address.verified, address.primary) == (False, False)
    assert client_of(pat).get("/api/my_profile/").json()["email"] == "pat@example.org"


def test_people_are_found_by_a_part_of_the_name_and_addresses_are_for_administrators(
    pat: User, ada: User, client_of: Client
) -> None:
    for number in range(7):
        UserFactory(username=f"zoe{number}")
    UserFactory(username="zoe-banned", is_banned=True)
    UserFactory(username="zoe-gone", is_deleted=True)
    UserFactory(username="zoe-off", is_active=False)
    mine = client_of(pat)

    def found(client: APIClient, text: str) -> list[dict[str, Any]]:
        return client.get("/api/user_lookup/", {"q": text}).json()["results"]  # type: ignore[no-any-return]

    assert [one["username"] for one in found(mine, "ZOE")] == [f"zoe{n}" for n in range(5)]
    assert set(found(mine, "zoe")[0]) == {"id", "name", "username"}
    assert "pat" not in [one["username"] for one in found(mine, "pat")]
    assert [one["username"] for one in found(mine, "zoe6@example.org")] == ["zoe6"]
    assert found(mine, "@example.org") == [] and found(mine, "zoe-") == []
    assert "@" not in json.dumps(found(mine, ""))
    assert found(client_of(ada), "zoe3@ex")[0]["name"] == "zoe3 (zoe3@example.org)"
    assert client_of(None).get("/api/user_lookup/").status_code == 403
    by_token = APIClient()
    by_token.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=pat).key}")
    assert len(found(by_token, "zoe")) == 5


def test_a_profile_shows_what_a_person_tells_and_nothing_else(pat: User, sam: User, client_of: Client) -> None:
    User.objects.filter(pk=pat.pk).update(biography="<b>Adds</b> numbers", personal_url="https://pat.example/")
    page = client_of(sam).get("/profiles/user/pat/").content.decode()
    assert "&lt;b&gt;Adds&lt;/b&gt; numbers" in page and "https://pat.example/" in page
    assert "pat@example.org" not in page and "/profiles/user/pat/edit/" not in page
    assert client_of(sam).get("/profiles/user/pat/edit/").status_code == 403
    assert client_of(sam).get("/profiles/user/pat/notifications/").status_code == 403
    User.objects.filter(pk=pat.pk).update(is_banned=True)
    assert client_of(sam).get("/profiles/user/pat/").status_code == 404


def link_in(text: str) -> str:
    found = re.search(r"https?://[^/\s]+(/\S+)", text)
    assert found
    return found[1]


def test_an_account_is_deleted_by_its_link_and_what_took_part_stays(
    competition: Competition, pat: User, sam: User, ada: User, client_of: Client
) -> None:
    submission = submit(pat, competition)
    worker = WorkerDouble(ensure_default_queue())
    worker.finish(worker.job(), scores(accuracy=0.5))
    own = organizations.create(by=pat, facts={"name": "Own", "email": "own@example.org"})
    shared = organizations.create(by=pat, facts={"name": "Shared", "email": "shared@example.org"})
    shared.memberships.create(user=sam, group=Group.MANAGER)
    lab, alone = create_queue(user=pat, name="lab", organizers=[sam]), create_queue(user=pat, name="alone")
    secrets = [create_token(queue=queue, by=pat, name="machine")[1] for queue in (lab, alone)]
    _, key = tokens.create_token(user=pat, name="script", scope="admin")
    Authenticator.objects.create(user=pat, type="totp", data={})
    client = client_of(pat)
    plain = Token.objects.create(user=pat).key
    wrong = client.delete("/api/delete_account/", {"username": "pat", "password": "wrong"})
    assert (wrong.status_code, wrong.json()) == (200, {"success": False, "error": "Wrong username or password"})
    other = client.delete("/api/delete_account/", {"username": "sam", "password": PASSWORD})
    assert other.json()["success"] is False
    assert client.delete("/api/delete_account/", {"username": "pat", "password": PASSWORD}).json()["success"] is True
    background()
    link = link_in(str(mail.outbox[0].body))
    assert mail.outbox[0].to == ["pat@example.org"]

    somebody = APIClient()
    assert somebody.get(link).status_code == 200
    assert User.objects.filter(username="pat").exists(), "looking deletes nothing"
    assert somebody.post(link).status_code == 200
    pat.refresh_from_db()
    assert (pat.username, pat.shown_name, pat.email) == (f"deleted_user_{pat.pk}", "Deleted user", None)
    assert pat.is_deleted and pat.deleted_at and not pat.is_active and not pat.has_usable_password()
    assert somebody.post(link).status_code == somebody.get(link).status_code == 404
    # What lets in is gone.
    assert client.get("/api/my_profile/").status_code == 403
    for secret in (key, plain):
        opened = APIClient().get("/api/my_profile/", HTTP_AUTHORIZATION=f"Token {secret}")
        assert opened.status_code == 403
    assert not Authenticator.objects.exists()
    assert [token_of(secret) for secret in secrets] == [None, None]
    assert Queue.objects.get(pk=lab.pk).owner == sam and Queue.objects.get(pk=alone.pk).deleted_when
    # Organizations go on without them.
    assert not Organization.objects.filter(pk=own.pk).exists()
    assert shared.memberships.get().group == Group.OWNER
    # What took part stays.
    assert Submission.objects.get(pk=submission.pk).owner == pat
    assert Entry.objects.get().name == "deleted user"
    board = client_of(None).get(f"/api/phases/{phase_of(competition).pk}/get_leaderboard/").json()
    assert [row["owner"] for row in board["submissions"]] == ["Deleted user"]
    background()
    assert [(one.to, one.subject[:6]) for one in mail.outbox[1:]] == [
        (["pat@example.org"], "Your a"),
        (["ada@example.org"], "Notice"),
    ]


def test_a_link_that_deletes_an_account_is_of_no_use_to_others_and_ends(pat: User, sam: User, ada: User) -> None:
    uid, token = deletion.link_of(pat)
    assert deletion.person_of_link(uid, token) == pat
    assert deletion.person_of_link(deletion.link_of(sam)[0], token) is None
    assert deletion.person_of_link("@@", token) is None
    pat.set_password("another long password")
    pat.save()
    assert deletion.person_of_link(uid, token) is None
    with pytest.raises(Refused, match="only administrator"):
        deletion.request_deletion(user=ada)


def test_a_mail_that_cannot_be_sent_is_tried_again_and_later_given_up(
    pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError("no mail server")

    monkeypatch.setattr("podium.site.accounts.mails.send_mail", away)
    mails.deliver(to="pat@example.org", subject="s", body="b", tries=0)
    from django_tasks_db.models import DBTaskResult  # noqa: PLC0415

    waiting = DBTaskResult.objects.get()
    assert waiting.args_kwargs["args"] == ["pat@example.org", "s", "b", 1]
    assert waiting.run_after is not None
    with pytest.raises(ConnectionRefusedError):
        mails.deliver(to="pat@example.org", subject="s", body="b", tries=len(mails.PAUSES))
    mails.write(to="pat@example.org", subject="one\r\nBcc: all@example.org", body="b")
    assert DBTaskResult.objects.order_by("-enqueued_at")[0].args_kwargs["args"][1] == "one Bcc: all@example.org"


def test_a_ban_closes_every_door(competition: Competition, pat: User, ada: User, client_of: Client) -> None:
    session = client_of(pat)
    _, key = tokens.create_token(user=pat, name="script", scope="admin")
    plain = Token.objects.create(user=pat).key
    lab = create_queue(user=pat, name="lab")
    secret = create_token(queue=lab, by=pat, name="machine")[1]
    submission = submit(pat, competition)
    stream = f"/api/submissions/{submission.pk}/events/"
    upload = session.post(
        "/api/datasets/", {"type": "submission", "request_sassy_file_name": "a.zip", "file_size": 5}
    ).json()

    def doors() -> list[int]:
        statuses = [session.get("/competitions/").status_code]
        for keyword in (None, f"Token {key}", f"Token {plain}"):
            client = session if keyword is None else APIClient(HTTP_AUTHORIZATION=keyword)
            statuses += [client.get("/api/my_profile/").status_code, client.get(stream).status_code]
            statuses.append(client.put(f"/api/datasets/completed/{upload['key']}/").status_code)
        return statuses

    before = doors()
    assert set(before) == {200, 400}, before  # nothing was uploaded yet
    assert token_of(secret) is not None
    people.set_banned(user=pat, by=ada, banned=True)
    assert set(doors()) == {403}
    assert token_of(secret) is None and lab.tokens.get().revoked_when is None
    assert APIClient().post("/api/api-token-auth/", {"username": "pat", "password": PASSWORD}).status_code == 403
    assert client_of(pat).post("/accounts/logout/").status_code == 302
    people.set_banned(user=pat, by=ada, banned=False)
    assert doors() == before and token_of(secret) is not None
    with pytest.raises(Refused):
        people.set_banned(user=ada, by=pat, banned=True)

"""Forums beside their pages: who is mailed what, links that unfollow, webhooks, the API, archives."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail, signing
from django.test import Client as Browser
from django.utils import timezone
from rest_framework.test import APIClient

from podium.formats.competition_archive import open_competition_archive
from podium.formats.competition_archive.kinds import MANIFEST
from podium.site.accounts.models import User
from podium.site.archives.restoring import restore
from podium.site.audit.models import AuditEntry
from podium.site.competitions.models import Competition, Participant
from podium.site.errors import Forbidden, Refused
from podium.site.forums.models import Follower, Forum, Post, Thread
from podium.site.forums.services import following, moderating, posting
from podium.site.mails.models import Delivery
from tests.factories import ParticipantFactory, UserFactory
from tests.site.acting import background
from tests.site.test_archives import archived, rows_of
from tests.web.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True)
Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]


@pytest.fixture
def crowd(competition: Competition, sam: User) -> Competition:
    """The competition with pat and sam as participants, and colin as a second organizer."""
    ParticipantFactory(competition=competition, user=sam)
    competition.collaborators.add(UserFactory(username="colin"))
    return competition


def sent() -> list[tuple[str, str]]:
    """Whom each mail that has gone out since went to, and its subject."""
    background()
    found = [(to.partition("@")[0], each.subject) for each in mail.outbox for to in each.recipients()]
    mail.outbox.clear()
    return sorted(found)


def begin(competition: Competition, by: User, title: str = "Which data?", **more: Any) -> Thread:
    """A thread."""
    return posting.start_thread(competition=competition, by=by, title=title, content="May we?", **more).thread


def test_organizers_hear_of_new_threads_and_followers_of_answers(
    crowd: Competition, pat: User, sam: User, olivia: User
) -> None:
    thread = begin(crowd, pat)
    assert mail.outbox == [], "no mail goes out within a request"
    assert sent() == [("colin", "New post in Which data?"), ("olivia", "New post in Which data?")]
    posting.answer(thread=thread, by=olivia, content="Yes, **all**")
    background()
    (told,) = mail.outbox
    assert told.recipients() == ["pat@example.org"]
    assert "olivia answered in [Which data?](http" in str(told.body)
    assert f"/competitions/{crowd.pk}/forum/{thread.pk}/?post=" in str(told.body)
    assert "<strong>all</strong>" in str(told.alternatives[0][0])
    mail.outbox.clear()
    posting.answer(thread=thread, by=sam, content="Thanks")
    assert sent() == [("olivia", "New post in Which data?"), ("pat", "New post in Which data?")]
    assert Delivery.objects.count() == 5, "a row for each person"


def test_nobody_is_mailed_against_their_settings_or_after_they_lost_the_right_to_read(
    crowd: Competition, pat: User, sam: User, olivia: User
) -> None:
    User.objects.filter(username="colin").update(allow_forum_notifications=False)
    thread = begin(crowd, pat)
    assert sent() == [("olivia", "New post in Which data?")]
    for person in (sam, olivia):
        posting.answer(thread=thread, by=person, content="Hello")
    sent()
    User.objects.filter(pk=pat.pk).update(allow_forum_notifications=False)
    Participant.objects.filter(user=sam).update(status="denied")
    posting.answer(thread=thread, by=olivia, content="Between us")
    assert sent() == []


def test_whoever_stopped_following_is_not_made_to_follow_again(
    crowd: Competition, pat: User, sam: User, client: Browser
) -> None:
    thread = begin(crowd, pat)
    sent()
    address = f"/competitions/{crowd.pk}/forum/{thread.pk}/follow/"
    client.force_login(pat, backend=BACKEND)
    client.post(address, {"follow": "no"})
    posting.answer(thread=thread, by=pat, content="One more thing")
    posting.answer(thread=thread, by=sam, content="And I")
    assert sent() == []
    client.post(address, {"follow": "yes"})
    posting.answer(thread=thread, by=sam, content="And I again")
    assert sent() == [("pat", "New post in Which data?")]


@pytest.fixture
def link(crowd: Competition, pat: User, sam: User) -> str:
    """The address in a mail to pat by which he stops following his thread."""
    posting.answer(thread=begin(crowd, pat), by=sam, content="Hello")
    background()
    (told,) = [each for each in mail.outbox if each.recipients() == ["pat@example.org"]]
    mail.outbox.clear()
    found = re.search(r"Get no more of these mails: <(\S+)>", str(told.body))
    assert found
    assert told.extra_headers["List-Unsubscribe"] == f"<{found[1]}>"
    assert told.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return "/" + found[1][found[1].index("forums/unfollow/") :]


def test_the_link_in_a_mail_unfollows_by_a_form_alone_and_without_logging_in(link: str, pat: User, sam: User) -> None:
    thread = Thread.objects.get()
    stranger = Browser(enforce_csrf_checks=True)
    page = stranger.get(link)
    assert b"Get no more mails of" in page.content
    assert Follower.objects.get(user=pat).active, "mail programs and scanners open links"
    assert stranger.post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not Follower.objects.get(user=pat).active
    assert Follower.objects.get(user=sam).active
    assert stranger.get("/profiles/security/").status_code == 302, "it lets nobody in"
    posting.answer(thread=thread, by=sam, content="Anybody?")
    assert sent() == []


def test_the_link_in_a_mail_works_for_a_month_and_only_as_it_was_made(
    link: str, pat: User, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.post(link[:-2] + "x/").status_code == 410
    forged = signing.dumps([pat.pk, Thread.objects.get().pk], salt="another")
    assert client.post(f"/forums/unfollow/{forged}/").status_code == 410
    monkeypatch.setattr(following, "LINK_WORKS", timedelta(seconds=-1))
    page = client.post(link)
    assert page.status_code == 410
    assert b"does not work any more" in page.content
    assert Follower.objects.get(user=pat).active
    monkeypatch.undo()
    Thread.objects.all().delete()
    assert client.get(link).status_code == 410


def test_an_announcement_is_mailed_once_to_those_who_want_mails_of_organizers(
    crowd: Competition, pat: User, sam: User, olivia: User, client: Browser
) -> None:
    User.objects.filter(pk=sam.pk).update(organizer_direct_message_updates=False)
    User.objects.filter(pk=pat.pk).update(allow_forum_notifications=False)
    for status in ("pending", "denied"):
        Participant.objects.create(competition=crowd, user=UserFactory(), status=status)
    thread = begin(crowd, pat)
    sent()
    client.force_login(olivia, backend=BACKEND)
    address = f"/competitions/{crowd.pk}/forum/{thread.pk}"
    assert b"mailed to 2 people" in client.get(f"{address}/announce/").content
    client.post(f"{address}/announce/")
    assert sent() == [("colin", "Sums: Which data?"), ("pat", "Sums: Which data?")]
    again = client.post(f"{address}/announce/", follow=True)
    assert b"is an announcement already" in again.content
    assert sent() == []
    client.post(f"{address}/moderate/", {"wish": "unmark"})
    assert Thread.objects.get().announced_date is None
    given = {"title": "Deadline moved", "content": "By a week", "announce": "on"}
    client.post(f"/competitions/{crowd.pk}/forum/new/", given)
    assert sent() == [("colin", "Sums: Deadline moved"), ("pat", "Sums: Deadline moved")]
    assert b"By a week" in client.get(f"/competitions/{crowd.pk}/message/").content, "it stands among what was sent"
    with pytest.raises(Forbidden):
        begin(crowd, pat, announce=True)
    client.force_login(pat, backend=BACKEND)
    client.post(f"/competitions/{crowd.pk}/forum/new/", {**given, "title": "Mine"})
    assert Thread.objects.get(title="Mine").announced_date is None, "participants have no such field"


def test_a_report_is_mailed_to_the_organizers_whatever_mails_they_want(
    crowd: Competition, pat: User, sam: User, olivia: User
) -> None:
    User.objects.filter(pk=olivia.pk).update(allow_forum_notifications=False)
    post = begin(crowd, pat).posts.get()
    sent()
    posting.report(post=post, by=sam, reason="Look: [here](https://evil.example)")
    background()
    assert {to for each in mail.outbox for to in each.recipients()} == {"olivia@example.org", "colin@example.org"}
    assert 'href="https://evil.example"' not in str(mail.outbox[0].alternatives[0][0]), "a reason is no markup"
    mail.outbox.clear()
    for number in range(posting.REPORTS - 1):
        Post.objects.create(thread=post.thread, posted_by=pat, content=str(number))
    for other in Post.objects.exclude(pk=post.pk):
        posting.report(post=other, by=sam)
    one_more = Post.objects.create(thread=post.thread, posted_by=pat, content="x")
    with pytest.raises(Refused, match="reported much lately"):
        posting.report(post=one_more, by=sam)


def test_webhooks_are_told_with_numbers_alone(crowd: Competition, pat: User, olivia: User) -> None:
    hook = crowd.webhooks.create(url="https://example.org/", events=["thread.started", "thread.answered"])
    thread = begin(crowd, pat, title="A title that stays here")
    posting.answer(thread=thread, by=olivia, content="Words that stay here")
    bodies = [json.loads(row.body) for row in hook.deliveries.order_by("pk")]
    assert [body["type"] for body in bodies] == ["thread.started", "thread.answered"]
    last = thread.posts.order_by("-pk")[0]
    data = bodies[1]["data"]
    assert (data["competition"], data["thread"], data["post"]) == (crowd.pk, thread.pk, last.pk)
    assert "stay" not in json.dumps(bodies)


def test_the_detail_of_a_competition_has_the_number_of_its_forum(
    competition: Competition, olivia: User, client_of: Client
) -> None:
    address = f"/api/competitions/{competition.pk}/"
    found = client_of(None).get(address).json()
    assert (found["forum"], found["forum_enabled"]) == (Forum.objects.get(competition=competition).pk, True)
    assert client_of(olivia).patch(address, {"forum_enabled": False}).status_code == 200
    found = client_of(None).get(address).json()
    assert (found["forum"], found["forum_enabled"]) == (competition.forum.pk, False)


def test_an_answer_to_what_was_closed_or_deleted_meanwhile_is_refused(
    crowd: Competition, pat: User, olivia: User
) -> None:
    seen = begin(crowd, pat)
    moderating.set_closed(thread=seen, by=olivia, closed=True)
    with pytest.raises(Forbidden, match="closed"):
        posting.answer(thread=seen, by=pat, content="I did not see it")
    moderating.delete_thread(thread=seen, by=olivia)
    for person in (pat, olivia):
        with pytest.raises(Refused, match="deleted meanwhile"):
            posting.answer(thread=seen, by=person, content="Nor this")
    Competition.objects.update(forum_enabled=False)
    crowd.refresh_from_db()
    with pytest.raises(Forbidden, match="no forum"):
        begin(crowd, olivia)


def test_what_organizers_do_to_threads_is_in_the_history_and_what_people_do_to_their_own_is_not(
    crowd: Competition, pat: User, sam: User, olivia: User
) -> None:
    thread = begin(crowd, pat)
    rude, own = (posting.answer(thread=thread, by=sam, content=text) for text in ("Rude words", "Oh"))
    posting.delete_post(post=own, by=sam)
    posting.report(post=rude, by=pat)
    assert moderating.settle_reports(post=rude, by=olivia) == 1
    assert moderating.settle_reports(post=rude, by=olivia) == 0
    posting.delete_post(post=rude, by=olivia)
    for pinned in (True, True, False):
        moderating.set_pinned(thread=thread, by=olivia, pinned=pinned)
    moderating.set_closed(thread=thread, by=olivia, closed=True)
    moderating.delete_thread(thread=thread, by=olivia)
    moderating.restore_thread(thread=thread, by=olivia)
    told = AuditEntry.objects.filter(action__startswith="thread.").order_by("pk")
    assert [(row.action, row.actor_name, row.after) for row in told] == [
        ("thread.reports_settled", "olivia", {"post": rude.pk, "reports": 1}),
        ("thread.post_deleted", "olivia", {}),
        ("thread.moderated", "olivia", {"pinned": True}),
        ("thread.moderated", "olivia", {"pinned": False}),
        ("thread.moderated", "olivia", {"closed": True}),
        ("thread.deleted", "olivia", {}),
        ("thread.restored", "olivia", {}),
    ]
    assert told[1].before == {"text": "Rude words"}
    assert {row.competition for row in told} == {crowd.pk}


@pytest.fixture
def talked(crowd: Competition, pat: User, sam: User, olivia: User) -> Iterator[Competition]:
    """A competition in whose forum something of everything was done."""
    thread = begin(crowd, pat)
    answered = posting.answer(thread=thread, by=sam, content="Nonsense")
    posting.answer(thread=thread, by=olivia, content="Yes, **it** is")
    posting.edit(post=thread.posts.order_by("pk")[0], by=pat, content="May we, please?", title="Which data, please?")
    posting.delete_post(post=answered, by=olivia)
    moderating.set_pinned(thread=thread, by=olivia, pinned=True)
    moderating.set_closed(thread=thread, by=olivia, closed=True)
    moderating.announce(thread=thread, by=olivia)
    moderating.delete_thread(thread=begin(crowd, sam, title="Spam"), by=olivia)
    return crowd


def test_an_archive_has_threads_and_posts_and_restores_them(talked: Competition, olivia: User, tmp_path: Path) -> None:
    path = archived(talked, olivia)
    rows = rows_of(path)
    assert [row["title"] for row in rows["threads"]] == ["Which data, please?", "Spam"]
    assert [row["content"] for row in rows["posts"]] == ["May we, please?", "Nonsense", "Yes, **it** is", "May we?"]
    with open_competition_archive(path) as archive:
        archive.verify()
        restored = restore(archive=archive).competition
    names = ("title", "posts_count", "pinned_date", "closed_date", "announced_date", "deleted_date", "last_post_date")
    before, after = (
        list(Thread.objects.filter(forum__competition=each).order_by("pk").values_list(*names))
        for each in (talked, restored)
    )
    assert after == before
    assert restored.forum.threads.get(title="Spam").deleted_by == restored.created_by
    again = archived(restored, User.objects.get(pk=restored.created_by_id))
    told, first = rows_of(again), rows
    assert (told["threads"], told["posts"]) == (first["threads"], first["posts"])


def test_an_archive_of_before_forums_is_restored_with_an_empty_forum(
    talked: Competition, olivia: User, tmp_path: Path
) -> None:
    gone = {"rows/threads.jsonl", "rows/posts.jsonl"}
    old = tmp_path / "old.zip"
    with zipfile.ZipFile(archived(talked, olivia)) as source, zipfile.ZipFile(old, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == MANIFEST:
                manifest = json.loads(content)
                for member in gone:
                    del manifest["members"][member]
                content = json.dumps(manifest).encode()
            if name not in gone:
                target.writestr(name, content)
    with open_competition_archive(old) as archive:
        archive.verify()
        restored = restore(archive=archive).competition
    assert restored.forum.threads.count() == 0


def test_a_competition_that_is_deleted_for_good_takes_its_forum_along(
    talked: Competition, olivia: User, client_of: Client
) -> None:
    from podium.site.competitions.services import deleting  # noqa: PLC0415

    assert client_of(olivia).delete(f"/api/competitions/{talked.pk}/").status_code == 204
    Competition.everything.update(deleted_when=timezone.now() - deleting.KEPT - timedelta(minutes=1))
    assert deleting.purge_due() == 1
    assert (Forum.objects.count(), Thread.objects.count(), Post.objects.count()) == (0, 0, 0)

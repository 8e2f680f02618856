"""The pages of a forum, as a browser without scripts gets them."""

# ruff: noqa: PLR0917 - pytest passes fixtures by name

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from podium.site.accounts.models import User
from podium.site.accounts.services import deletion
from podium.site.competitions.models import Competition, Participant
from podium.site.forums import policies
from podium.site.forums.models import Follower, Post, Reading, Report, Thread
from podium.site.forums.services import moderating, posting
from tests.factories import ParticipantFactory, UserFactory
from tests.web.conftest import Visitor

Visiting = Callable[..., Visitor]
Make = Callable[..., Competition]


@pytest.fixture
def forum(competition: Competition) -> str:
    """The address of the competition's forum."""
    return f"/competitions/{competition.pk}/forum/"


@pytest.fixture
def begun(competition: Competition, pat: User) -> Thread:
    """A thread of pat's."""
    return posting.start_thread(competition=competition, by=pat, title="Which data?", content="May we?").thread


def _last(thread: Thread) -> Post:
    return thread.posts.order_by("-pk")[0]


def test_a_thread_is_begun_answered_and_marked_new_until_it_is_read(
    visitor: Visiting, forum: str, pat: User, olivia: User
) -> None:
    participant, organizer = visitor(pat), visitor(olivia)
    page = participant.open(forum)
    assert "Nobody has written yet" in page.text
    assert f"{forum}new/" in page.links
    page = participant.send(f"{forum}new/", {"title": " Which  data? ", "content": "Is **it** public?"})
    thread = Thread.objects.get()
    assert (thread.title, thread.posts_count, thread.last_post_by) == ("Which data?", 1, pat)
    assert participant.url == f"{forum}{thread.pk}/?post={_last(thread).pk}#post-{_last(thread).pk}"
    assert "<strong>it</strong>" in participant.response.content.decode()
    assert "New Which data?" in organizer.open(forum).text
    assert "New Which data?" not in participant.open(forum).text, "one has read what one writes"
    page = organizer.send(f"{forum}{thread.pk}/", {"content": "Yes."})
    assert "olivia Organizer" in page.text
    page = participant.open(forum)
    assert "1 thread" in page.text
    assert "New Which data?" in page.text
    assert "by olivia" in page.text
    participant.open(f"{forum}{thread.pk}/")
    assert "New Which data?" not in participant.open(forum).text


def test_pinned_threads_come_first_then_those_with_the_newest_post(
    visitor: Visiting, forum: str, competition: Competition, pat: User, olivia: User
) -> None:
    threads = {
        name: posting.start_thread(competition=competition, by=olivia, title=name, content="x").thread
        for name in ("Alpha", "Beta", "Gamma")
    }
    reader = visitor(pat)

    def order() -> list[str]:
        text = reader.open(forum).text
        return sorted(threads, key=text.index)

    assert order() == ["Gamma", "Beta", "Alpha"]
    posting.answer(thread=threads["Alpha"], by=pat, content="An answer")
    assert order() == ["Alpha", "Gamma", "Beta"]
    organizer = visitor(olivia)
    organizer.send(f"{forum}{threads['Beta'].pk}/moderate/", {"wish": "pin"})
    assert order() == ["Beta", "Alpha", "Gamma"]
    assert "Pinned" in reader.open(forum).text
    organizer.send(f"{forum}{threads['Beta'].pk}/moderate/", {"wish": "unpin"})
    assert order() == ["Alpha", "Gamma", "Beta"]


def test_threads_are_found_by_words_of_their_title_or_of_a_post(
    visitor: Visiting, forum: str, begun: Thread, competition: Competition, olivia: User, pat: User
) -> None:
    posting.start_thread(competition=competition, by=olivia, title="Rules of teams", content="x")
    reader = visitor(pat)
    found = reader.open(f"{forum}?search=DATA+which").text
    assert "1 thread with “DATA which”" in found
    assert "Rules of teams" not in found
    posting.answer(thread=begun, by=olivia, content="The one with 80,000 rows.")
    found = reader.open(f"{forum}?search=80,000+ROWS").text
    assert "1 thread with" in found
    assert begun.title in found
    assert "Nothing found" in reader.open(f"{forum}?search=nowhere").text
    assert "2 threads" in reader.open(f"{forum}?search=%00&page=-3&show=deleted").text, "nonsense is no search"


def test_a_preview_shows_the_text_and_posts_nothing(visitor: Visiting, forum: str, begun: Thread, pat: User) -> None:
    writer = visitor(pat)
    given = {"title": "", "content": "It is *nearly* done", "preview": "yes"}
    page = writer.send(f"{forum}new/", given)
    assert "Preview It is nearly done" in page.text
    assert "This field is required" not in page.text, "what is missing is said when it is sent"
    page = writer.send(f"{forum}{begun.pk}/", {"content": "**bold**\n\n<script>x</script>", "preview": "yes"})
    text = writer.response.content.decode()
    assert "<strong>bold</strong>" in text
    assert "<script>x" not in text
    assert "&lt;script&gt;x&lt;/script&gt;</textarea>" in text, "what was typed is kept"
    answer = writer.client.post(f"{forum}preview/", {"content": "a *b*"})
    assert b"<em>b</em>" in answer.content
    assert b"too long" in writer.client.post(f"{forum}preview/", {"content": "a" * 10_001}).content
    assert Post.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"title": "", "content": "x"}, "This field is required"),
        ({"title": "  ", "content": "x"}, "This field is required"),
        ({"title": "a" * 256, "content": "x"}, "at most 255 characters"),
        ({"title": "x", "content": " "}, "This field is required"),
        ({"title": "x", "content": "a" * 10_001}, "at most 10000 characters"),
        ({"title": "x", "content": "a\0b"}, "Null characters"),
    ],
)
def test_what_is_no_title_or_text_is_told_beside_its_field(
    visitor: Visiting, forum: str, pat: User, given: dict[str, str], words: str
) -> None:
    assert words in visitor(pat).send(f"{forum}new/", given, status=400).text
    assert Thread.objects.count() == 0


def test_an_empty_answer_is_refused_and_the_thread_is_still_shown(
    visitor: Visiting, forum: str, begun: Thread, pat: User
) -> None:
    page = visitor(pat).send(f"{forum}{begun.pk}/", {"content": ""}, status=400)
    assert "This field is required" in page.text
    assert "May we?" in page.text


def test_a_post_is_changed_for_an_hour_with_its_title_and_says_so(
    visitor: Visiting, forum: str, begun: Thread, pat: User, sam: User, olivia: User, competition: Competition
) -> None:
    ParticipantFactory(competition=competition, user=sam)
    first, writer = _last(begun), visitor(pat)
    address = f"{forum}posts/{first.pk}/edit/"
    writer.open(address)
    page = writer.send(address, {"title": "Which data may we use?", "content": "May we use others?"})
    assert "May we use others?" in page.text
    assert "changed" in page.text
    begun.refresh_from_db()
    assert begun.title == "Which data may we use?"
    visitor(sam).open(address, status=403)
    visitor(olivia).open(address, status=403)
    Post.objects.update(date_created=timezone.now() - policies.EDITABLE - timedelta(seconds=1))
    writer.send(address, {"title": "Later", "content": "Later"}, status=403)
    assert f"posts/{first.pk}/edit/" not in " ".join(writer.open(f"{forum}{begun.pk}/").links)
    answered = posting.answer(thread=begun, by=olivia, content="Yes")
    Post.objects.filter(pk=answered.pk).update(date_created=timezone.now() - timedelta(days=9))
    page = visitor(olivia).send(f"{forum}posts/{answered.pk}/edit/", {"content": "No"})
    assert "No" in page.text, "organizers keep theirs up to date"


def test_a_deleted_post_leaves_its_place_where_it_was_answered(
    visitor: Visiting, forum: str, begun: Thread, pat: User, olivia: User
) -> None:
    first, answered = _last(begun), posting.answer(thread=begun, by=olivia, content="Certainly")
    writer, address = visitor(pat), f"{forum}posts/{first.pk}/delete/"
    assert "Delete this post?" in writer.open(address).text
    page = writer.send(address, {})
    assert "This post was deleted by who wrote it." in page.text
    assert "May we?" not in page.text
    assert "Certainly" in page.text
    organizer = visitor(olivia)
    assert "May we?" in organizer.open(f"{forum}{begun.pk}/").text, "organizers see what they may restore"
    organizer.send(f"{forum}posts/{answered.pk}/delete/", {})
    begun.refresh_from_db()
    assert begun.deleted_date is not None, "nothing is left of it"
    writer.open(f"{forum}{begun.pk}/", status=404)
    assert "Nobody has written yet" in writer.open(forum).text
    organizer.send(f"{forum}posts/{first.pk}/moderate/", {"wish": "restore"})
    organizer.send(f"{forum}{begun.pk}/moderate/", {"wish": "restore"})
    page = writer.open(f"{forum}{begun.pk}/")
    assert "May we?" in page.text
    assert "deleted" not in page.text, "below it nothing stands: the place of the answer is gone"
    begun.refresh_from_db()
    assert (begun.posts_count, begun.last_post_by) == (1, pat)


def test_ones_only_post_goes_with_its_thread_and_others_posts_do_not(
    visitor: Visiting, forum: str, begun: Thread, competition: Competition, pat: User, sam: User, olivia: User
) -> None:
    ParticipantFactory(competition=competition, user=sam)
    other = visitor(sam)
    other.open(f"{forum}posts/{_last(begun).pk}/delete/", status=403)
    other.send(f"{forum}posts/{_last(begun).pk}/delete/", {}, status=403)
    writer = visitor(pat)
    assert "and its thread" in writer.open(f"{forum}posts/{_last(begun).pk}/delete/").text
    writer.send(f"{forum}posts/{_last(begun).pk}/delete/", {})
    assert writer.url == forum
    organizer = visitor(olivia)
    assert "Deleted (1)" in organizer.open(forum).text
    assert "Which data?" in organizer.open(f"{forum}?show=deleted").text
    assert "Deleted" not in other.open(f"{forum}?show=deleted").text
    organizer.send(f"{forum}{begun.pk}/moderate/", {"wish": "restore"})
    assert "May we?" in writer.open(f"{forum}{begun.pk}/").text, "the post came back with it"


def test_a_closed_thread_takes_answers_of_organizers_only(
    visitor: Visiting, forum: str, begun: Thread, pat: User, olivia: User
) -> None:
    organizer, writer = visitor(olivia), visitor(pat)
    organizer.send(f"{forum}{begun.pk}/moderate/", {"wish": "close"})
    page = writer.open(f"{forum}{begun.pk}/")
    assert "This thread is closed" in page.text
    assert "content" not in [given.get("name") for given in page.inputs]
    page = writer.send(f"{forum}{begun.pk}/", {"content": "But"}, status=403)
    assert Post.objects.count() == 1
    writer.open(f"{forum}posts/{_last(begun).pk}/edit/", status=403)
    organizer.send(f"{forum}{begun.pk}/", {"content": "The last word"})
    organizer.send(f"{forum}{begun.pk}/moderate/", {"wish": "reopen"})
    writer.send(f"{forum}{begun.pk}/", {"content": "Thank you"})
    assert begun.posts.count() == 3


def test_a_thread_is_deleted_after_asking_and_restored(
    visitor: Visiting, forum: str, begun: Thread, pat: User, olivia: User
) -> None:
    organizer, writer = visitor(olivia), visitor(pat)
    assert "For 30 days you can restore it" in organizer.open(f"{forum}{begun.pk}/delete/").text
    assert "Only organizers see it" in organizer.send(f"{forum}{begun.pk}/delete/", {}).text
    writer.open(f"{forum}{begun.pk}/", status=404)
    writer.send(f"{forum}{begun.pk}/", {"content": "x"}, status=404)
    writer.send(f"{forum}{begun.pk}/follow/", {"follow": "yes"}, status=404)
    organizer.send(f"{forum}{begun.pk}/moderate/", {"wish": "restore"})
    assert "May we?" in writer.open(f"{forum}{begun.pk}/").text
    organizer.send(f"{forum}{begun.pk}/moderate/", {"wish": "dance"})
    assert "no such button" in organizer.response.content.decode()
    for wish in ("pin", "close", "restore", "unmark"):
        writer.send(f"{forum}{begun.pk}/moderate/", {"wish": wish}, status=403)
    writer.send(f"{forum}{begun.pk}/delete/", {}, status=403)
    writer.send(f"{forum}{begun.pk}/announce/", {}, status=403)


def test_a_thread_of_another_competition_is_in_no_forum_but_its_own(
    visitor: Visiting, forum: str, begun: Thread, make_competition: Make, pat: User, olivia: User
) -> None:
    own = make_competition(participants=())
    foreign = posting.start_thread(competition=own, by=olivia, title="Ours", content="Secret").thread
    reader, organizer = visitor(pat), visitor(olivia)
    for part in (f"{foreign.pk}/", f"posts/{_last(foreign).pk}/report/"):
        reader.open(f"{forum}{part}", status=404)
        reader.send(f"{forum}{part}", {"content": "x"}, status=404)
    organizer.open(f"{forum}{foreign.pk}/", status=404)
    organizer.send(f"{forum}posts/{_last(foreign).pk}/moderate/", {"wish": "restore"}, status=404)
    assert "Secret" in organizer.open(f"/competitions/{own.pk}/forum/{foreign.pk}/").text


def test_only_those_who_take_part_and_the_organizers_read(
    visitor: Visiting, forum: str, begun: Thread, competition: Competition, sam: User
) -> None:
    for who, words in ((None, "Log in to read"), (sam, "Take part in this competition")):
        page = visitor(who).open(forum)
        assert words in page.text
        assert "Which data?" not in page.text
    row = Participant.objects.create(competition=competition, user=sam, status="pending")
    assert "approves you" in visitor(sam).open(forum).text
    visitor(sam).open(f"{forum}{begun.pk}/", status=403)
    Participant.objects.filter(pk=row.pk).update(status="denied")
    assert "You do not take part" in visitor(sam).open(forum).text
    for part, given in (("new/", {"title": "x", "content": "x"}), (f"{begun.pk}/", {"content": "x"})):
        visitor(sam).send(f"{forum}{part}", given, status=403)
    Participant.objects.filter(pk=row.pk).update(status="approved")
    assert "Which data?" in visitor(sam).open(forum).text
    sam.is_banned = True
    sam.save()
    visitor(sam).open(forum, status=403)


def test_the_forum_of_an_unpublished_competition_is_as_secret_as_the_competition(
    visitor: Visiting, make_competition: Make, pat: User, sam: User
) -> None:
    hidden = make_competition(published=False)
    forum = f"/competitions/{hidden.pk}/forum/"
    thread = posting.start_thread(competition=hidden, by=pat, title="Inside", content="x").thread
    visitor(sam).open(forum, status=404)
    visitor(sam).open(f"/forums/{hidden.forum.pk}/", status=404)
    page = visitor(sam).open(f"{forum}?secret_key={hidden.secret_key}")
    assert "Take part in this competition" in page.text
    assert "Inside" not in page.text
    visitor(sam).open(f"{forum}{thread.pk}/?secret_key={hidden.secret_key}", status=403)
    assert "Inside" in visitor(pat).open(forum).text
    reader = visitor(pat)
    reader.open(f"/forums/{hidden.forum.pk}/{thread.pk}/")
    assert reader.url == f"{forum}{thread.pk}/", "Codabench's address leads here"


def test_a_competition_without_forum_has_no_tab_and_says_so(
    visitor: Visiting, forum: str, begun: Thread, competition: Competition, pat: User
) -> None:
    reader = visitor(pat)
    assert forum in reader.open(f"/competitions/{competition.pk}/").links
    Competition.objects.update(forum_enabled=False)
    assert forum not in reader.open(f"/competitions/{competition.pk}/").links
    assert "Sums has no forum." in reader.open(forum).text
    reader.open(f"{forum}{begun.pk}/", status=404)
    reader.send(f"{forum}new/", {"title": "x", "content": "x"}, status=404)


def test_who_writes_too_much_waits_and_keeps_the_text(
    visitor: Visiting, forum: str, begun: Thread, pat: User, olivia: User
) -> None:
    for _ in range(posting.POSTS - 1):
        posting.answer(thread=begun, by=pat, content="And another thing")
    page = visitor(pat).send(f"{forum}{begun.pk}/", {"content": "One more"}, status=429)
    assert "You have written 10 posts in 10 minutes." in page.text
    assert "One more" in page.text
    Post.objects.update(date_created=timezone.now() - posting.POSTS_IN)
    visitor(pat).send(f"{forum}{begun.pk}/", {"content": "One more"})
    for _ in range(posting.POSTS + 1):
        posting.answer(thread=begun, by=olivia, content="Organizers answer as fast as they can")
    Post.objects.update(date_created=timezone.now() - posting.POSTS_IN)
    for number in range(posting.THREADS - 1):
        posting.start_thread(competition=begun.forum.competition, by=pat, title=f"{number}", content="x")
    page = visitor(pat).send(f"{forum}new/", {"title": "One more", "content": "x"}, status=429)
    assert "You have begun 5 threads in 60 minutes." in page.text


def test_a_post_is_reported_once_and_settled_by_an_organizer(
    visitor: Visiting, forum: str, begun: Thread, competition: Competition, pat: User, sam: User, olivia: User
) -> None:
    ParticipantFactory(competition=competition, user=sam)
    address = f"{forum}posts/{_last(begun).pk}/report/"
    other, organizer = visitor(sam), visitor(olivia)
    assert address in other.open(f"{forum}{begun.pk}/").links
    assert address not in visitor(pat).open(f"{forum}{begun.pk}/").links
    assert "your own" in visitor(pat).send(address, {"reason": ""}, status=400).text
    other.open(address)
    assert "The organizers are told" in other.send(address, {"reason": "It is <b>rude</b>"}).text
    assert "already" in other.send(address, {"reason": "again"}, status=400).text
    assert "It is <b>rude</b>" in organizer.open(f"{forum}{begun.pk}/").text
    assert "Reported" in organizer.open(forum).text
    assert "rude" not in other.open(f"{forum}{begun.pk}/").text
    assert "Reported" not in other.open(forum).text
    organizer.send(f"{forum}posts/{_last(begun).pk}/moderate/", {"wish": "settle"})
    assert "Reported" not in organizer.open(forum).text
    assert Report.objects.get().settled_date is not None


def test_what_a_deleted_account_wrote_stays_without_its_name(
    visitor: Visiting, forum: str, begun: Thread, pat: User, olivia: User
) -> None:
    assert Follower.objects.filter(user=pat).exists()
    deletion.delete_account(user=pat)
    page = visitor(olivia).open(f"{forum}{begun.pk}/")
    assert "Deleted user" in page.text
    assert "May we?" in page.text
    assert not any("profiles/user/deleted" in link for link in page.links)
    assert not Follower.objects.filter(user=pat).exists()
    assert not Reading.objects.filter(user=pat).exists()


def test_long_threads_have_pages_and_links_to_a_post_find_its_page(
    visitor: Visiting, forum: str, begun: Thread, pat: User, olivia: User
) -> None:
    posts = [posting.answer(thread=begun, by=olivia, content=f"Answer {number}") for number in range(60)]
    reader = visitor(pat)
    assert "Page 1 of 2" in reader.open(f"{forum}{begun.pk}/").text
    assert "New Which data?" in reader.open(forum).text, "the second page is not read yet"
    page = reader.open(f"{forum}{begun.pk}/?post={posts[-1].pk}")
    assert "Page 2 of 2" in page.text
    assert f"post-{posts[-1].pk}" in page.ids
    assert "New Which data?" not in reader.open(forum).text
    assert "Page 2 of 2" in reader.open(f"{forum}{begun.pk}/?page=last").text
    for nonsense in ("post=x", "post=99999999999999999999", "page=-1", "page=x"):
        reader.open(f"{forum}{begun.pk}/?{nonsense}")


def test_many_threads_and_posts_cost_the_queries_of_few(
    visitor: Visiting, forum: str, begun: Thread, competition: Competition, pat: User, olivia: User
) -> None:
    organizer = visitor(olivia)

    def cost(address: str) -> int:
        organizer.open(address)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            organizer.open(address)
        return len(queries)

    few = cost(forum), cost(f"{forum}{begun.pk}/")
    people = [UserFactory() for _ in range(30)]
    for person in people:
        ParticipantFactory(competition=competition, user=person)
        post = posting.answer(thread=begun, by=person, content="Hello")
        posting.report(post=post, by=pat) if person in people[:5] else None
        posting.start_thread(competition=competition, by=person, title="Another", content="x")
    assert (cost(forum), cost(f"{forum}{begun.pk}/")) == few
    assert max(few) < 30


def test_what_was_deleted_long_ago_is_gone_for_good(
    visitor: Visiting, forum: str, begun: Thread, competition: Competition, pat: User, olivia: User
) -> None:
    first = _last(begun)
    posting.answer(thread=begun, by=olivia, content="Yes")
    posting.delete_post(post=first, by=pat)
    other = posting.start_thread(competition=competition, by=pat, title="Spam", content="x").thread
    moderating.delete_thread(thread=other, by=olivia)
    assert moderating.purge_due() == 0
    long_ago = timezone.now() - moderating.KEPT - timedelta(minutes=1)
    Post.objects.filter(deleted_date__isnull=False).update(deleted_date=long_ago)
    Thread.objects.filter(deleted_date__isnull=False).update(deleted_date=long_ago)
    assert moderating.purge_due() == 2
    assert not Thread.objects.filter(pk=other.pk).exists()
    organizer = visitor(olivia)
    page = organizer.open(f"{forum}{begun.pk}/")
    assert "May we?" not in page.text
    assert "This post was deleted" in page.text
    organizer.send(f"{forum}posts/{first.pk}/moderate/", {"wish": "restore"})
    assert "gone for good" in organizer.response.content.decode()


def test_posts_with_footnotes_and_hostile_markup_stand_beside_each_other(
    visitor: Visiting, forum: str, begun: Thread, pat: User
) -> None:
    text = (
        'A[^1]\n\n[^1]: note\n\n<sup id="fnref1">x</sup><ol><li id="fn1">y</li></ol><img src="https://evil.example/x">'
    )
    for _ in range(2):
        posting.answer(thread=begun, by=pat, content=f"{text}<div><b>")
    reader = visitor(pat)
    reader.open(f"{forum}{begun.pk}/")
    assert '<img src="https://evil' not in reader.response.content.decode()


def test_a_deleted_competition_takes_its_forum_with_it(begun: Thread, competition: Competition, pat: User) -> None:
    assert policies.visible_to(pat).filter(pk=begun.pk).exists()
    Competition.objects.update(deleted_when=timezone.now())
    assert not policies.visible_to(pat).filter(pk=begun.pk).exists()

"""Watching a submission: the event stream, its breaks, and the questions asked instead."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.client import ApiError, Event, Podium, UnexpectedAnswerError, UnreachableError, WaitTimeoutError
from podium.client.events import EventParser, ServerEvent

from .conftest import Broken, FakeApi, event_stream, events

STREAM = "GET /api/submissions/5/events/"
QUESTION = "GET /api/submissions/5/"
DETAILS = "GET /api/submissions/5/get_details/"


def submission(status: str, **more: Any) -> dict[str, Any]:
    return {"id": 5, "phase": 7, "status": status, "scores": [], "children": [], **more}


def log(offset: int, text: str, stream: str = "stdout") -> tuple[str, dict[str, Any]]:
    return "log", {"step": "scoring", "stream": stream, "offset": offset, "text": text}


def status(word: str) -> tuple[str, dict[str, Any]]:
    return "status", {"status": word, "status_details": None}


def in_short(found: list[Event]) -> list[tuple[str, object]]:
    value = {"log": "text", "child": "child_id"}
    return [(event.kind, event.data[value.get(event.kind, "status")]) for event in found]


def test_events_come_as_the_server_sends_them(api: FakeApi, podium: Podium) -> None:
    sent = events(status("Running"), log(0, "hello\n"), status("Finished"), ("end", {"status": "Finished"}))
    api.on(STREAM, event_stream(b": keep-alive\n\n" + sent))
    found = list(podium.watch(5))
    assert in_short(found) == [("status", "Running"), ("log", "hello\n"), ("status", "Finished"), ("end", "Finished")]
    assert {event.submission for event in found} == {5}
    assert not api.asked(QUESTION)


def test_a_broken_stream_goes_on_from_its_last_event(api: FakeApi, podium: Podium) -> None:
    first = events(status("Running"), log(0, "one\n"))
    rest = events(log(4, "two\n"), status("Finished"), ("end", {"status": "Finished"}), first_id=3)
    api.on(STREAM, event_stream(Broken(first)), event_stream(rest))
    api.on(QUESTION, submission("Running"))
    found = in_short(list(podium.watch(5)))
    assert found == [
        ("status", "Running"),
        ("log", "one\n"),
        ("log", "two\n"),
        ("status", "Finished"),
        ("end", "Finished"),
    ]
    assert api.asked(STREAM)[1].headers["Last-Event-ID"] == "2"


def test_a_server_that_replays_from_the_start_is_not_told_twice(api: FakeApi, podium: Podium) -> None:
    first = events(status("Running"), log(0, "one\n"))
    again = events(status("Running"), log(0, "one\n"), log(4, "two\n"), ("end", {"status": "Finished"}))
    api.on(STREAM, event_stream(Broken(first)), event_stream(again))
    api.on(QUESTION, submission("Running"))
    texts = [event.data["text"] for event in podium.watch(5) if event.kind == "log"]
    assert texts == ["one\n", "two\n"]


def test_output_that_is_no_utf8_loses_nothing(api: FakeApi, podium: Podium) -> None:
    sent = events(log(0, "\N{REPLACEMENT CHARACTER}"), log(1, "next"), ("end", {"status": "Finished"}))
    api.on(STREAM, event_stream(sent))
    assert [event.data["text"] for event in podium.watch(5) if event.kind == "log"] == [
        "\N{REPLACEMENT CHARACTER}",
        "next",
    ]


def test_a_stream_that_breaks_at_the_end_is_completed_by_a_question(api: FakeApi, podium: Podium) -> None:
    api.on(STREAM, event_stream(Broken(events(status("Running")))))
    api.on(QUESTION, submission("Failed", cause="time_limit", message="Too slow."))
    found = list(podium.watch(5))
    assert in_short(found) == [("status", "Running"), ("status", "Failed"), ("end", "Failed")]
    assert found[-1].data["message"] == "Too slow."


@pytest.mark.parametrize(("refused", "body"), [(404, {}), (405, {}), (501, {}), (200, [])])
def test_without_a_stream_the_submission_is_asked_for_again_and_again(
    api: FakeApi, podium: Podium, refused: int, body: object
) -> None:
    api.on(STREAM, lambda _: httpx.Response(refused, json=body))
    api.on(QUESTION, submission("Submitted"), submission("Running"), submission("Running"), submission("Finished"))
    logs = {"logs": [{"name": "prediction_ingestion_stderr", "data_file": "/log"}]}
    api.on(DETAILS, {"logs": []}, logs, logs, logs)
    api.on("GET /log", *(httpx.Response(200, content=text) for text in (b"one\n", b"one\ntwo\n", b"one\ntwo\n")))
    found = list(podium.watch(5))
    assert in_short(found) == [
        ("status", "Submitted"),
        ("status", "Running"),
        ("log", "one\n"),
        ("log", "two\n"),
        ("status", "Finished"),
        ("end", "Finished"),
    ]
    first = next(event for event in found if event.kind == "log")
    assert (first.data["step"], first.data["stream"]) == ("prediction", "ingestion_stderr")
    assert api.pauses == [0.5, 0.5, 0.5]
    assert len(api.asked(STREAM)) == 1


def test_hidden_outputs_do_not_hide_the_status(api: FakeApi, podium: Podium) -> None:
    api.on(STREAM, httpx.Response(404))
    api.on(QUESTION, submission("Running"), submission("Finished"))
    api.on(DETAILS, httpx.Response(403, json={"detail": "Hidden."}))
    assert in_short(list(podium.watch(5))) == [("status", "Running"), ("status", "Finished"), ("end", "Finished")]


def test_the_children_of_a_submission_are_told_with_it_and_kept_apart(api: FakeApi, podium: Podium) -> None:
    sent = events(
        status("Running"),
        ("child", {"child_id": 6}),
        ("child", {"child_id": 7}),
        ("log", {**log(0, "of six\n")[1], "submission": 6}),
        ("log", {**log(0, "of seven\n")[1], "submission": 7}),
        ("status", {**status("Running")[1], "submission": 6}),
        ("end", {"status": "Finished"}),
    )
    api.on(STREAM, event_stream(sent))
    found = list(podium.watch(5))
    assert [(e.submission, e.data["text"]) for e in found if e.kind == "log"] == [(6, "of six\n"), (7, "of seven\n")]
    assert [e.submission for e in found if e.kind == "status"] == [5, 6]


def test_the_output_of_a_second_attempt_is_told_from_its_start(api: FakeApi, podium: Podium) -> None:
    sent = events(
        ("log", {**log(0, "first\n")[1], "attempt": 1}),
        ("log", {**log(0, "second\n")[1], "attempt": 2}),
        ("end", {"status": "Finished"}),
    )
    api.on(STREAM, event_stream(sent))
    assert [event.data["text"] for event in podium.watch(5) if event.kind == "log"] == ["first\n", "second\n"]


def test_without_a_stream_the_children_are_asked_for_as_well(api: FakeApi, podium: Podium) -> None:
    api.on(STREAM, httpx.Response(404))
    api.on(QUESTION, submission("Finished", children=[6], has_children=True))
    api.on("GET /api/submissions/6/", {**submission("Finished"), "id": 6, "parent": 5})
    api.on("GET /api/submissions/6/get_details/", {"logs": [{"name": "scoring_stdout", "data_file": "/log"}]})
    api.on("GET /log", httpx.Response(200, content=b"hello"))
    found = [(event.submission, event.kind) for event in podium.watch(5)]
    assert found == [(5, "child"), (6, "status"), (6, "log"), (5, "status"), (5, "end")]


def test_a_submission_that_may_not_be_seen_is_told(api: FakeApi, podium: Podium) -> None:
    with pytest.raises(ApiError) as caught:
        list(podium.watch(5))
    assert caught.value.status == 404


def test_a_server_that_is_gone_is_told(api: FakeApi, podium: Podium) -> None:
    api.on(STREAM, httpx.ConnectError("refused"))
    api.on(QUESTION, httpx.ConnectError("refused"))
    with pytest.raises(UnreachableError):
        list(podium.watch(5))


def test_watching_ends_with_the_time_given(api: FakeApi, podium: Podium) -> None:
    api.on(STREAM, httpx.Response(404))
    api.on(QUESTION, submission("Running"))
    api.on(DETAILS, {"logs": []})
    with pytest.raises(WaitTimeoutError, match="did not end within 0 s"):
        list(podium.watch(5, timeout=0))


def test_an_event_that_is_no_json_is_told(api: FakeApi, podium: Podium) -> None:
    api.on(STREAM, event_stream(b"event: status\ndata: {broken\n\n"))
    with pytest.raises(UnexpectedAnswerError, match="no JSON"):
        list(podium.watch(5))


COMPETITION_STREAM = "GET /api/competitions/3/events/"


def changed(submission: int, status: str, when: str = "2026-01-01T00:00:00+00:00") -> tuple[str, dict[str, Any]]:
    return "submission", {"submission": submission, "phase": 7, "status": status, "changed_when": when}


def test_a_competition_is_watched_until_it_cannot_be_seen(api: FakeApi, podium: Podium) -> None:
    sent = events(("competition", {"published": True}), changed(5, "Running"), ("end", {"reason": "not_visible"}))
    api.on(COMPETITION_STREAM, event_stream(b": still here\n\n" + sent))
    found = list(podium.watch_competition(3, secret_key="k", last_event_id="9"))
    assert [(event.kind, event.competition, event.id) for event in found] == [
        ("competition", 3, "1"),
        ("submission", 3, "2"),
        ("end", 3, "3"),
    ]
    assert found[1].data["status"] == "Running"
    (asked,) = api.asked(COMPETITION_STREAM)
    assert (asked.headers["Last-Event-ID"], asked.url.params["secret_key"]) == ("9", "k")


def test_a_broken_stream_of_a_competition_goes_on_and_tells_nothing_twice(api: FakeApi, podium: Podium) -> None:
    first = events(changed(5, "Running"), changed(6, "Running"))
    again = events(changed(6, "Running"), changed(6, "Finished"), ("end", {"reason": "not_visible"}), first_id=3)
    api.on(COMPETITION_STREAM, event_stream(Broken(first)), event_stream(events()), event_stream(again))
    found = [(e.data["submission"], e.data["status"]) for e in podium.watch_competition(3) if e.kind == "submission"]
    assert found == [(5, "Running"), (6, "Running"), (6, "Finished")]
    asked = api.asked(COMPETITION_STREAM)
    assert [request.headers.get("Last-Event-ID") for request in asked] == [None, "2", "2"]
    assert len(api.pauses) == 2


def test_a_stream_that_breaks_again_and_again_is_given_up(api: FakeApi, podium: Podium) -> None:
    api.on(COMPETITION_STREAM, event_stream(Broken()))
    with pytest.raises(UnreachableError, match="10 times"):
        list(podium.watch_competition(3))
    assert len(api.asked(COMPETITION_STREAM)) == 10


def test_a_competition_that_cannot_be_watched_is_told(api: FakeApi, podium: Podium) -> None:
    with pytest.raises(ApiError, match="competition 3") as caught:
        list(podium.watch_competition(3))
    assert caught.value.status == 404
    api.on(COMPETITION_STREAM, {"detail": "an older server"})
    with pytest.raises(UnexpectedAnswerError, match="no event stream"):
        list(podium.watch_competition(3))
    api.on(COMPETITION_STREAM, event_stream(b"event: phase\ndata: {broken\n\n"))
    with pytest.raises(UnexpectedAnswerError, match="no JSON"):
        list(podium.watch_competition(3))


def test_watching_a_competition_ends_with_the_time_given(api: FakeApi, podium: Podium) -> None:
    api.on(COMPETITION_STREAM, lambda _: event_stream(b": still here\n\n"))
    with pytest.raises(WaitTimeoutError, match="are over"):
        list(podium.watch_competition(3, timeout=0))


def test_an_event_without_end_is_refused() -> None:
    with pytest.raises(UnexpectedAnswerError, match="more than 4 MB"):
        parsed([b"data: " + b"x" * 65536 + b"\n"] * 100)
    with pytest.raises(UnexpectedAnswerError, match="more than 4 MB"):
        parsed([b"x" * 65536] * 100)


def test_the_stream_is_read_by_the_standards_rules() -> None:
    lines = [
        ":comment",
        "event:a",
        "data: one",
        "data:two",
        "id: 7",
        "retry: 10",
        "",
        "data",
        "",
        "event: b",
        "",
        "data: x",
    ]
    expected = [("a", "one\ntwo", "7"), ("message", "", "7")]
    for end in ("\n", "\r\n", "\r"):
        text = (end.join(lines) + end).encode()
        for pieces in ([text], [bytes([byte]) for byte in text]):
            assert [(event.kind, event.data, event.id) for event in parsed(pieces)] == expected


def parsed(pieces: list[bytes]) -> list[ServerEvent]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"data:x", b"\r", b"\n\n"]), max_size=20))
def test_no_stream_is_too_strange_and_its_pieces_do_not_matter(pieces: list[bytes]) -> None:
    assert parsed(pieces) == parsed([b"".join(pieces)])

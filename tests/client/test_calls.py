"""Calls of the REST API: what is sent, what is made of the answers, what is retried."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.client import (
    ApiError,
    ConflictError,
    CreationFailedError,
    CreationStatus,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    NotLoggedInError,
    Podium,
    PodiumError,
    ServerFailedError,
    TooLargeError,
    UnexpectedAnswerError,
    UnreachableError,
    WaitTimeoutError,
)
from podium.client.errors import error_from
from podium.client.rules import clean_server

from .conftest import SERVER, Broken, FakeApi

COMPETITION = {
    "id": 3,
    "title": "Iris",
    "phases": [{"id": 7, "name": "Development", "status": "Current", "tasks": [{"id": 1, "name": "T"}], "new": 1}],
    "participant_status": "approved",
    "fact_sheet": '{"method": {"key": "method"}}',
    "published": False,
}


def test_login_takes_the_token_into_use(api: FakeApi) -> None:
    api.on("POST /api/api-token-auth/", {"token": "abc"})
    api.on("GET /api/my_profile/", {"username": "pat", "name": "", "email": None, "github_info": None})
    with Podium(SERVER, transport=httpx.MockTransport(api)) as podium:
        assert podium.login("pat", "secret") == "abc"
        assert podium.me().username == "pat"
    assert api.body("POST /api/api-token-auth/") == {"username": "pat", "password": "secret"}
    assert "Authorization" not in api.requests[0].headers
    assert api.requests[1].headers["Authorization"] == "Token abc"


def test_a_competition_is_changed_only_as_it_was_read(api: FakeApi, podium: Podium) -> None:
    api.on("GET /api/competitions/3/", httpx.Response(200, json=COMPETITION, headers={"ETag": '"a.b"'}))
    told = {"detail": "It has been changed since.", "code": "precondition_failed", "hint": "GET it again."}
    changed = httpx.Response(200, json=COMPETITION, headers={"ETag": '"c.d"'})
    api.on("PATCH /api/competitions/3/", changed, httpx.Response(412, json=told))
    read = podium.competition(3)
    assert read.etag == '"a.b"'
    assert podium.update_competition(3, if_match=read.etag, title="Iris 2").etag == '"c.d"'
    with pytest.raises(ConflictError) as caught:
        podium.update_competition(3, if_match=read.etag, title="Iris 3")
    assert (caught.value.code, caught.value.hint) == ("precondition_failed", "GET it again.")
    assert [request.headers["If-Match"] for request in api.asked("PATCH /api/competitions/3/")] == ['"a.b"', '"a.b"']


def test_wrong_credentials_are_told_in_the_servers_words(api: FakeApi, podium: Podium) -> None:
    text = "Unable to log in with provided credentials."
    api.on("POST /api/api-token-auth/", httpx.Response(400, json={"non_field_errors": [text]}))
    with pytest.raises(ApiError) as caught:
        podium.login("pat", "wrong")
    assert (caught.value.status, caught.value.message) == (400, text)


def test_a_competition_is_read_and_unknown_fields_are_ignored(api: FakeApi, podium: Podium) -> None:
    api.on("GET /api/competitions/3/", COMPETITION)
    found = podium.competition(3)
    assert (found.title, found.phases[0].tasks[0].name) == ("Iris", "T")
    assert found.fact_sheet == {"method": {"key": "method"}}


def test_lists_are_read_bare_and_in_pages(api: FakeApi, podium: Podium) -> None:
    api.on("GET /api/competitions/", [COMPETITION])
    assert [item.id for item in podium.competitions(mine=True, search="iris")] == [3]
    assert dict(api.requests[0].url.params) == {"page_size": "200", "search": "iris", "mine": "true"}
    first = {"count": 2, "next": f"{SERVER}/api/competitions/?page=2", "results": [COMPETITION]}
    api.on("GET /api/competitions/", first, {"count": 2, "next": None, "results": [{**COMPETITION, "id": 4}]})
    assert [item.id for item in podium.competitions()] == [3, 4]


def test_publishing_what_is_published_changes_nothing(api: FakeApi, podium: Podium) -> None:
    api.on("GET /api/competitions/3/", {**COMPETITION, "published": True})
    assert podium.publish(3, True) is True
    assert not api.asked("POST /api/competitions/3/toggle_publish/")
    api.on("POST /api/competitions/3/toggle_publish/", {"published": False})
    assert podium.publish(3, False) is False


def test_registering_gives_the_status(api: FakeApi, podium: Podium) -> None:
    api.on("POST /api/competitions/3/register/", httpx.Response(201, json={"participant_status": "pending"}))
    assert podium.register(3, secret_key="k") == "pending"
    assert api.body("POST /api/competitions/3/register/") == {"secret_key": "k"}


# Uploads


def accept_upload(api: FakeApi, completed: dict[str, object] | None = None) -> None:
    place = {"key": "k-1", "sassy_url": "/storage/put/signed"}
    api.on("POST /api/datasets/", httpx.Response(201, json=place))
    api.on("PUT /storage/put/signed", httpx.Response(200))
    api.on("PUT /api/datasets/completed/k-1/", completed or {"key": "k-1"})


def names_in(request: httpx.Request) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(request.content)) as archive:
        return archive.namelist()


def test_a_folder_is_sent_as_a_zip_with_its_content_at_the_root(api: FakeApi, podium: Podium, tmp_path: Path) -> None:
    accept_upload(api)
    (tmp_path / "work" / "sub").mkdir(parents=True)
    (tmp_path / "work" / "model.py").write_text("x = 1")
    (tmp_path / "work" / "sub" / "data.txt").write_text("1")
    told: list[tuple[int, int]] = []
    assert podium.upload_dataset(tmp_path / "work", "submission", progress=lambda a, b: told.append((a, b))) == "k-1"
    (put,) = api.asked("PUT /storage/put/signed")
    assert {name for name in names_in(put) if not name.endswith("/")} == {"model.py", "sub/data.txt"}
    assert put.headers["Content-Type"] == "application/zip"
    assert put.headers["Content-Length"] == str(len(put.content))
    assert "Authorization" not in put.headers
    body = api.body("POST /api/datasets/")
    assert body["type"] == "submission"
    assert body["file_size"] == len(put.content)
    assert body["request_sassy_file_name"] == body["file_name"] == "work.zip"
    assert told[-1] == (len(put.content), len(put.content))


def test_a_single_file_is_wrapped_into_a_zip_and_a_zip_is_sent_as_it_is(
    api: FakeApi, podium: Podium, tmp_path: Path
) -> None:
    accept_upload(api)
    answer = tmp_path / "answers.txt"
    answer.write_text("3.14159")
    podium.upload_dataset(answer, "submission")
    assert names_in(api.asked("PUT /storage/put/signed")[0]) == ["answers.txt"]
    ready = tmp_path / "ready.zip"
    with zipfile.ZipFile(ready, "w") as archive:
        archive.writestr("inside", "1")
    podium.upload_dataset(ready, "submission", name="mine")
    assert api.asked("PUT /storage/put/signed")[1].content == ready.read_bytes()


def test_nothing_and_an_empty_folder_are_refused_before_anything_is_sent(
    api: FakeApi, podium: Podium, tmp_path: Path
) -> None:
    with pytest.raises(PodiumError, match="There is no file or folder"):
        podium.upload_dataset(tmp_path / "missing", "submission")
    with pytest.raises(PodiumError, match="is empty"):
        podium.upload_dataset(tmp_path, "submission")
    assert api.requests == []


def test_an_upload_that_breaks_is_sent_again_whole(api: FakeApi, podium: Podium, tmp_path: Path) -> None:
    accept_upload(api)
    api.on("PUT /storage/put/signed", httpx.WriteError("reset"), httpx.Response(503), httpx.Response(200))
    (tmp_path / "a.txt").write_text("a" * 1000)
    podium.upload_dataset(tmp_path / "a.txt", "submission")
    puts = api.asked("PUT /storage/put/signed")
    assert len(puts) == 3
    assert puts[0].content == puts[1].content == puts[2].content
    assert len(api.pauses) == 2


def test_a_bundle_gives_a_status_to_ask_for(api: FakeApi, podium: Podium, tmp_path: Path) -> None:
    accept_upload(api, {"status_id": 12})
    (tmp_path / "competition.yaml").write_text("title: T")
    assert podium.upload_bundle(tmp_path) == 12
    assert api.body("POST /api/datasets/")["type"] == "competition_bundle"


def test_waiting_for_a_competition_tells_every_change_and_gives_its_number(api: FakeApi, podium: Podium) -> None:
    step = {"name": "unpack", "state": "running"}
    api.on(
        "GET /api/competitions/12/creation_status/",
        {"status": "Starting", "details": None, "resulting_competition": None},
        {"status": "Starting", "details": None, "resulting_competition": None},
        {"status": "Starting", "steps": [step]},
        {"status": "Finished", "resulting_competition": 3},
    )
    told: list[CreationStatus] = []
    assert podium.wait_for_competition(12, on_change=told.append) == 3
    assert [(status.status, len(status.steps)) for status in told] == [
        ("Starting", 0),
        ("Starting", 1),
        ("Finished", 0),
    ]


def test_a_refused_bundle_raises_with_every_fault_and_its_place(api: FakeApi, podium: Podium) -> None:
    fault = {"severity": "error", "message": "Unknown key.", "file": "competition.yaml", "line": 3, "column": 5}
    warning = {"severity": "warning", "message": "Small thing."}
    api.on(
        "GET /api/competitions/12/creation_status/",
        {"status": "Failed", "faults": [{**fault, "hint": "Say `x`."}, warning]},
    )
    with pytest.raises(CreationFailedError) as caught:
        podium.wait_for_competition(12)
    assert caught.value.faults == ["competition.yaml:3:5: Unknown key. Say `x`."]


def test_a_refused_bundle_of_a_server_without_faults_tells_the_details(api: FakeApi, podium: Podium) -> None:
    api.on("GET /api/competitions/12/creation_status/", {"status": "Failed", "details": "No phases.\nNo pages."})
    with pytest.raises(CreationFailedError) as caught:
        podium.wait_for_competition(12)
    assert caught.value.faults == ["No phases.", "No pages."]


def test_waiting_for_a_competition_ends_with_the_time_given(api: FakeApi, podium: Podium) -> None:
    api.on("GET /api/competitions/12/creation_status/", {"status": "Starting"})
    with pytest.raises(WaitTimeoutError, match="within 0 s"):
        podium.wait_for_competition(12, timeout=0)


# Submissions and results


def test_a_submission_carries_tasks_and_answers(api: FakeApi, podium: Podium) -> None:
    made = {
        "id": 5,
        "data": "k-1",
        "phase": 7,
        "status": "Submitting",
        "scores": [],
        "created_when": "2026-01-01 10:00",
    }
    api.on("POST /api/submissions/", httpx.Response(201, json=made))
    assert podium.submit(7, "k-1", tasks=[1], fact_sheet_answers={"method": "forest"}).id == 5
    assert api.body("POST /api/submissions/") == {
        "phase": 7,
        "data": "k-1",
        "tasks": [1],
        "fact_sheet_answers": {"method": "forest"},
    }


def test_scores_keep_the_text_that_the_server_gave(api: FakeApi, podium: Podium) -> None:
    scores = [{"id": 1, "index": 0, "score": "0.9000000000", "column_key": "a"}, {"score": 0.5, "column_key": "b"}]
    api.on("GET /api/submissions/5/", {"id": 5, "phase": 7, "status": "Finished", "scores": scores})
    found = podium.submission(5)
    assert [score.score for score in found.scores] == ["0.9000000000", "0.5"]
    assert found.ended


def test_logs_are_fetched_by_name_and_cut_at_the_limit(api: FakeApi, podium: Podium) -> None:
    logs = [{"name": "prediction_stdout", "data_file": "/storage/log"}, {"name": "scoring_stderr", "data_file": None}]
    api.on("GET /api/submissions/5/get_details/", {"logs": logs, "leaderboards": None})
    api.on("GET /storage/log", httpx.Response(200, content=b"hello world"))
    assert podium.logs(5, limit=5) == {"prediction_stdout": "hello"}


def test_the_token_goes_to_no_other_host(api: FakeApi, podium: Podium) -> None:
    api.on("GET /bucket/log", httpx.Response(200, content=b"x"))
    podium.read("https://storage.test/bucket/log?signature=1", limit=10)
    assert "Authorization" not in api.requests[0].headers


def test_a_redirected_download_leaves_the_token_behind(api: FakeApi, podium: Podium) -> None:
    api.on("GET /files/1", httpx.Response(302, headers={"Location": "https://storage.test/bucket/1"}))
    api.on("GET /bucket/1", httpx.Response(200, content=b"x"))
    assert podium.read("/files/1", limit=10) == b"x"
    assert "Authorization" in api.requests[0].headers
    assert "Authorization" not in api.requests[1].headers


# Faults


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_call_that_may_be_repeated_is_repeated_when_the_server_is_away(
    api: FakeApi, podium: Podium, status: int
) -> None:
    api.on("GET /api/my_profile/", httpx.ReadError("reset"), httpx.Response(status), {"username": "pat"})
    assert podium.me().username == "pat"
    assert len(api.pauses) == 2
    assert api.pauses[1] > 0


def test_a_call_that_may_not_be_repeated_is_not(api: FakeApi, podium: Podium) -> None:
    what = "POST /api/phases/7/manually_migrate/"
    api.on(what, httpx.ReadError("reset"))
    with pytest.raises(UnreachableError, match="reset"):
        podium.migrate_phase(7)
    api.on(what, httpx.Response(502))
    with pytest.raises(ApiError):
        podium.migrate_phase(7)
    assert len(api.asked(what)) == 2


def test_a_creation_is_repeated_under_one_key(api: FakeApi, podium: Podium) -> None:
    made = {"id": 5, "phase": 7, "status": "Submitting"}
    under_way = httpx.Response(409, json={"detail": "Wait.", "code": "idempotency_under_way"})
    api.on("POST /api/submissions/", httpx.ReadError("reset"), httpx.Response(502), under_way, made)
    assert podium.submit(7, "k").id == 5
    assert podium.submit(7, "k").id == 5
    keys = [request.headers["Idempotency-Key"] for request in api.asked("POST /api/submissions/")]
    assert len(keys) == 5
    assert len(set(keys[:4])) == 1, "each try of a call says that it is the same call"
    assert keys[4] != keys[0], "another call is another one"


def test_a_conflict_that_is_no_twin_is_told(api: FakeApi, podium: Podium) -> None:
    api.on("POST /api/submissions/", httpx.Response(409, json={"detail": "Changed meanwhile."}))
    with pytest.raises(ConflictError, match="Changed meanwhile"):
        podium.submit(7, "k")
    assert len(api.asked("POST /api/submissions/")) == 1


def test_bare_lists_go_on_where_the_link_leads_and_no_further_than_asked(api: FakeApi, podium: Podium) -> None:
    further = f"{SERVER}/api/competitions/?page=2"
    first = httpx.Response(200, json=[COMPETITION], headers={"Link": f'<{further}>; rel="next"'})
    api.on("GET /api/competitions/", first, [{**COMPETITION, "id": 4}])
    found = podium.competitions()
    assert api.requests == [], "nothing is asked for before somebody goes through the list"
    assert [item.id for item in found] == [3, 4]
    api.on("GET /api/competitions/", lambda _: httpx.Response(200, json=[COMPETITION], headers=first.headers))
    before = len(api.requests)
    one = podium.competitions().first()
    assert one is not None
    assert one.id == 3
    assert len(api.requests) == before + 1
    api.on("GET /api/competitions/", [])
    assert podium.competitions().first() is None


def test_a_body_that_breaks_off_is_asked_for_again(api: FakeApi, podium: Podium) -> None:
    api.on("GET /api/my_profile/", lambda _: httpx.Response(200, stream=Broken(b'{"user')), {"username": "pat"})
    assert podium.me().username == "pat"


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (400, InvalidError, {"title": ["Too long."]}),
        (401, NotLoggedInError, {"detail": "Invalid token."}),
        (403, NotLoggedInError, {"detail": "Authentication credentials were not provided."}),
        (403, NotLoggedInError, {"detail": "Who are you?", "code": "not_authenticated"}),
        (403, ForbiddenError, {"detail": "Not yours."}),
        (404, NotFoundError, {"detail": "Not found."}),
        (412, ConflictError, {"detail": "Changed meanwhile."}),
        (413, TooLargeError, {}),
        (422, InvalidError, {"detail": "No."}),
        (500, ServerFailedError, {}),
    ],
)
def test_each_refusal_has_its_class(
    api: FakeApi, podium: Podium, status: int, kind: type[ApiError], body: dict[str, object]
) -> None:
    api.on("GET /api/my_profile/", lambda _: httpx.Response(status, json=body))
    with pytest.raises(ApiError) as caught:
        podium.me()
    assert type(caught.value) is kind
    assert caught.value.field == ("title" if status == 400 else "")


def test_a_call_that_never_left_is_always_repeated(api: FakeApi, podium: Podium) -> None:
    made = {"id": 5, "phase": 7, "status": "Submitting"}
    api.on("POST /api/submissions/", httpx.ConnectError("refused"), made)
    assert podium.submit(7, "k").id == 5


def test_too_many_requests_wait_as_long_as_the_server_says(api: FakeApi, podium: Podium) -> None:
    api.on("GET /api/my_profile/", httpx.Response(429, headers={"Retry-After": "7"}), {"username": "pat"})
    podium.me()
    assert api.pauses == [7.0]


def test_a_pause_of_an_hour_is_not_waited_for(api: FakeApi, podium: Podium) -> None:
    api.on("GET /api/my_profile/", httpx.Response(429, headers={"Retry-After": "3600"}))
    with pytest.raises(ApiError, match="Too many requests"):
        podium.me()
    assert api.pauses == []


def test_retries_come_to_an_end(api: FakeApi, podium: Podium) -> None:
    api.on("GET /api/my_profile/", httpx.ConnectError("Connection refused"))
    with pytest.raises(UnreachableError, match=r"No connection to http://podium.test: Connection refused"):
        podium.me()
    assert len(api.requests) == 5


def test_a_moved_server_is_named(api: FakeApi, podium: Podium) -> None:
    api.on("GET /api/my_profile/", httpx.Response(301, headers={"Location": "https://podium.test/api/my_profile/"}))
    with pytest.raises(UnexpectedAnswerError, match=r"https://podium.test") as caught:
        podium.me()
    assert "--server" in caught.value.hint


@pytest.mark.parametrize("body", [b"<html>Welcome to nginx</html>", b"[1, 2]", b'{"nothing": "known"}', b"null"])
def test_something_that_is_no_podium_server_is_told(api: FakeApi, podium: Podium, body: bytes) -> None:
    api.on("GET /api/my_profile/", httpx.Response(200, content=body))
    with pytest.raises(UnexpectedAnswerError, match=r"http://podium.test"):
        podium.me()


@pytest.mark.parametrize(
    ("status", "body", "message", "fields"),
    [
        (403, {"detail": "Invalid token."}, "Invalid token.", {}),
        (404, {"error_msg": "Disabled."}, "Disabled.", {}),
        (400, {"file_size": "Required."}, "file_size: Required.", {"file_size": ["Required."]}),
        (400, ["You already applied."], "You already applied.", {}),
        (400, {"phases": [{"end": ["Too early."]}]}, "phases: end: Too early.", {"phases": ["end: Too early."]}),
        (500, {}, "The server failed.", {}),
    ],
)  # fmt: skip
def test_every_shape_of_error_reads_well(status: int, body: object, message: str, fields: dict[str, list[str]]) -> None:
    response = httpx.Response(status, json=body)
    fault = error_from(status, "application/json", response.content)
    assert (fault.message, fault.fields) == (message, fields)


def test_an_error_of_podiums_own_has_code_and_hint() -> None:
    body = b'{"code": "quota", "message": "No room.", "hint": "Delete something.", "errors": {"file": ["too large"]}}'
    fault = error_from(400, "application/json", body)
    assert (fault.code, fault.hint) == ("quota", "Delete something.")
    assert fault.message == "No room. file: too large"
    assert fault.fields == {"file": ["too large"]}


def test_a_page_of_html_is_not_repeated() -> None:
    fault = error_from(502, "text/html", b"<html>Bad gateway</html>")
    assert "html" not in fault.message
    assert fault.hint


@given(
    status=st.integers(400, 599),
    body=st.binary(max_size=200),
    kind=st.sampled_from(["application/json", "", "text/html"]),
)
def test_no_error_body_is_too_strange(status: int, body: bytes, kind: str) -> None:
    fault = error_from(status, kind, body)
    assert fault.message
    assert len(fault.message) < 3000


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost", "http://localhost"),
        ("podium.example.org/", "https://podium.example.org"),
        (" https://podium.example.org/api/ ", "https://podium.example.org"),
        ("http://h/prefix/", "http://h/prefix"),
    ],
)
def test_an_address_gets_its_usual_form(given: str, cleaned: str) -> None:
    assert clean_server(given) == cleaned


@pytest.mark.parametrize("given", ["", "ftp://h", "http://"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(PodiumError, match="is not a web address"):
        clean_server(given)


def test_what_is_said_of_the_file_of_a_submission_stands_without_the_fields_name() -> None:
    said = error_from(400, "application/json", b'{"data": ["The archive holds a link."], "tasks": ["No such task."]}')
    assert said.message == "The archive holds a link. tasks: No such task."
    lacking = error_from(400, "application/json", b'{"data": ["This field is required."]}')
    assert lacking.message == "data: This field is required."

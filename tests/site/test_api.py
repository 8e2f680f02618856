"""The REST API's paths, fields and errors are Codabench's."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.queues.models import Queue
from tests import factories
from tests.factories import CompetitionFactory, dataset
from tests.site.acting import WorkerDouble, frame, scores, shape, submit

Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]
NOT_LOGGED_IN = {"detail": "Authentication credentials were not provided."}


def token_client(user: User) -> APIClient:
    """A client with the user's token."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return client


# --- shapes -----------------------------------------------------------------------------------------------------

SIMPLE = [
    "id",
    "title",
    "created_by",
    "owner_display_name",
    "created_when",
    "published",
    "participants_count",
    "logo",
    "logo_icon",
    "description",
    "competition_type",
    "reward",
    "contact_email",
    "report",
    "is_featured",
    "submissions_count",
]
DETAIL = [
    "id",
    "title",
    "published",
    "created_by",
    "owner_display_name",
    "created_when",
    "logo",
    "logo_icon",
    "terms",
    "pages",
    "phases",
    "leaderboards",
    "collaborators",
    "participant_status",
    "registration_auto_approve",
    "description",
    "participants_count",
    "submissions_count",
    "queue",
    "enable_detailed_results",
    "show_detailed_results_in_submission_panel",
    "show_detailed_results_in_leaderboard",
    "auto_run_submissions",
    "can_participants_make_submissions_public",
    "make_programs_available",
    "make_input_data_available",
    "docker_image",
    "allow_robot_submissions",
    "competition_type",
    "fact_sheet",
    "reward",
    "contact_email",
    "report",
    "forum_enabled",
]
PHASE = [
    "id",
    "index",
    "start",
    "end",
    "name",
    "description",
    "status",
    "execution_time_limit",
    "tasks",
    "has_max_submissions",
    "max_submissions_per_day",
    "max_submissions_per_person",
    "auto_migrate_to_this_phase",
    "hide_output",
    "hide_prediction_output",
    "hide_score_output",
    "public_data",
    "starting_kit",
    "is_final_phase",
    "used_submissions_per_day",
    "used_submissions_per_person",
]
TASK = ["task", "order_index", "phase", "id", "value", "key", "created_when", "name", "solutions", "public_datasets"]
COLUMN = ["id", "computation", "computation_indexes", "title", "key", "sorting", "index", "hidden", "precision"]
BOARD = ["id", "primary_index", "title", "key", "columns", "hidden", "submission_rule"]
DATASET = [
    "id",
    "created_by",
    "owner_display_name",
    "created_when",
    "name",
    "type",
    "description",
    "is_public",
    "key",
    "value",
    "was_created_by_competition",
    "competition",
    "file_name",
    "file_size",
]
SUBMISSION = [
    "phase_name",
    "name",
    "filename",
    "description",
    "created_when",
    "is_public",
    "is_specific_task_re_run",
    "status",
    "status_details",
    "owner",
    "has_children",
    "parent",
    "children",
    "pk",
    "id",
    "phase",
    "scores",
    "fact_sheet_answers",
    "leaderboard",
    "on_leaderboard",
    "task",
    "auto_run",
    "can_make_submissions_public",
    "is_soft_deleted",
]
CREATED = [
    "id",
    "data",
    "phase",
    "status",
    "status_details",
    "filename",
    "description",
    "md5",
    "fact_sheet_answers",
    "organization",
    "queue",
    "created_when",
    "scores",
]
DETAILS = [
    "logs",
    "data_file",
    "prediction_result",
    "detailed_result",
    "scoring_result",
    "leaderboards",
    "fact_sheet_answers",
]


def has(found: dict[str, Any], *names: str) -> None:
    """Every field is there."""
    assert [name for name in names if name not in found] == []


def test_the_list_of_competitions_is_a_bare_array_of_simple_objects(
    competition: Competition, pat: User, client_of: Client
) -> None:
    for client in (client_of(None), client_of(pat), token_client(pat)):
        (found,) = client.get("/api/competitions/").json()
        has(found, *SIMPLE)
        assert (found["id"], found["title"], found["created_by"]) == (competition.pk, "Sums", "olivia")
        assert (found["participants_count"], found["submissions_count"]) == (1, 0)
        assert found["created_when"].endswith("Z")
        assert found["logo"].startswith("http://")


def test_the_detail_of_a_competition_has_codabenchs_fields(
    make_competition: Make, pat: User, olivia: User, client_of: Client
) -> None:
    competition = make_competition(phases=2, tasks=2)
    found = client_of(pat).get(f"/api/competitions/{competition.pk}/").json()
    has(found, *DETAIL)
    assert found["participant_status"] == "approved"
    assert [phase["status"] for phase in found["phases"]] == ["Current", "Next"]
    assert [phase["is_final_phase"] for phase in found["phases"]] == [False, True]
    has(found["phases"][0], *PHASE)
    has(found["phases"][0]["tasks"][0], *TASK)
    assert [task["order_index"] for task in found["phases"][0]["tasks"]] == [0, 1]
    has(found["leaderboards"][0], *BOARD)
    has(found["leaderboards"][0]["columns"][0], *COLUMN)
    assert found["pages"] == [
        {"id": found["pages"][0]["id"], "title": "Overview", "content": "# Overview\n", "index": 0}
    ]
    assert found["collaborators"] == []
    assert not {"secret_key", "whitelist_emails"} & set(found)
    organizers = client_of(olivia).get(f"/api/competitions/{competition.pk}/").json()
    has(organizers, "secret_key", "whitelist_emails")
    datasets = organizers["phases"][0]["tasks"][0]["public_datasets"]
    assert {one["type"] for one in datasets} == {"scoring_program", "reference_data"}
    has(datasets[0], *DATASET)
    anonymous = client_of(None).get(f"/api/competitions/{competition.pk}/").json()
    assert "participant_status" not in anonymous


def test_lists_of_competitions_are_told_apart_by_type_and_person(
    competition: Competition, pat: User, olivia: User, sam: User, client_of: Client
) -> None:
    benchmark = CompetitionFactory(competition_type="benchmark", created_by=olivia)
    hidden = CompetitionFactory(published=False, title="Secret sums")

    def ids(user: User | None, query: str = "") -> list[int]:
        return [one["id"] for one in client_of(user).get(f"/api/competitions/{query}").json()]

    assert ids(None) == [competition.pk]
    assert ids(None, "?type=benchmark") == [benchmark.pk]
    assert ids(None, "?type=any") == [competition.pk, benchmark.pk]
    assert ids(None, "?type=nonsense") == []
    assert ids(olivia, "?mine=true") == [competition.pk, benchmark.pk]
    assert ids(pat, "?participating_in=true") == [competition.pk]
    assert ids(sam, "?participating_in=true") == []
    assert ids(sam, "?search=ADD+numbers") == [competition.pk]
    assert ids(sam, f"?secret_key={hidden.secret_key}") == [hidden.pk]
    assert ids(sam, "?secret_key=nonsense") == []


def test_the_public_list_is_paged_and_searched(competition: Competition, client_of: Client) -> None:
    for _ in range(25):
        CompetitionFactory(created_by=competition.created_by)
    CompetitionFactory(published=False)
    answer = client_of(None).get("/api/competitions/public/").json()
    assert list(answer) == ["count", "next", "previous", "page_size", "results"]
    assert (answer["count"], len(answer["results"]), answer["page_size"]) == (26, 20, 20)
    assert len(client_of(None).get("/api/competitions/public/?page=2").json()["results"]) == 6
    assert client_of(None).get("/api/competitions/public/?search=Sums").json()["count"] == 1
    assert client_of(None).get("/api/competitions/public/?ordering=popular").json()["results"][0]["title"] == "Sums"
    over = client_of(None).get("/api/competitions/public/?page=9")
    assert (over.status_code, shape(over)) == (404, {"detail": "Invalid page."})
    personal = client_of(None).get("/api/competitions/public/?organizing=true")
    assert personal.status_code == 401
    assert shape(personal) == {"detail": "Authentication required for filtering by participating in or organizing."}


def test_a_competition_without_creator_breaks_no_list(competition: Competition, client_of: Client) -> None:
    Competition.objects.update(created_by=None)
    for path in ("", "public/", "front_page/", f"{competition.pk}/"):
        assert client_of(None).get(f"/api/competitions/{path}").status_code == 200


def test_an_array_is_capped_and_can_be_paged(olivia: User, client_of: Client) -> None:
    for _ in range(205):
        CompetitionFactory(created_by=olivia)
    client = client_of(None)
    assert len(client.get("/api/competitions/").json()) == 200
    assert len(client.get("/api/competitions/?page=2").json()) == 5
    assert len(client.get("/api/competitions/?page_size=3").json()) == 3
    assert len(client.get("/api/competitions/?page_size=-3&page=x").json()) == 200


def test_registering_waits_for_the_organizer_unless_approved_by_itself(
    make_competition: Make, sam: User, client_of: Client
) -> None:
    competition = make_competition()
    address = f"/api/competitions/{competition.pk}/register/"
    assert client_of(None).post(address).status_code == 403
    answer = client_of(sam).post(address)
    assert (answer.status_code, answer.json()) == (201, {"participant_status": "pending"})
    again = client_of(sam).post(address)
    assert again.status_code == 400
    assert again.json()["non_field_errors"] == ["You already applied for participation in this competition!"]
    open_to_all = make_competition(registration_auto_approve=True)
    joined = client_of(sam).post(f"/api/competitions/{open_to_all.pk}/register/")
    assert joined.json() == {"participant_status": "approved"}


def test_a_whitelisted_address_is_approved_whatever_its_case(make_competition: Make, client_of: Client) -> None:
    competition = make_competition(whitelist_emails=["Nina@Example.org"])
    nina = factories.UserFactory(username="nina", email="nina@example.org")
    answer = client_of(nina).post(f"/api/competitions/{competition.pk}/register/")
    assert answer.json() == {"participant_status": "approved"}


def test_a_hidden_competition_is_joined_with_its_secret(make_competition: Make, sam: User, client_of: Client) -> None:
    competition = make_competition(published=False)
    address = f"/api/competitions/{competition.pk}/register/"
    assert client_of(sam).post(address).status_code == 404
    assert client_of(sam).post(address, {"secret_key": str(uuid.uuid4())}).status_code == 404
    assert client_of(sam).post(address, {"secret_key": str(competition.secret_key)}).status_code == 201


def test_publishing_is_for_organizers(competition: Competition, olivia: User, sam: User, client_of: Client) -> None:
    address = f"/api/competitions/{competition.pk}/toggle_publish/"
    refused = client_of(sam).post(address)
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "You don't have access to publish this competition",
    )
    assert client_of(olivia).post(address).json() == {"published": False}
    assert client_of(olivia).post(address).json() == {"published": True}


def test_whether_one_may_submit_is_answered_with_a_reason(
    make_competition: Make, pat: User, sam: User, client_of: Client
) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 1})
    address = f"/api/can_make_submission/{competition.phases.get().pk}/"
    assert shape(client_of(None).get(address)) == NOT_LOGGED_IN
    assert client_of(pat).get(address).json() == {"can": True, "reason": None}
    assert client_of(sam).get(address).json() == {
        "can": False,
        "reason": "User not approved to participate in this competition",
    }
    submit(pat, competition)
    assert client_of(pat).get(address).json() == {
        "can": False,
        "reason": "Reached maximum allowed submissions for today for this phase",
    }
    assert client_of(pat).get("/api/can_make_submission/999999/").status_code == 404


@pytest.fixture
def finished(make_competition: Make, pat: User, queue: Queue) -> int:
    """A finished submission of pat's with a log."""
    submission = submit(pat, make_competition())
    worker = WorkerDouble(queue)
    job = worker.job()
    worker.beat(job, frames=[frame("scored\n")])
    worker.finish(job, scores(accuracy=0.123456789))
    return submission.pk


def test_a_submission_is_made_and_read_in_codabenchs_shape(
    competition: Competition, pat: User, client_of: Client
) -> None:
    file = dataset(pat)
    client = client_of(pat)
    answer = client.post("/api/submissions/", {"phase": competition.phases.get().pk, "data": str(file.key)})
    assert answer.status_code == 201
    made = answer.json()
    has(made, *CREATED)
    assert (made["filename"], made["data"], made["scores"]) == ("answer.zip", str(file.key), [])
    assert len(made["created_when"]) == len("2026-11-22 03:47")
    assert len(made["md5"]) == 32
    found = client.get(f"/api/submissions/{made['id']}/").json()
    has(found, *SUBMISSION)
    assert client.get("/api/submissions/").json() == [found]
    assert (found["status"], found["owner"], found["has_children"], found["children"]) == (
        "Submitted",
        "pat",
        False,
        [],
    )


def test_scores_are_texts_with_ten_decimals(finished: int, pat: User, client_of: Client) -> None:
    found = client_of(pat).get(f"/api/submissions/{finished}/").json()
    (score,) = found["scores"]
    assert {name: score[name] for name in ("index", "score", "column_key")} == {
        "index": 0,
        "score": "0.1234567890",
        "column_key": "accuracy",
    }
    assert found["on_leaderboard"] is True
    assert isinstance(found["leaderboard"], int)


def test_details_of_a_submission_are_short_lived_addresses(finished: int, pat: User, client_of: Client) -> None:
    client = client_of(pat)
    found = client.get(f"/api/submissions/{finished}/get_details/").json()
    has(found, *DETAILS)
    assert [log["name"] for log in found["logs"]] == ["scoring_stdout"]
    log = client.get(found["logs"][0]["data_file"])
    assert (log.content, log["Content-Type"]) == (b"scored\n", "text/plain; charset=utf-8")
    assert "/files/" in found["data_file"]
    assert "/files/" in found["scoring_result"]
    assert found["prediction_result"] is None
    assert client.get(f"/api/submissions/{finished}/logs/nonsense/").status_code == 404
    disabled = client.get(f"/api/submissions/{finished}/get_detail_result/")
    assert (disabled.status_code, shape(disabled)) == (
        404,
        {"error_msg": "Detailed results are disabled for this competition!"},
    )


def test_errors_of_a_new_submission_name_the_field(
    competition: Competition, pat: User, sam: User, olivia: User, client_of: Client
) -> None:
    client, phase = client_of(pat), competition.phases.get().pk
    file = str(dataset(pat).key)

    def told(**body: Any) -> tuple[int, dict[str, Any]]:
        answer = client.post("/api/submissions/", body)
        return answer.status_code, shape(answer)

    assert told(phase=phase) == (400, {"data": ["This field is required."]})
    assert told(data=file) == (400, {"phase": ["This field is required."]})
    assert told(phase="x", data=file)[0] == 400
    assert told(phase=999999, data=file)[0] == 404
    assert told(phase=phase, data="nonsense") == (400, {"data": ["Must be a valid UUID."]})
    foreign = str(dataset(sam).key)
    assert told(phase=phase, data=foreign) == (
        400,
        {"data": [f'You have no uploaded file with the key "{foreign}".']},
    )
    other = factories.task(olivia)
    expected = {"non_field_errors": ["All tasks must be part of the current phase."]}
    assert told(phase=phase, data=file, tasks=[999999]) == (400, expected)
    assert told(phase=phase, data=file, tasks=[other.pk])[1]["non_field_errors"] == expected["non_field_errors"]
    answer = client_of(sam).post("/api/submissions/", {"phase": phase, "data": foreign})
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "You do not have access to this competition to make a submission",
    )
    assert shape(client_of(None).post("/api/submissions/", {"phase": phase, "data": foreign})) == NOT_LOGGED_IN


@pytest.mark.parametrize("answer", ["a\0b", ["a"], {"a": 1}, "x" * 10_001])
def test_answers_that_cannot_be_kept_are_refused(
    answer: Any, make_competition: Make, pat: User, client_of: Client
) -> None:
    question = {"key": "q", "type": "text", "title": "Q", "selection": "", "is_required": "false"}
    competition = make_competition(fact_sheet={"q": {**question, "is_on_leaderboard": "true"}})
    body = {"phase": competition.phases.get().pk, "data": str(dataset(pat).key), "fact_sheet_answers": {"q": answer}}
    assert client_of(pat).post("/api/submissions/", body).status_code == 400


def test_a_full_day_is_a_403_and_not_a_crash(make_competition: Make, pat: User, client_of: Client) -> None:
    competition = make_competition(phase={"max_submissions_per_day": 1})
    submit(pat, competition)
    body = {"phase": competition.phases.get().pk, "data": str(dataset(pat).key)}
    answer = client_of(pat).post("/api/submissions/", body)
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "Reached maximum allowed submissions for today for this phase",
    )


@pytest.mark.parametrize(
    "path",
    [
        f"/api/{thing}/{number}/{action}"
        for number in (10**6, 10**18, 10**30)
        for thing, action in [
            ("competitions", ""),
            ("competitions", "creation_status/"),
            ("submissions", ""),
            ("submissions", "get_details/"),
            ("submissions", "events/"),
            ("phases", "get_leaderboard/"),
            ("datasets", ""),
            ("can_make_submission", ""),
        ]
        if not (thing == "submissions" and action == "events/")
    ],
)
def test_ids_that_name_nothing_are_404_however_large(path: str, pat: User, client_of: Client) -> None:
    assert client_of(pat).get(path).status_code == 404


def test_submissions_are_filtered_and_searched(
    make_competition: Make, pat: User, olivia: User, queue: Queue, client_of: Client
) -> None:
    competition, other = make_competition(), make_competition()
    first, second = submit(pat, competition), submit(pat, other)
    WorkerDouble(queue).work_off(accuracy=1.0)
    third = submit(olivia, other)
    client = client_of(olivia)

    def ids(query: str) -> list[int]:
        return [one["id"] for one in client.get(f"/api/submissions/?{query}").json()]

    assert ids("") == [third.pk, second.pk, first.pk]
    assert ids(f"phase__competition={other.pk}") == [third.pk, second.pk]
    assert ids(f"phase={competition.phases.get().pk}") == [first.pk]
    assert ids("status=Submitted") == [third.pk]
    assert ids("search=pat") == [second.pk, first.pk]
    assert ids("search=pa%00t") == [second.pk, first.pk]
    assert client.get("/api/submissions/?phase=x").status_code == 400


def test_datasets_are_announced_listed_and_deleted(pat: User, sam: User, client_of: Client, files: Path) -> None:
    client = client_of(pat)
    facts = {"type": "input_data", "request_sassy_file_name": "data.zip", "file_size": 100, "name": "My data"}
    answer = client.post("/api/datasets/", facts)
    assert answer.status_code == 201
    assert list(answer.json()) == ["key", "sassy_url"]
    twice = client.post("/api/datasets/", facts)
    assert twice.json()["non_field_errors"] == [
        "You already have a dataset by this name, please delete that dataset or rename this one"
    ]
    listed = client.get("/api/datasets/").json()
    assert list(listed) == ["count", "next", "previous", "results"]
    has(listed["results"][0], *DATASET)
    assert client_of(sam).get("/api/datasets/").json()["count"] == 0
    assert client.get("/api/datasets/?_type=submission").json()["count"] == 0
    number = listed["results"][0]["id"]
    assert client_of(sam).delete(f"/api/datasets/{number}/").status_code == 404
    assert client.delete(f"/api/datasets/{number}/").status_code == 204


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"file_size": None}, {"file_size": "This field is required."}),
        ({"file_size": 0}, {"file_size": "This field is required."}),
        ({"file_size": "x"}, {"file_size": ["A valid number is required."]}),
        ({"type": "nonsense"}, {"type": ['"nonsense" is not a valid choice.']}),
        ({"request_sassy_file_name": ""}, {"request_sassy_file_name": ["This field may not be blank."]}),
    ],
)
def test_errors_of_an_announced_upload_are_codabenchs(
    change: dict[str, Any], expected: dict[str, Any], pat: User, client_of: Client
) -> None:
    facts = {"type": "submission", "request_sassy_file_name": "a.zip", "file_size": 5, **change}
    answer = client_of(pat).post("/api/datasets/", facts)
    assert (answer.status_code, shape(answer)) == (400, expected)


@pytest.mark.parametrize("size", [float("inf"), float("nan"), 1e300, -1])
def test_a_size_that_is_no_size_is_refused(size: float, pat: User, client_of: Client) -> None:
    body = f'{{"type": "submission", "request_sassy_file_name": "a.zip", "file_size": {size}}}'.replace("nan", "NaN")
    answer = client_of(pat).post("/api/datasets/", body.replace("inf", "Infinity"), content_type="application/json")
    assert answer.status_code == 400


def test_a_full_quota_is_told_in_bytes_that_people_read(pat: User, client_of: Client) -> None:
    User.objects.filter(pk=pat.pk).update(quota=1500)
    dataset(pat, b"x" * 500)
    facts = {"type": "submission", "request_sassy_file_name": "a.zip", "file_size": 2_000_000_000}
    answer = client_of(pat).post("/api/datasets/", facts)
    assert answer.status_code == 400
    (message,) = answer.json()["data_file"]
    assert message.startswith("Insufficient space. Your available space is 1.0 KB. The file size is 2.0 GB.")


def test_what_is_absent_for_some_is_not_promised_to_all(client_of: Client) -> None:
    schema = client_of(None).get("/api/api/schema/?format=json").json()["components"]["schemas"]["Competition"]
    sometimes = {"participant_status", "secret_key", "whitelist_emails"}
    assert sometimes <= set(schema["properties"])
    assert not sometimes & set(schema["required"])
    assert "title" in schema["required"]


def test_the_board_has_codabenchs_shape(finished: int, client_of: Client) -> None:
    phase = Competition.objects.get().phases.get()
    found = client_of(None).get(f"/api/phases/{phase.pk}/get_leaderboard/").json()
    has(found, "title", "id", "submissions", "tasks", "fact_sheet_keys", "primary_index")
    (row,) = found["submissions"]
    has(row, "id", "owner", "scores", "fact_sheet_answers", "slug_url", "organization", "created_when", "rank")
    assert (row["id"], row["owner"], row["rank"]) == (finished, "pat", 1)
    assert row["scores"] == [
        {
            "id": row["scores"][0]["id"],
            "index": 0,
            "score": "0.12",
            "column_key": "accuracy",
            "task_id": found["tasks"][0]["id"],
        }
    ]
    assert found["tasks"][0]["colWidth"] == 1


def test_a_competition_without_a_logo_is_as_the_schema_says(
    client_of: Client, competition: Competition, olivia: User
) -> None:
    client = client_of(olivia)
    answer = client.patch(f"/api/competitions/{competition.pk}/", {"logo": None}, format="json")
    assert answer.status_code == 200, answer.content
    assert (answer.json()["logo"], answer.json()["logo_icon"]) == (None, None)
    schemas = client.get("/api/api/schema/?format=json").json()["components"]["schemas"]
    having = {name: one["properties"] for name, one in schemas.items() if "logo_icon" in one.get("properties", {})}
    assert "EditedCompetition" in having
    for name, properties in having.items():
        assert properties["logo"].get("nullable") and properties["logo_icon"].get("nullable"), name

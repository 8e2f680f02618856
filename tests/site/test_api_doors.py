"""The API's doors: tokens, bans, bodies that make no sense, and the document that describes it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.models import F
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.queues.models import Queue
from tests.factories import PASSWORD
from tests.site.acting import shape, submit

Client = Callable[[User | None], APIClient]
Make = Callable[..., Competition]
NOT_LOGGED_IN = {"detail": "Authentication credentials were not provided."}


def token_client(user: User) -> APIClient:
    """A client with the user's token."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return client


@pytest.mark.parametrize("name", ["pat", "pat@example.org", "PAT", "Pat@Example.ORG"])
def test_a_token_is_given_for_name_or_address_and_password(name: str, pat: User) -> None:
    for format in ("json", "multipart"):
        answer = APIClient().post("/api/api-token-auth/", {"username": name, "password": PASSWORD}, format=format)
        assert answer.status_code == 200
        assert list(answer.json()) == ["token"]
        assert len(answer.json()["token"]) == 40
    again = APIClient().post("/api/api-token-auth/", {"username": name, "password": PASSWORD})
    assert again.json() == answer.json(), "the token is made once"


def test_wrong_credentials_are_refused_in_codabenchs_words(pat: User) -> None:
    answer = APIClient().post("/api/api-token-auth/", {"username": "pat", "password": "wrong"})
    assert (answer.status_code, shape(answer)) == (
        400,
        {"non_field_errors": ["Unable to log in with provided credentials."]},
    )
    missing = APIClient().post("/api/api-token-auth/", {"username": "pat"})
    assert (missing.status_code, shape(missing)) == (400, {"password": ["This field is required."]})


def test_a_wrong_token_is_a_403_as_is_none_at_all(pat: User) -> None:
    client = APIClient()
    assert shape(client.get("/api/my_profile/")) == NOT_LOGGED_IN
    assert client.get("/api/my_profile/").status_code == 403
    client.credentials(HTTP_AUTHORIZATION="Token " + "0" * 40)
    answer = client.get("/api/my_profile/")
    assert (answer.status_code, shape(answer)) == (403, {"detail": "Invalid token."})


def test_who_is_banned_is_kept_out_by_session_and_by_token(pat: User, client_of: Client) -> None:
    session, token = client_of(pat), token_client(pat)
    User.objects.filter(pk=pat.pk).update(is_banned=True)
    assert shape(session.get("/api/my_profile/")) == {"error": "You are banned from using Podium"}
    assert session.get("/api/my_profile/").status_code == 403
    assert token.get("/api/my_profile/").status_code == 403
    answer = APIClient().post("/api/api-token-auth/", {"username": "pat", "password": PASSWORD})
    assert answer.status_code == 403
    assert session.get("/").status_code == 403


def test_who_is_deleted_is_nobody_any_more(pat: User, client_of: Client) -> None:
    session, token = client_of(pat), token_client(pat)
    User.objects.filter(pk=pat.pk).update(is_deleted=True)
    assert token.get("/api/my_profile/").status_code == 403
    assert session.get("/api/my_profile/").status_code == 403
    answer = APIClient().post("/api/api-token-auth/", {"username": "pat", "password": PASSWORD})
    assert answer.status_code == 400


def test_a_browsers_form_without_its_csrf_token_is_refused(competition: Competition, sam: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(sam, backend="podium.site.accounts.backends.NameOrEmailBackend")
    assert client.post(f"/api/competitions/{competition.pk}/register/").status_code == 403
    assert not competition.participants.filter(user=sam).exists()
    assert token_client(sam).post(f"/api/competitions/{competition.pk}/register/").status_code == 201


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "null", "[1,2]", '{"phase": {"a": 1}, "data": []}'])
@pytest.mark.parametrize("path", ["submissions/", "datasets/", "api-token-auth/"])
def test_bodies_that_make_no_sense_are_400(body: str, path: str, pat: User, client_of: Client) -> None:
    answer = client_of(pat).post(f"/api/{path}", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/json"


def test_the_openapi_document_is_complete_and_without_warnings(tmp_path: Path) -> None:
    call_command(
        "spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"), stdout=io.StringIO()
    )
    text = (tmp_path / "schema.yaml").read_text()
    assert "/api/submissions/{id}/get_details/" in text


def test_the_documents_of_the_api_are_public(client_of: Client, db: None) -> None:
    for path in ("/api/api/schema/", "/api/docs/", "/api/redoc/"):
        assert client_of(None).get(path).status_code == 200


def test_nothing_is_counted_by_hand(competition: Competition, pat: User, queue: Queue, client_of: Client) -> None:
    submit(pat, competition)
    competition.participants.filter(user=pat).update(status="denied")
    (found,) = client_of(None).get("/api/competitions/").json()
    assert (found["participants_count"], found["submissions_count"]) == (0, 1)
    assert Competition.objects.filter(pk=F("pk")).count() == 1


def test_what_only_looks_like_a_key_is_not_found(pat: User) -> None:
    assert token_client(pat).put(f"/api/datasets/completed/{'0' * 36}/").status_code == 404


def test_options_describe_nothing_and_fail_on_nothing(pat: User) -> None:
    assert token_client(pat).options(f"/api/datasets/completed/{'0' * 36}/").status_code == 405

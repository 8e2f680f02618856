"""The caller's account, its tokens and its organizations."""

from __future__ import annotations

from podium.client.errors import PodiumError, UnexpectedAnswerError
from podium.client.models import ApiToken, Organization, Person, Profile
from podium.client.rules import call, creation, many, named, one, typed
from podium.client.steps import Plan, Stream, UseToken


def login(username: str, password: str) -> Plan[str]:
    """Exchange a name (or e-mail address) and password for a token, use it from now on, and return it."""
    answer = yield from call("POST", "api/api-token-auth/", json={"username": username, "password": password})
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise UnexpectedAnswerError("The server gave no token.", hint="Check the address of the server.")
    yield UseToken(token)
    return token


def me() -> Plan[Profile]:
    """The account that the token belongs to."""
    return (yield from one(Profile, "GET", "api/my_profile/"))


def tokens() -> Stream[ApiToken]:
    """The caller's API tokens, newest first, without their secrets."""
    return many(ApiToken, "api/tokens/")


def create_token(name: str, scope: str, *, expires_in_days: int | None = None) -> Plan[ApiToken]:
    """Make an API token for scripts; `scope` is read, submit, organize or admin. Its secret is in this answer alone."""
    body = {"name": name, "scope": scope, "expires_in_days": expires_in_days}
    return (yield from one(ApiToken, "POST", "api/tokens/", json=body))


def revoke_token(token: int) -> Plan[None]:
    """Revoke an API token; it opens nothing from now on."""
    with named(f"token {token}"):
        yield from call("DELETE", f"api/tokens/{token}/")


def find_people(text: str) -> Plan[list[Person]]:
    """At most five people whose user name contains a text, or whose address it is."""
    answer = yield from call("GET", "api/user_lookup/", params={"q": text})
    return [typed(Person, each, "api/user_lookup/") for each in answer["results"]]


# Organizations


def organizations() -> Stream[Organization]:
    """The organizations that the caller belongs to."""
    return many(Organization, "api/users/participant_organizations/")


def create_organization(name: str, email: str, **facts: str) -> Plan[Organization]:
    """Make an organization; `facts` may be location, description, website_url and others of its page."""
    body = {"name": name, "email": email, **facts}
    return (yield from one(Organization, "POST", "api/organizations/", json=body, headers=creation()))


def update_organization(organization: int, **facts: str) -> Plan[Organization]:
    """Change what is given of an organization, in the words of `create_organization`."""
    with named(f"organization {organization}"):
        return (yield from one(Organization, "PATCH", f"api/organizations/{organization}/", json=facts))


def invite_to_organization(organization: int, people: list[int]) -> Plan[None]:
    """Invite people, by number (see `find_people`), into an organization."""
    with named(f"organization {organization}"):
        yield from call("POST", f"api/organizations/{organization}/invite_users/", json={"users": people})


def answer_invitation(token: str, accept: bool = True) -> Plan[None]:
    """Accept or decline an invitation by the token that the mail has."""
    method = "POST" if accept else "DELETE"
    yield from call(method, "api/organizations/invite_response/", json={"token": token})


def delete_organization(organization: int) -> Plan[None]:
    """Delete an organization of the caller's. Raises PodiumError with the reason when that cannot be."""
    with named(f"organization {organization}"):
        answer = yield from call("DELETE", f"api/organizations/{organization}/delete_organization/")
    if not answer.get("success"):
        raise PodiumError(str(answer.get("message") or "The organization was not deleted."))

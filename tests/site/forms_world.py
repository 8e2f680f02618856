"""Every page with a form that people fill in, empty, filled and refused; for the tests that look at all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.utils import timezone
from pydantic import SecretStr

from podium.site.accounts import sign_in
from podium.site.accounts.models import Membership, User
from podium.site.accounts.services import organizations
from podium.site.competitions.models import Competition, Page, Participant, ParticipantStatus
from podium.site.config import SignInServer
from podium.site.forums.services import posting
from podium.site.leaderboards.models import Column
from podium.site.queues.services.lifecycle import create_queue
from tests.factories import PASSWORD, RESULT, UserFactory, dataset
from tests.factories import task as make_task
from tests.web.test_submission_pages import FACT_SHEET

LONG = "Averyveryveryveryverylongnamewithoutanyspaceinit" * 2
WORDS = "A rather long title of the kind that organizers give when nobody has told them to keep it short"
MARKDOWN = "## Data\n\nSome *text* with a [link](https://example.org).\n\n- one\n- two\n\n|a|b|\n|--|--|\n|1|2|\n"


@dataclass(frozen=True)
class State:
    """A page that somebody opens; with `press`, what it shows once the fields are filled in and that is pressed.

    fields: by name, what is typed; a switch is True or False. press: the selector of a button in the page's content.
    window: a window of its own, for somebody who logs in by the states themselves. files: by name, what is chosen.
    shows: what a script then shows on the same page, where the form is not sent.
    """

    who: User | None
    address: str
    fields: dict[str, str | bool] = field(default_factory=dict)
    press: str = ""
    name: str = ""
    window: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    shows: str = ""


States = list[State]
TOLD = ".field__error:not(:empty)"
SAVE = "form.form .button--main"
REGISTERED = {
    "id": "-G5oOpdh8ctZUxcOTobGEBcO0QzyT07dSPDij5SWuik",
    "rawId": "-G5oOpdh8ctZUxcOTobGEBcO0QzyT07dSPDij5SWuik",
    "type": "public-key",
    "authenticatorAttachment": "cross-platform",
    "response": {
        "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoicFJYNklMRk5uMFZwMzJjTHRyWVE1eVlfX2xxc0"
        "xUeko5NzEyeHdjY01sTSIsIm9yaWdpbiI6Imh0dHA6Ly9sb2NhbGhvc3Q6ODc1MCIsImNyb3NzT3JpZ2luIjpmYWxzZX0",
        "attestationObject": "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVikSZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2NFAA"
        "AAAQAAAAAAAAAAAAAAAAAAAAAAIPhuaDqXYfHLWVMXDk6GxhAXDtEM8k9O3Ujw4o-UlroppQECAyYgASFYIIbOWj3N6mUjHDDrj-o-NDwz"
        "iLeqNc3_hSVlwu4r9_HSIlggUWI61-sHEQp1_qoil-lZsoocLEfXHtyTt27aQY1kOWU",
        "transports": ["usb"],
    },
    "clientExtensionResults": {"credProps": {}},
}
"""What a browser says of a key that was registered with it."""


def refused(who: User | None, address: str, name: str, press: str = SAVE, /, **fields: str | bool) -> State:
    """A form with what was typed and errors beside its fields."""
    return State(who, address, fields, press, name)


def editor(make_competition: Callable[..., Competition], olivia: User) -> States:
    """The editor: a competition with much in it, one with little, and what is refused."""
    much = make_competition(ingestion=True, phases=3, tasks=2, fact_sheet=FACT_SHEET, reward="A medal", published=False)
    Competition.objects.filter(pk=much.pk).update(title=WORDS, description="Add numbers up. " * 9, terms=MARKDOWN * 3)
    much.phases.filter(index=1).update(name=LONG, description=MARKDOWN)
    board = much.leaderboards.all()[0]
    Column.objects.create(
        leaderboard=board, title=f"Mean of {LONG}"[:64], key="mean", index=1, computation="avg", computation_indexes=[0]
    )
    Page.objects.filter(competition=much).update(content=MARKDOWN * 4)
    Page.objects.create(competition=much, title=LONG[:100], content=MARKDOWN, index=9)
    colin = UserFactory(username="colin", display_name=LONG[:60])
    much.collaborators.add(colin, UserFactory(username="carla"))
    little = make_competition()
    Page.objects.filter(competition=little).delete()
    make_task(olivia, LONG[:100])
    site, bare = f"/competitions/{much.pk}/edit/", f"/competitions/{little.pk}/edit/"
    phase, page = much.phases.all()[1], much.pages.all()[0]
    parts = ["", "participation/", "pages/", "pages/new/", f"pages/{page.pk}/", "phases/", "phases/new/"]
    parts += [f"phases/{phase.pk}/", "leaderboards/", f"leaderboards/{board.pk}/", "leaderboards/new/"]
    parts += ["fact_sheet/", "administrators/"]
    seen = [State(olivia, site + part) for part in parts]
    seen += [State(olivia, bare + part) for part in ("pages/", "phases/", "leaderboards/", "fact_sheet/")]
    seen += [State(olivia, bare + "administrators/"), State(olivia, "/competitions/new/")]
    return [
        *seen,
        State(UserFactory(username="novice"), "/competitions/new/", name="new-competition-without-a-task"),
        refused(olivia, site, "editor-details-refused", title="", contact_email="nobody", report="nowhere"),
        refused(olivia, site, "editor-details-left", ".tabs a", reward="Half a sent"),
        State(olivia, site, name="editor-details-draft"),
        refused(olivia, site, "editor-details-saved", reward="Two medals"),
        refused(olivia, f"{site}participation/", "editor-participation-refused", whitelist_emails="nobody nowhere"),
        refused(olivia, f"{site}pages/new/", "editor-page-refused", title="", content=MARKDOWN, index="-1"),
        refused(olivia, f"{site}pages/{page.pk}/", "editor-page-preview", "button[name=preview]"),
        refused(olivia, f"{site}phases/new/", "editor-phase-refused", name="", memory_limit="much", gpus="-2"),
        refused(
            olivia,
            f"{site}phases/{phase.pk}/",
            "editor-phase-limits-refused",
            start="2030-01-02T09:00",
            end="2029-01-02T09:00",
            memory_limit="much",
        ),
        refused(
            olivia,
            f"{site}leaderboards/{board.pk}/",
            "editor-board-refused",
            title="",
            **{"columns-0-key": "", "columns-1-precision": "99"},
        ),
        refused(
            olivia,
            f"{site}fact_sheet/",
            "editor-fact-sheet-refused",
            **{"form-0-key": "not a key", "form-0-title": ""},
        ),
        refused(olivia, f"{site}administrators/", "editor-administrators-refused", username="nobody-at-all"),
        refused(olivia, "/competitions/new/", "new-competition-refused", title="", column_key="not a key"),
    ]


def things(make_competition: Callable[..., Competition], olivia: User, pat: User, sam: User) -> States:
    """What is refused, or looked at before it is sent, on pages of forums, resources, queues and organizers."""
    made = make_competition()
    site = f"/competitions/{made.pk}"
    thread = posting.start_thread(competition=made, by=pat, title=WORDS, content=MARKDOWN).thread
    made_queue = create_queue(user=olivia, name="lab")
    place = Participant.objects.get(competition=made, user=pat)
    Participant.objects.create(competition=made, user=sam, status=ParticipantStatus.PENDING)
    unused = make_task(olivia, "Sums")
    dataset(olivia, RESULT, type="input_data", name="taken")
    new = "/resources/datasets/new/?type=input_data"
    preview = "button[name=preview]"
    return [
        refused(pat, f"{site}/forum/new/", "thread-refused", title="", content=""),
        refused(pat, f"{site}/forum/new/", "thread-preview", preview, title=WORDS, content=MARKDOWN),
        refused(pat, f"{site}/forum/{thread.pk}/", "answer-refused", "form .form__actions .button--main", content=" "),
        refused(olivia, "/queues/new/", "queue-refused", name="", organizers="nobody nowhere"),
        refused(olivia, f"/queues/{made_queue.pk}/", "queue-token-refused", name=""),
        refused(olivia, f"/queues/{made_queue.pk}/", "queue-token-made", name="gpu machine"),
        State(olivia, new, name="upload"),
        refused(
            olivia, "/resources/datasets/new/", "upload-without-a-file", name="", license="MIT", description=MARKDOWN
        ),
        State(olivia, new, {"name": "taken"}, SAVE, "upload-refused", "", {"file": RESULT}, "[data-upload-said]"),
        State(olivia, new, {"name": "other"}, SAVE, "upload-of-nothing", "", {"file": b""}, TOLD),
        refused(olivia, "/resources/tasks/new/", "task-refused", name="", scoring_program="nothing like it"),
        refused(olivia, f"/resources/tasks/{unused.pk}/share/", "task-share-refused", people="nobody nowhere"),
        refused(olivia, f"{site}/message/", "message-preview", "form.form .button--main", message=MARKDOWN),
        refused(olivia, f"{site}/participants/{place.pk}/tries/", "tries-refused", tries="0", note=""),
        *(State(olivia, f"{site}/{part}/") for part in ("message", "access", "webhooks", "delete", "queue")),
        State(olivia, f"{site}/participants/", name="participants-told-by-mail"),
    ]


def signing_in(pat: User) -> States:
    """What is read before one is logged in, and after it by somebody whose account is all their own."""
    strong = UserFactory(username="strong")
    secret = generate_totp_secret()
    TOTP.activate(strong, secret)
    code = RecoveryCodes.activate(strong).get_unused_codes()[0]
    doors = [f"/accounts/{name}/" for name in ("login", "signup", "password/reset", "password/reset/done", "inactive")]
    doors += ["/accounts/confirm-email/", "/accounts/password/reset/key/1-wrong/", "/accounts/delete/MQ/wrong/"]
    mine = [f"/accounts/{name}/" for name in ("email", "password/change", "logout", "2fa", "2fa/totp/activate")]
    mine += ["/accounts/2fa/webauthn/", "/accounts/2fa/webauthn/add/", "/accounts/sessions/", "/accounts/3rdparty/"]
    mine += ["/profiles/security/", "/profiles/delete/", "/profiles/tokens/"]
    mine += [f"/profiles/user/{pat.username}/{part}" for part in ("", "edit/", "notifications/")]
    theirs = [
        f"/accounts/2fa/{name}" for name in ("", "recovery-codes/", "recovery-codes/generate/", "totp/deactivate/")
    ]
    send = ".form__actions .button--main"
    keys = UserFactory(username="keyholder")
    for name, used in (("YubiKey on my ring", timezone.now()), (LONG[:90], None)):
        registered = {**REGISTERED, "clientExtensionResults": {"credProps": {"rk": used is None}}}
        data = {"name": name, "credential": registered}
        one = Authenticator.objects.create(user=keys, type=Authenticator.Type.WEBAUTHN, data=data, last_used_at=used)
    listed = "/accounts/2fa/webauthn/"
    spare = RecoveryCodes.activate(keys).get_unused_codes()[0]
    door, ask = "/accounts/2fa/authenticate/", {"password": PASSWORD}
    theirs_too = [
        State(None, "/accounts/login/", {"login": "keyholder", **ask}, send, "key-asked-for", "keys"),
        State(None, door, {"code": spare}, ".form__actions button", "key-not-at-hand", "keys"),
        State(None, "/accounts/reauthenticate/", window="keys", name="reauthenticate-with-keys"),
        State(None, "/accounts/2fa/webauthn/reauthenticate/", window="keys"),
        State(None, "/accounts/reauthenticate/", ask, send, "keys-reauthenticated", "keys"),
        State(None, listed, window="keys", name="keys"),
        State(None, f"{listed}keys/{one.pk}/edit/", window="keys", name="key-renamed"),
        State(None, f"{listed}keys/{one.pk}/remove/", window="keys", name="key-removed"),
        State(None, "/accounts/2fa/", name="second-factor-by-keys", window="keys"),
    ]
    return [
        *theirs_too,
        *(State(None, address) for address in doors),
        refused(None, "/accounts/login/", "login-refused", send, login="nobody", password="wrong"),
        refused(None, "/accounts/signup/", "signup-refused", send, username="a b", email="nobody", password1="1"),
        refused(None, "/accounts/password/reset/", "reset-refused", send, email="nobody"),
        State(pat, "/accounts/reauthenticate/"),
        refused(pat, "/accounts/reauthenticate/", "reauthenticate-refused", send, password="wrong"),
        refused(pat, "/accounts/reauthenticate/", "reauthenticated", send, password=PASSWORD),
        *(State(pat, address) for address in mine),
        refused(pat, "/accounts/password/change/", "password-change-refused", send, oldpassword="wrong", password1="1"),
        refused(pat, "/accounts/2fa/totp/activate/", "totp-refused", send, code="000000"),
        refused(pat, "/profiles/delete/", "deletion-refused", ".form__actions .button--danger", username="somebody"),
        refused(pat, "/profiles/tokens/", "token-refused", name=""),
        refused(pat, "/profiles/tokens/", "token-made", name="laptop"),
        refused(pat, f"/profiles/user/{pat.username}/edit/", "profile-refused", username="a b", personal_url="x y"),
        refused(pat, f"/profiles/user/{pat.username}/notifications/", "notifications-saved", send),
        refused(pat, "/accounts/email/", "email-refused", send, email="nobody"),
        State(None, "/accounts/login/", {"login": "strong", "password": PASSWORD}, send, "second-factor", "strong"),
        State(None, "/accounts/2fa/authenticate/", {"code": "000000"}, send, "second-factor-refused", "strong"),
        State(None, "/accounts/2fa/authenticate/", {"code": code}, send, "second-factor-given", "strong"),
        State(None, "/accounts/reauthenticate/", {"password": PASSWORD}, send, "strong-reauthenticated", "strong"),
        *(State(None, address, window="strong") for address in theirs),
        State(None, "/accounts/2fa/recovery-codes/generate/", {}, send, "recovery-codes-made", "strong"),
    ]


def connected(settings: Any) -> States:
    """Log-in by other servers, with and without one connected."""
    both = [
        SignInServer(id=name, name=shown, server="https://id.example.org", client_id="podium")
        for name, shown in (("uni", "University"), ("orcid", "ORCID"))
    ]
    settings.CONFIG = settings.CONFIG.model_copy(update={"sign_in": both})
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": sign_in.provider(both)}
    grace = UserFactory(username="grace")
    said = {"userinfo": {"email": "grace@uni.example", "preferred_username": "grace"}}
    SocialAccount.objects.create(user=grace, provider="uni", uid="1", extra_data=said)
    page, remove = "/accounts/3rdparty/", "table button"
    return [
        State(None, "/accounts/login/", name="login-with-servers"),
        State(None, "/accounts/signup/", name="signup-with-servers"),
        State(grace, page, name="connections"),
        State(grace, "/profiles/security/", name="security-with-connections"),
        State(grace, page, {}, remove, "connection-removed"),
    ]


def people(olivia: User, pat: User, sam: User) -> States:
    """Profiles with much and with little in them, and organizations seen by owner, member, invited and strangers."""
    User.objects.filter(pk=olivia.pk).update(
        display_name="Olivia Ortiz de la Torre",
        title="Professor of adding up",
        location="Ávila",
        biography="Counts things.\nAlso adds them up. " * 6,
        personal_url="https://example.org/olivia",
        github_url="https://github.com/olivia",
        linkedin_url="https://www.linkedin.com/in/olivia",
    )
    facts = {"name": "The Lab", "email": "lab@example.org", "location": "Ávila", "website_url": "https://example.org/"}
    facts |= {"description": "We count.\nAnd add up." * 4, "github_url": "https://github.com/lab"}
    lab = organizations.create(by=olivia, facts=facts)
    long = organizations.create(by=olivia, facts={"name": LONG[:100], "email": "long@example.org"})
    for person, group in ((pat, "PARTICIPANT"), (UserFactory(display_name=LONG[:60]), "MANAGER")):
        Membership.objects.create(organization=lab, user=person, group=group)
    invited = Membership.objects.create(organization=lab, user=sam, group="INVITED")
    page = f"/profiles/organization/{lab.pk}/"
    states = [State(olivia, page + part) for part in ("", "edit/", "delete/")]
    states += [State(olivia, f"/profiles/organization/{long.pk}/"), State(olivia, "/profiles/organizations/")]
    states += [State(olivia, "/profiles/organization/create/"), State(olivia, "/profiles/user/olivia/")]
    states += [State(pat, page), State(pat, "/profiles/user/olivia/", name="olivia-by-pat")]
    states += [State(pat, "/profiles/organizations/", name="organizations-of-pat")]
    states += [State(sam, f"/profiles/organization/accept_invite/?token={invited.token}")]
    states += [State(sam, "/profiles/organizations/", name="organizations-of-sam")]
    states += [State(sam, page, name="organization-by-sam")]
    novice = UserFactory(username="newcomer")
    states += [State(novice, "/profiles/organizations/", name="organizations-none")]
    states += [State(novice, "/profiles/organization/accept_invite/?token=wrong", name="no-invitation")]
    return [
        *states,
        refused(olivia, page, "organization-invite-refused", users="nobody nowhere"),
        refused(
            olivia, "/profiles/organization/create/", "organization-refused", name="", email="x", website_url="x y"
        ),
        refused(olivia, f"{page}delete/", "organization-delete-refused", ".button--danger", name="Another"),
    ]


@pytest.fixture
def states(make_competition: Callable[..., Competition], olivia: User, pat: User, sam: User, settings: Any) -> States:
    """Who fills in what, on a site that sends mail."""
    settings.CONFIG = settings.CONFIG.model_copy(update={"email_url": SecretStr("smtp://localhost")})
    there = [*editor(make_competition, olivia), *things(make_competition, olivia, pat, sam)]
    return [*there, *signing_in(pat), *people(olivia, pat, sam), *connected(settings)]

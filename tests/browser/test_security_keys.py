"""A second factor by a real browser: a security key added, refused, used to log in, renamed and removed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import CDPSession, Page, expect

from podium.site.accounts.models import User
from tests.browser.conftest import Visit
from tests.factories import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.slow]
KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def plug_in(page: Page) -> tuple[CDPSession, str]:
    """A key in this computer, which answers by itself."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    return session, str(session.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})["authenticatorId"])


def test_a_key_is_added_refused_used_to_log_in_renamed_and_removed(visit: Callable[..., Visit], pat: User) -> None:
    window = visit(may_complain=True)  # of what is refused
    window.address = window.address.replace("127.0.0.1", "localhost")  # keys belong to names, not to numbers
    window.log_in(pat)
    page = window.open("/profiles/security/")
    page.get_by_role("link", name="Set it up").click()
    page.get_by_role("link", name="Add a key").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Add a security key")).to_be_visible()
    session, key = plug_in(page)
    told = page.get_by_role("alert")
    session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
    page.get_by_role("button", name="Add the key").click()
    expect(told.filter(has_text="No key answered")).to_be_visible()
    assert window.faults_in_every_look("key-refused") == []
    session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": True})
    page.get_by_label("Name of the key").fill("On my ring")
    page.get_by_label("Name of the key").press("Enter")  # does what the button does
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("link", name="Manage them").click()
    expect(page.get_by_role("row", name=re.compile("On my ring"))).to_be_visible()
    page.get_by_role("link", name="Add a key").click()
    page.get_by_role("button", name="Add the key").click()
    expect(told.filter(has_text="This key is here already.")).to_be_visible()
    assert Authenticator.objects.filter(user=pat, type="webauthn").count() == 1

    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(window.address + "/")
    page = window.open("/accounts/login/")
    page.get_by_label("User name or e-mail address").fill("pat")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in", exact=True).click()
    session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
    page.get_by_role("button", name="Use a security key").click()
    expect(told.filter(has_text="No key answered")).to_be_visible()
    session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": True})
    page.get_by_role("button", name="Use a security key").click()
    page.wait_for_url(window.address + "/")

    page = window.open("/accounts/2fa/webauthn/")
    page.get_by_role("link", name="Rename On my ring").click()
    page.get_by_role("link", name="Use a security key").click()  # for what decides who gets in one is asked once more
    page.get_by_role("button", name="Use a security key").click()
    page.get_by_label("Name of the key").fill("In the drawer")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Remove… In the drawer").click()
    page.get_by_role("link", name="Keep it").click()
    page.get_by_role("link", name="Remove… In the drawer").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("In the drawer")).to_have_count(0)
    assert not Authenticator.objects.filter(user=pat, type="webauthn").exists()

"""Logging in by another server in a browser: no policy of the pages stands in the way, there or back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from oidc_provider_mock import User as Known
from oidc_provider_mock import run_server_in_thread

from podium.site.accounts import sign_in
from podium.site.accounts.models import User
from podium.site.config import SignInServer
from tests.browser.conftest import PHONE, WIDE, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
GRACE = Known(sub="1", claims={"email": "grace@uni.example", "email_verified": True, "preferred_username": "grace"})


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_button_leads_there_and_back(visit: Callable[..., Visit], settings: Any, size: dict[str, int]) -> None:
    with run_server_in_thread(user_claims=[GRACE]) as server:
        address = f"http://localhost:{server.server_port}"
        one = SignInServer(id="uni", name="University", server=address, client_id="podium", client_secret="s")
        settings.CONFIG = settings.CONFIG.model_copy(update={"sign_in": [one]})
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": sign_in.provider([one])}
        there = visit(may_complain=True, viewport=size)  # the other server's page asks for a style sheet from elsewhere
        page = there.open("/accounts/login/")
        assert there.faults() == []
        page.get_by_role("button", name="Log in with University").click()
        page.wait_for_url(f"{address}/oauth2/authorize*")
        assert [complaint for complaint in there.complaints if there.address in complaint] == []
        page.get_by_role("button", name="1", exact=True).click()
        page.wait_for_url(f"{there.address}/")
        assert User.objects.get(username="grace").email == "grace@uni.example"
        there.open("/profiles/security/")
        assert there.faults() == []
        page.get_by_role("link", name="Manage them").click()
        page.get_by_role("heading", name="Log-in by other servers").wait_for()
        assert there.faults() == []

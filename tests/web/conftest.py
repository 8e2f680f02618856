"""Pages as a browser without scripts gets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from tests.web.html import Page

if TYPE_CHECKING:
    from podium.site.accounts.models import User

BACKEND = "podium.site.accounts.backends.NameOrEmailBackend"


class Visitor:
    """Somebody who looks at pages; each page is checked as a whole when it is opened."""

    def __init__(self, user: User | None) -> None:
        self.client = Client()
        if user is not None:
            self.client.force_login(user, backend=BACKEND)
        self.response: Any = None

    def open(self, url: str, *, status: int = 200, **headers: str) -> Page:
        """Open a page, following redirects, and check it."""
        self.response = self.client.get(url, follow=True, headers=headers)
        return self._checked(status)

    def send(self, url: str, data: dict[str, Any], *, status: int = 200) -> Page:
        """Send a form, following redirects, and check the page that answers."""
        self.response = self.client.post(url, data, follow=True)
        return self._checked(status)

    @property
    def url(self) -> str:
        """Where the last redirect led."""
        return (
            self.response.redirect_chain[-1][0] if self.response.redirect_chain else self.response.request["PATH_INFO"]
        )

    def _checked(self, status: int) -> Page:
        text = self.response.content.decode()
        assert self.response.status_code == status, text[:2000]
        page = Page(text)
        assert page.faults == []
        return page


@pytest.fixture
def visitor(db: None) -> Callable[..., Visitor]:
    """A visitor: anonymous, or logged in as the given person."""

    def make(user: User | None = None) -> Visitor:
        return Visitor(user)

    return make

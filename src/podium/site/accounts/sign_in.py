"""Logging in by servers of OpenID Connect, as the operator has set them up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from podium.site.config import SignInServer


def provider(servers: Sequence[SignInServer]) -> dict[str, Any]:
    """The settings of allauth's provider for these servers; the code that comes back is bound to its browser (PKCE)."""
    return {"OAUTH_PKCE_ENABLED": True, "APPS": [_app(server) for server in servers]}


def _app(server: SignInServer) -> dict[str, Any]:
    return {
        "provider_id": server.id,
        "name": server.name,
        "client_id": server.client_id,
        "secret": server.client_secret.get_secret_value(),
        "settings": {
            "server_url": server.server,
            "email_authentication": server.trust_addresses,
            "may_sign_up": server.may_sign_up,
        },
    }

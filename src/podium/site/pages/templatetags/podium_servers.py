"""What the page of other log-in servers says of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django import template

register = template.Library()


@register.filter
def known_there_as(account: SocialAccount) -> str:
    """By which name or address somebody is known on the other server, as far as it told."""
    told = account.extra_data.get("userinfo") or account.extra_data.get("id_token") or account.extra_data
    names = (told.get(name) for name in ("email", "preferred_username", "name"))
    return str(next((name for name in names if name), account.uid))


@register.filter
def without(servers: Iterable[Any], accounts: Iterable[SocialAccount]) -> list[Any]:
    """The servers that do not let somebody in yet."""
    known = {account.provider for account in accounts}
    return [server for server in servers if (server.app.provider_id or server.app.provider) not in known]

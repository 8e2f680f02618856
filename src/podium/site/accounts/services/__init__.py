"""Everything that changes accounts and organizations."""

from podium.site.accounts.services.people import (
    Administrator,
    changed,
    create_placeholder,
    ensure_administrator,
    set_banned,
    update_profile,
)

__all__ = ["Administrator", "changed", "create_placeholder", "ensure_administrator", "set_banned", "update_profile"]

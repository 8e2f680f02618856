"""Passwords that were forgotten."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.forms import ResetPasswordForm, default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.utils import translation

from podium.site.accounts import mails


def ask_for_link(*, email: str) -> None:
    """Have a link to choose a new password sent to an address, if there is an account that has it.

    That is found out by the site-worker: the page answers as quickly for an address that nobody has.
    """
    from podium.site.accounts.tasks import write_password_links  # noqa: PLC0415 - tasks lead into services

    write_password_links.enqueue(email, translation.get_language())


def write_links(*, email: str, language: str) -> None:
    """Write a mail with a link for each account that has an address; nothing for none.

    language: of the page on which it was asked for, for who has chosen none.
    """
    asked = ResetPasswordForm({"email": email})
    for user in asked.users if asked.is_valid() else ():
        key = default_token_generator.make_token(user)
        page = mails.address("account_reset_password_from_key", user_pk_to_url_str(user), key)
        told = {"user": user, "username": user.username, "password_reset_url": page}
        with translation.override(language):
            get_adapter().send_mail("account/email/password_reset_key", email, told)

"""How allauth behaves here."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import translation

from podium.site.accounts.validators import USERNAME_VALIDATORS
from podium.site.languages import is_language

log = structlog.get_logger(__name__)

LONGEST_NUMBER: Final = 191
"""Characters of what another server may call a person, as allauth keeps it."""


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up may be closed by the operator; mails go by the queue."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.CONFIG.open_registration)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Through the site-worker as all mails, so that a mail server that is away costs nobody a page."""
        from podium.site.accounts import mails  # noqa: PLC0415 - models are not ready when adapters are loaded

        whole = {**context, "email": email, "current_site": {"name": "Podium", "domain": settings.CONFIG.public_url}}
        # These mails answer what somebody has just done on a page: its language holds for who has chosen none.
        chosen = getattr(context.get("user"), "language", "")
        with translation.override(chosen if is_language(chosen) else translation.get_language()):
            message = self.render_mail(template_prefix, email, whole)
        mails.write(to=email, subject=message.subject, body=str(message.body))


class MfaAdapter(DefaultMFAAdapter):
    """The secrets of second factors lie encrypted in the database, by a key that comes from the site's."""

    def _box(self) -> Fernet:
        digest = hashlib.sha256(b"podium.accounts.mfa:" + settings.SECRET_KEY.encode()).digest()
        return Fernet(base64.urlsafe_b64encode(digest))

    def encrypt(self, text: str) -> str:
        return self._box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self._box().decrypt(encrypted_text.encode()).decode()

    def get_totp_label(self, user: Any) -> str:
        return str(user.username)


def _is_same(one: str, other: str) -> bool:
    """Whether two addresses are the same but for case, of ASCII alone: a database takes more letters for the same."""
    return one.encode().lower() == other.encode().lower()


def _number_of(told: Callable[[Any], str], data: Any) -> str:
    """What a server calls a person. Raises OAuth2Error where that cannot be kept, or is nothing."""
    try:
        number = told(data)
    except (KeyError, TypeError) as error:
        raise OAuth2Error("the server does not say who it is") from error
    if not 0 < len(number) <= LONGEST_NUMBER or "\0" in number:
        raise OAuth2Error("the server calls the person something that cannot be kept")
    return number


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Who comes from another server becomes an account here by that server's rules; see `config.SignInServer`."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(sociallogin.provider.app.settings["may_sign_up"])

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Without a form where the server tells an address and a user name that is free here; else people choose."""
        from podium.site.accounts.models import User  # noqa: PLC0415 - models are not ready when adapters are loaded

        name = sociallogin.user.username
        try:
            for validate in USERNAME_VALIDATORS:
                validate(name)
        except ValidationError:
            return False
        return bool(sociallogin.user.email) and not User.objects.filter(username__iexact=name).exists()

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        """Fill a new account; an address counts as confirmed where the operator trusts the server that says so.

        It says so by `true`. Some servers write it as text, and "false" is no yes.
        """
        user = super().populate_user(request, sociallogin, data)
        user.email = user.email.lower()
        is_trusted = sociallogin.provider.app.settings["email_authentication"]
        for address in sociallogin.email_addresses:
            address.verified = is_trusted and address.verified in (True, "true")
        return user

    def get_provider(self, request: HttpRequest, provider: Any, client_id: Any = None) -> Any:
        """A server, which a log-in that waits for a user name finds again by its id: two may have one client's."""
        found = super().get_provider(request, provider, client_id)
        found.serialize = lambda: {"id": found.sub_id}
        found.extract_uid = partial(_number_of, found.extract_uid)
        return found

    def authenticate_by_email(self, sociallogin: Any) -> Any:
        """Whose account an address opens that a trusted server calls confirmed.

        Whose confirmed address it is; else who has it as their own. That may be somebody who signed up with another's
        address to wait for them: allauth takes their password and sessions away, and here go the other ways in. An
        address that was asked for and never confirmed opens nothing.
        """
        from allauth.account.models import EmailAddress  # noqa: PLC0415

        from podium.site.accounts.models import User  # noqa: PLC0415
        from podium.site.accounts.services.people import shut_out_others  # noqa: PLC0415

        for email in [one.email for one in sociallogin.email_addresses if one.verified]:
            if not self.can_authenticate_by_email(sociallogin, email):
                continue
            people = User.objects.filter(is_active=True, is_deleted=False)
            rows = EmailAddress.objects.filter(email__iexact=email, verified=True, user__in=people).select_related(
                "user"
            )
            confirmed = next((row.user for row in rows if _is_same(row.email, email)), None)
            if confirmed is not None:
                return confirmed, email
            claimed = people.filter(email__iexact=email).first()
            if claimed is not None and _is_same(claimed.email or "", email):
                shut_out_others(user=claimed)
                return claimed, email
        return None

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[Any]:
        """The operator's servers; rows of the database, which an administrator could make, are none."""
        apps = super().list_apps(request, provider, client_id)
        return [app for app in apps if app.pk is None]

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        log.warning(
            "a log-in by another server failed", server=provider.app.provider_id, error=error, why=str(exception)
        )

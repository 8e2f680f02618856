"""Sign-up."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import SignupForm as BaseSignupForm
from django import forms

from podium.site.accounts.models import User


class SignupForm(BaseSignupForm):
    """Name, address and password; a user name that differs from another only in case is refused beside its field."""

    def clean_username(self) -> str:
        username: str = super().clean_username()
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError("A user with that name already exists.")
        return username

    def clean_email(self) -> Any:
        email = super().clean_email()
        return email.lower() if isinstance(email, str) else email

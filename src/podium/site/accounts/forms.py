"""Sign-up, profiles, tokens, organizations."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm as BaseChangePasswordForm
from allauth.account.forms import ResetPasswordForm as BaseResetPasswordForm
from allauth.account.forms import ResetPasswordKeyForm as BaseResetPasswordKeyForm
from allauth.account.forms import SetPasswordForm as BaseSetPasswordForm
from allauth.account.forms import SignupForm as BaseSignupForm
from allauth.socialaccount.forms import SignupForm as BaseSocialSignupForm
from django import forms
from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from podium.site.accounts.models import SETTABLE, Organization, Scope, User
from podium.site.accounts.policies import people_to_name
from podium.site.accounts.services.passwords import ask_for_link
from podium.site.accounts.services.people import PREFERENCES, PROFILE
from podium.site.errors import Refused
from podium.site.pictures import Picture, read_picture

MAX_PHOTO_BYTES = 2 * 1024 * 1024


class _Signup(forms.Form):
    """A user name that differs from another only in case is refused beside its field."""

    def clean_username(self) -> str:
        username: str = super().clean_username()  # type: ignore[misc]
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError(_("A user with that name already exists."))
        return username

    def clean_email(self) -> Any:
        email = super().clean_email()  # type: ignore[misc]
        return email.lower() if isinstance(email, str) else email


class _NewPassword(forms.Form):
    """What a password must be is said in a line; which of it is missing, the refusal says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = _("At least 8 characters; not digits alone, and nothing easy to guess.")


class ChangePasswordForm(_NewPassword, BaseChangePasswordForm):
    """The present password and a new one."""


class SetPasswordForm(_NewPassword, BaseSetPasswordForm):
    """A password for an account that has none."""


class ResetPasswordKeyForm(_NewPassword, BaseResetPasswordKeyForm):
    """A new password by the link in a mail."""


class SignupForm(_Signup, _NewPassword, BaseSignupForm):
    """Name, address and password."""

    def try_save(self, request: Any) -> Any:
        """Make the account; where the address has one and that is not told, as slow as a new one."""
        if self.account_already_exists:
            User().set_password(self.cleaned_data["password1"])
        return super().try_save(request)


class SocialSignupForm(_Signup, BaseSocialSignupForm):
    """Name and address of somebody who logs in by another server."""


class ResetPasswordForm(BaseResetPasswordForm):
    """Where a link goes. Whether an account has the address is asked later, so that the answer's time tells nothing."""

    def clean_email(self) -> str:
        return str(get_adapter().clean_email(self.cleaned_data["email"].lower()))

    def save(self, request: Any, **_options: Any) -> str:
        """Ask for the link."""
        email: str = self.cleaned_data["email"]
        ask_for_link(email=email)
        return email


class _Refusable:
    """A form that shows a refusal, beside its field where it has one."""

    def refuse(self, refused: Refused) -> None:
        """Take the reason over."""
        self.add_error(refused.field if refused.field in self.fields else None, refused.message)  # type: ignore[attr-defined]


class PhotoField(forms.FileField):
    """A picture, read to its end; its value is a `Picture`, or None."""

    widget = forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/gif,image/webp"})

    def clean(self, data: Any, initial: Any = None) -> Picture | None:
        file = super().clean(data, initial)
        if not file:
            return None
        if file.size > MAX_PHOTO_BYTES:
            raise forms.ValidationError(_("A photo has at most 2 MiB."))
        try:
            return read_picture({"file_name": file.name, "data": base64.b64encode(file.read()).decode()}, "photo")
        except Refused as refused:
            raise forms.ValidationError(refused.message) from refused


class AddressField(forms.URLField):
    """A web address; without a scheme it is https."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"assume_scheme": "https", **options})


_URL = {"placeholder": "https://", "autocomplete": "off"}


class ProfileForm(_Refusable, forms.ModelForm[User]):
    """What others see of a person, and the language in which they see the site."""

    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=lambda: [("", _("As the browser says")), *settings.LANGUAGES],
        required=False,
        help_text=gettext_lazy("Of pages and of mails to you. Nobody else sees it."),
    )
    photo = PhotoField(
        required=False, label=gettext_lazy("Photo"), help_text=gettext_lazy("PNG, JPEG, GIF or WebP, up to 2 MiB.")
    )
    remove_photo = forms.BooleanField(required=False, label=gettext_lazy("Take the photo away"))

    class Meta:
        model = User
        fields = (*PROFILE, *PREFERENCES)
        labels = {
            "username": gettext_lazy("User name"),
            "display_name": gettext_lazy("Display name"),
            "title": gettext_lazy("Job title"),
            "location": gettext_lazy("Location"),
            "biography": gettext_lazy("Biography"),
            "personal_url": gettext_lazy("Website"),
            "linkedin_url": gettext_lazy("LinkedIn"),
            "twitter_url": gettext_lazy("X (Twitter)"),
            "github_url": gettext_lazy("GitHub"),
        }
        help_texts = {
            "username": gettext_lazy("Others find and invite you by it, and you log in with it."),
            "display_name": gettext_lazy("Shown on boards in place of the user name."),
        }
        field_classes = dict.fromkeys(("personal_url", "linkedin_url", "twitter_url", "github_url"), AddressField)
        widgets = {"biography": forms.Textarea(attrs={"rows": 5})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.photo_id:
            del self.fields["remove_photo"]
        for name in ("personal_url", "linkedin_url", "twitter_url", "github_url"):
            self.fields[name].widget.attrs |= _URL

    def facts(self) -> dict[str, Any]:
        """What the use case takes."""
        return {name: value for name, value in self.cleaned_data.items() if name not in {"photo", "remove_photo"}}

    def _post_clean(self) -> None:
        """The use case checks and saves; the instance is only what is shown at first."""


class NotificationsForm(forms.ModelForm[User]):
    """Which mails a person wants."""

    class Meta:
        model = User
        fields = ("organizer_direct_message_updates", "allow_forum_notifications", "allow_organization_invite_emails")
        labels = {
            "organizer_direct_message_updates": gettext_lazy("Mails from organizers of competitions"),
            "allow_forum_notifications": gettext_lazy(
                "Answers in forum threads that you follow, new threads where you organize"
            ),
            "allow_organization_invite_emails": gettext_lazy("Invitations to organizations"),
        }


class TokenForm(_Refusable, forms.Form):
    """A new API token."""

    name = forms.CharField(
        max_length=100,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("For you, such as the script that uses it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(
        choices=Scope.choices,
        initial=Scope.SUBMIT,
        label=gettext_lazy("Scope"),
        help_text=gettext_lazy("Each includes those above it."),
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Expires"),
        choices=[
            ("30", gettext_lazy("after 30 days")),
            ("90", gettext_lazy("after 90 days")),
            ("365", gettext_lazy("after a year")),
            ("", gettext_lazy("never")),
        ],
        initial="90",
        required=False,
        coerce=int,
        empty_value=None,
    )


class DeleteAccountForm(forms.Form):
    """Who one is, once more, before an account goes."""

    username = forms.CharField(
        max_length=50, label=gettext_lazy("Your user name"), widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    password = forms.CharField(
        max_length=4096,
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, data: Any, person: User) -> None:
        """person: whose account it is; without a password they are asked for none."""
        super().__init__(data)
        self.fields["password"].required = person.has_usable_password()


class OrganizationForm(_Refusable, forms.ModelForm[Organization]):
    """What an organization tells of itself."""

    photo = PhotoField(
        required=False, label=gettext_lazy("Photo"), help_text=gettext_lazy("PNG, JPEG, GIF or WebP, up to 2 MiB.")
    )

    class Meta:
        model = Organization
        fields = (
            "name",
            "email",
            "location",
            "description",
            "website_url",
            "linkedin_url",
            "twitter_url",
            "github_url",
        )
        labels = {
            "name": gettext_lazy("Name"),
            "email": gettext_lazy("E-mail address"),
            "location": gettext_lazy("Location"),
            "description": gettext_lazy("Description"),
            "website_url": gettext_lazy("Website"),
            "linkedin_url": gettext_lazy("LinkedIn"),
            "twitter_url": gettext_lazy("X (Twitter)"),
            "github_url": gettext_lazy("GitHub"),
        }
        help_texts = {"email": gettext_lazy("Members see it.")}
        field_classes = dict.fromkeys(("website_url", "linkedin_url", "twitter_url", "github_url"), AddressField)
        widgets = {"description": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("website_url", "linkedin_url", "twitter_url", "github_url"):
            self.fields[name].widget.attrs |= _URL

    def facts(self) -> dict[str, Any]:
        """What the use case takes."""
        return {name: value for name, value in self.cleaned_data.items() if name != "photo"}

    def _post_clean(self) -> None:
        """The use case checks and saves."""


class InviteForm(_Refusable, forms.Form):
    """Whom to invite."""

    users = forms.CharField(
        label=gettext_lazy("User names"),
        max_length=6000,
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Separated by spaces or commas."),
    )

    def clean_users(self) -> list[int]:
        """The people named; every name that nobody has is told."""
        names = dict.fromkeys(self.cleaned_data["users"].replace(",", " ").replace(";", " ").split())
        found = {person.username.lower(): person.pk for person in people_to_name().filter(_named(names))}
        missing = [name for name in names if name.lower() not in found]
        if missing:
            raise forms.ValidationError(_("Nobody here is called %(missing)s.") % {"missing": ", ".join(missing[:10])})
        return list(found.values())


def _named(names: Iterable[str]) -> Q:
    wanted = Q(pk__in=[])
    for name in list(names)[:200]:
        wanted |= Q(username__iexact=name)
    return wanted


class GroupForm(forms.Form):
    """What a member becomes."""

    group = forms.ChoiceField(choices=[(group.value, group.label) for group in SETTABLE])


class DeleteOrganizationForm(forms.Form):
    """The name, typed again."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))

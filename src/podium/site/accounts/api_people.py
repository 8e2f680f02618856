"""People in the REST API: profiles, the look-up, the end of an account (Codabench's paths and shapes)."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import exceptions, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from podium.site import conditional
from podium.site.accounts import queries
from podium.site.accounts.authentication import refuse_without_password
from podium.site.accounts.models import User
from podium.site.accounts.services import deletion, people
from podium.site.api_fields import ID_REGEX, caller
from podium.site.errors import Forbidden, Refused
from podium.site.pictures import read_picture


class UserInput(serializers.ModelSerializer[User]):
    """What people change of their account; `photo` is JSON with a name and the picture in base64, "" takes it away."""

    username = serializers.CharField(max_length=50, required=False)
    email = serializers.EmailField(max_length=200, required=False)
    photo = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=4_000_000)

    class Meta:
        model = User
        fields = [*people.PROFILE, "email", "photo", *people.NOTIFICATIONS]


def _profile(person: User) -> dict[str, Any]:
    """What a change of an account can touch, as it is now."""
    return people.profile_of(User.objects.get(pk=person.pk))


class UserViewSet(viewsets.GenericViewSet[User]):
    """Accounts: their owner and administrators change them. There is no list, and nothing to read."""

    queryset = User.objects.none()
    serializer_class = UserInput
    lookup_value_regex = ID_REGEX
    schema_tags = ("users",)

    def _change(self, request: Request, pk: str) -> Response:
        user = caller(request)
        if user.pk != int(pk) and not user.is_superuser:
            raise Forbidden("You can change your own profile only.")
        person = get_object_or_404(User.objects.filter(is_deleted=False), pk=pk)
        asked = UserInput(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        facts = dict(asked.validated_data)
        photo = facts.pop("photo", None)
        if "email" in facts and facts["email"].lower() != (person.email or "").lower():
            refuse_without_password(request)
        rows = User.objects.select_for_update(of=("self",), no_key=True).filter(pk=person.pk)
        with conditional.unless_changed(request, lock=lambda: list(rows), state=lambda: _profile(person)):
            changed = people.update_profile(user=person, by=user, facts=facts, photo=read_picture(photo, "photo"))
            if photo == "":
                people.remove_photo(user=changed, by=user)
        tag = conditional.strong_tag(request, None, _profile(person))
        return conditional.tagged(Response(changed.get_absolute_url()), tag)

    @extend_schema(request=UserInput, responses={200: str})
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change one's account; answers with the address of the profile."""
        return self._change(request, pk)

    @extend_schema(request=UserInput, responses={200: str})
    def update(self, request: Request, pk: str) -> Response:
        """As PATCH: what is absent stays."""
        return self._change(request, pk)


class UserLookupView(APIView):
    """Find people to invite or to add, by a part of their name or by their whole address."""

    @extend_schema(
        parameters=[OpenApiParameter("q", str, description="part of a user name, or a whole e-mail address")],
        responses=inline_serializer(
            "UserLookup",
            {
                "results": inline_serializer(
                    "UserFound",
                    {
                        "id": serializers.IntegerField(),
                        "name": serializers.CharField(),
                        "username": serializers.CharField(),
                    },
                    many=True,
                )
            },
        ),
    )
    def get(self, request: Request) -> Response:
        """Five people at most, never the caller; addresses are shown to administrators alone."""
        user = caller(request)
        text = request.query_params.get("q", "").replace("\0", "")[:200]
        found = queries.lookup(user, text)
        return Response({"results": [{"id": one.pk, "name": name, "username": one.username} for one, name in found]})


class DeleteAccountInput(serializers.Serializer[Any]):
    """Who one is, once more."""

    username = serializers.CharField(max_length=200)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)


class DeleteAccountView(APIView):
    """Ask for the end of one's account; a mailed link confirms it."""

    @extend_schema(
        request=DeleteAccountInput,
        responses=inline_serializer(
            "DeleteAccountAnswer",
            {
                "success": serializers.BooleanField(),
                "message": serializers.CharField(required=False),
                "error": serializers.CharField(required=False),
            },
        ),
    )
    def delete(self, request: Request) -> Response:
        """Check the password and mail the link. A wrong one answers 200 with `success: false`, as Codabench does."""
        user = caller(request)
        asked = DeleteAccountInput(data=request.data)
        asked.is_valid(raise_exception=True)
        facts = asked.validated_data
        if not proves(request, user, facts["username"], facts["password"]):
            return Response({"success": False, "error": "Wrong username or password"})
        try:
            deletion.request_deletion(user=user)
        except Refused as refused:
            return Response({"success": False, "error": refused.message})
        return Response({"success": True, "message": "A confirmation link has been sent to your email."})


def proves(request: Any, user: User, username: str, password: str) -> bool:
    """Whether somebody who is logged in knows their password; wrong tries count as at the log-in. Raises Throttled.

    Who logs in by other servers alone has none: there the name has to do, and the mailed link proves the rest.
    """
    if not user.has_usable_password():
        return username.lower() == user.username.lower()
    try:
        found = get_adapter(request).authenticate(
            getattr(request, "_request", request), username=username, password=password
        )
    except ValidationError as refusal:
        raise exceptions.Throttled(detail=" ".join(refusal.messages)) from refusal
    return found is not None and found.pk == user.pk and username.lower() == user.username.lower()

"""Organizations in the REST API (Codabench's paths and shapes)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import generics, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from podium.site.accounts import policies
from podium.site.accounts.models import SETTABLE, Group, Membership, Organization
from podium.site.accounts.services import organizations
from podium.site.accounts.services.people import stored_picture
from podium.site.api_fields import ID_REGEX, MAX_ID, Cap, caller, image_url
from podium.site.errors import Forbidden, Refused
from podium.site.idempotency import keeping
from podium.site.pictures import read_picture


class OrganizationLinkSerializer(serializers.ModelSerializer[Organization]):
    """An organization as others name it."""

    url = serializers.CharField(source="get_absolute_url")

    class Meta:
        model = Organization
        fields = ["id", "name", "url"]


class ParticipantOrganizationsView(generics.GenericAPIView[Organization]):
    """The organizations that the caller belongs to."""

    queryset = Organization.objects.none()
    serializer_class = OrganizationLinkSerializer
    pagination_class = Cap
    filter_backends = ()

    @extend_schema(responses=OrganizationLinkSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The caller's organizations, by name."""
        found = policies.organizations_of(caller(request)).order_by("name")
        return self.get_paginated_response(self.get_serializer(self.paginate_queryset(found), many=True).data)


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    """An organization as its editors see and change it; `photo` is JSON with a name and the picture in base64."""

    photo = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=4_000_000)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Organization
        fields = ["id", *organizations.FIELDS, "photo", "date_created", "url"]
        read_only_fields = ["id", "date_created"]
        # Names and addresses are compared without regard to case, by the use case.
        extra_kwargs: ClassVar[dict[str, Any]] = {"name": {"validators": []}, "email": {"validators": []}}

    def to_representation(self, instance: Organization) -> dict[str, Any]:
        shown = {**super().to_representation(instance), "photo": image_url(instance.photo)}
        return {name: shown[name] for name in self.Meta.fields}


class MembershipInput(serializers.Serializer[Any]):
    """Which member."""

    membership = serializers.IntegerField(min_value=1, max_value=MAX_ID)


class GroupInput(MembershipInput):
    """Which member, and what they become."""

    group = serializers.ChoiceField(choices=[(group.value, group.label) for group in SETTABLE])


class InviteInput(serializers.Serializer[Any]):
    """Whom to invite."""

    users = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID), max_length=organizations.MAX_INVITED
    )


class InvitationInput(serializers.Serializer[Any]):
    """The token of an invitation."""

    token = serializers.CharField(max_length=100)


_TEXT = {200: OpenApiTypes.STR}


class OrganizationViewSet(viewsets.GenericViewSet[Organization]):
    """Organizations: made, changed, and who belongs to them."""

    queryset = Organization.objects.none()
    serializer_class = OrganizationSerializer
    lookup_value_regex = ID_REGEX

    def get_queryset(self) -> Any:
        return policies.known_to(self.request.user).select_related("photo")

    @extend_schema(parameters=[keeping.HEADER], request=OrganizationSerializer, responses={201: OrganizationSerializer})
    @keeping.idempotent
    def create(self, request: Request) -> Response:
        """Make an organization; the caller owns it."""
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        facts = dict(asked.validated_data)
        picture = read_picture(facts.pop("photo", None), "photo")
        with transaction.atomic():
            photo = stored_picture(picture, "organization_photos") if picture else None
            made = organizations.create(by=caller(request), facts=facts, photo=photo)
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)

    def update(self, request: Request, pk: str) -> Response:
        """Change an organization; editors do that."""
        return self._change(request, partial=False)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is given of an organization."""
        return self._change(request, partial=True)

    def _change(self, request: Request, *, partial: bool) -> Response:
        organization = self.get_object()
        if not policies.can_edit(request.user, organization):
            raise Forbidden("You do not have access to edit this organization: its owner and its managers do that.")
        asked = self.get_serializer(organization, data=request.data, partial=partial)
        asked.is_valid(raise_exception=True)
        facts = dict(asked.validated_data)
        picture = read_picture(facts.pop("photo", None), "photo")
        with transaction.atomic():
            photo = stored_picture(picture, "organization_photos") if picture else None
            changed = organizations.update(organization=organization, by=caller(request), facts=facts, photo=photo)
        return Response(self.get_serializer(changed).data)

    @extend_schema(request=GroupInput, responses={200: {"type": "array", "items": {"type": "string"}}})
    @action(detail=True, methods=["post"])
    def update_member_group(self, request: Request, pk: str) -> Response:
        """Make a member a manager, a participant or a plain member."""
        organization = self.get_object()
        asked = GroupInput(data=request.data)
        asked.is_valid(raise_exception=True)
        member = organizations.set_group(organization=organization, by=caller(request), **asked.validated_data)
        return Response([f"{member.user.username} is {member.get_group_display().lower()} now."])

    @extend_schema(request=InviteInput, responses={200: {"type": "object"}})
    @action(detail=True, methods=["post"])
    def invite_users(self, request: Request, pk: str) -> Response:
        """Invite people, who are told by mail unless they switched that off."""
        organization = self.get_object()
        asked = InviteInput(data=request.data)
        asked.is_valid(raise_exception=True)
        organizations.invite(organization=organization, by=caller(request), users=asked.validated_data["users"])
        return Response({})

    @extend_schema(request=MembershipInput, responses=_TEXT)
    @action(detail=True, methods=["delete"])
    def delete_member(self, request: Request, pk: str) -> Response:
        """Take a member out, or an invitation back."""
        organization = self.get_object()
        asked = MembershipInput(data=request.data)
        asked.is_valid(raise_exception=True)
        organizations.remove(organization=organization, by=caller(request), **asked.validated_data)
        return Response("Member removed")

    @extend_schema(
        responses=inline_serializer(
            "OrganizationDeleted", {"success": serializers.BooleanField(), "message": serializers.CharField()}
        )
    )
    @action(detail=True, methods=["delete"])
    def delete_organization(self, request: Request, pk: str) -> Response:
        """Delete an organization; a refusal answers 200 with `success: false`, as Codabench does."""
        organization = self.get_object()
        try:
            organizations.delete(organization=organization, by=caller(request))
        except Refused as refused:
            return Response({"success": False, "message": refused.message})
        return Response({"success": True, "message": "Organization deleted."})

    @extend_schema(
        methods=["POST"],
        request=InvitationInput,
        responses=inline_serializer(
            "InvitationAccepted", {"invite_status": serializers.CharField(), "redirect_url": serializers.CharField()}
        ),
    )
    @extend_schema(
        methods=["DELETE"],
        request=None,
        parameters=[OpenApiParameter("token", str, description="the invitation's; a body with it does as well")],
        responses=_TEXT,
    )
    @action(detail=False, methods=["post", "delete"])
    def invite_response(self, request: Request) -> Response:
        """Accept an invitation by POST, decline it by DELETE."""
        user = caller(request)
        if request.method == "DELETE":
            organizations.decline(user=user, token=_token(request))
            return Response("Invitation declined")
        found = organizations.accept(user=user, token=_token(request))
        return Response({"invite_status": "accepted", "redirect_url": found.organization.get_absolute_url()})

    @extend_schema(
        request=InvitationInput,
        responses={
            200: inline_serializer(
                "Invitation",
                {
                    "date_joined": serializers.DateTimeField(),
                    "user": serializers.IntegerField(),
                    "organization_name": serializers.CharField(),
                },
            ),
            301: inline_serializer("InvitationUsed", {"redirect_url": serializers.CharField()}),
        },
    )
    @action(detail=False, methods=["post"])
    def validate_invite(self, request: Request) -> Response:
        """What an invitation is for; 301 with the organization's address once it was accepted (Codabench's answer)."""
        found: Membership = organizations.invitation(user=caller(request), token=_token(request))
        if found.group != Group.INVITED:
            return Response({"redirect_url": found.organization.get_absolute_url()}, status=301)
        return Response(
            {
                "date_joined": found.date_joined,
                "user": found.user_id,
                "organization_name": found.organization.name,
            }
        )


def _token(request: Request) -> str:
    inside = isinstance(request.data, dict) and "token" in request.data
    asked = InvitationInput(data=request.data if inside else request.query_params.dict())
    asked.is_valid(raise_exception=True)
    return str(asked.validated_data["token"])

"""Addresses of the pages of people and organizations."""

from __future__ import annotations

from django.urls import path

from podium.site.accounts import views, views_sign_in
from podium.site.accounts import views_organizations as organizations

app_name = "accounts"
urlpatterns = [
    path("profiles/user/<str:username>/", views.profile, name="profile"),
    path("profiles/user/<str:username>/edit/", views.edit, name="edit"),
    path("profiles/user/<str:username>/notifications/", views.notifications, name="notifications"),
    path("profiles/security/", views.security, name="security"),
    path("profiles/security/log_out_everywhere/", views.log_out_everywhere, name="log-out-everywhere"),
    path("profiles/tokens/", views.token_list, name="tokens"),
    path("profiles/tokens/<int:pk>/revoke/", views.token_revoke, name="token-revoke"),
    path("profiles/delete/", views.ask_deletion, name="ask-deletion"),
    path("accounts/oidc/<slug:provider_id>/login/", views_sign_in.leave, name="sign-in-elsewhere"),
    path("accounts/delete/<str:uid>/<str:token>/", views.delete, name="delete"),
    path("profiles/organizations/", organizations.mine, name="organizations"),
    path("profiles/organization/create/", organizations.create, name="organization-create"),
    path("profiles/organization/accept_invite/", organizations.accept_invite, name="accept-invite"),
    path("profiles/organization/<int:pk>/", organizations.organization, name="organization"),
    path("profiles/organization/<int:pk>/edit/", organizations.edit, name="organization-edit"),
    path("profiles/organization/<int:pk>/invite/", organizations.invite, name="organization-invite"),
    path("profiles/organization/<int:pk>/leave/", organizations.leave, name="organization-leave"),
    path("profiles/organization/<int:pk>/delete/", organizations.delete, name="organization-delete"),
    path(
        "profiles/organization/<int:pk>/members/<int:membership_id>/", organizations.member, name="organization-member"
    ),
]

"""Addresses of the account pages. The names are those that allauth looks up; what we don't offer has no address."""

from __future__ import annotations

from allauth.account import views as allauth_views
from django.urls import path, re_path

from portal.accounts import views

urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="account_login"),
    path("sign-out/", allauth_views.logout, name="account_logout"),
    path("sign-up/", allauth_views.signup, name="account_signup"),
    path("sign-in/inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("password/reset/", views.Forgotten.as_view(), name="account_reset_password"),
    path("password/reset/done/", allauth_views.password_reset_done, name="account_reset_password_done"),
    path(
        "password/reset/key/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]{1,40})-(?P<key>[-\w]{1,200})/$",
        views.NewPassword.as_view(),
        name="account_reset_password_from_key",
    ),
    path("setup/<str:token>/", views.setup, name="setup"),
    path("account/", views.account, name="account"),
]

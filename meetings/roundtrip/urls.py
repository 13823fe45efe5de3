"""Addresses for programs: what authorization services send to us, and what Red5 Pro servers ask us."""

from django.urls import path

from meetings.views import callback, streams

urlpatterns = [
    path("rta/revoke", callback.revoke, name="rta-revoke"),
    path("rta/<str:secret>/validateCredentials", streams.validate, name="stream-validate"),
    path("rta/<str:secret>/invalidateCredentials", streams.invalidate, name="stream-invalidate"),
    path("validateCredentials", streams.validate, name="stream-validate-bare"),
    path("invalidateCredentials", streams.invalidate, name="stream-invalidate-bare"),
]

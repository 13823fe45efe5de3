"""Every address of the portal. Packages bring their own lists."""

from __future__ import annotations

import importlib.util

from django.urls import URLPattern, URLResolver, include, path

from portal import health

handler500 = "portal.views.failed"
handler429 = "portal.views.too_many"
"""By this name allauth finds it."""

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("portal.accounts.urls")),
    path("api/v1/", include("portal.api.urls")),
]
for package in ("meetings.door_urls", "meetings.roundtrip.urls", "meetings.urls", "portal.pages.urls"):
    if importlib.util.find_spec(package):
        urlpatterns.append(path("", include(package)))

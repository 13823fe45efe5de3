"""Every address of the portal. Packages bring their own lists."""

from __future__ import annotations

import importlib.util

from django.urls import URLPattern, URLResolver, include, path

from portal import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", health.livez, name="livez"),
    path("", include("allauth.account.urls")),
]
if importlib.util.find_spec("meetings.door_urls"):
    urlpatterns.append(path("", include("meetings.door_urls")))
if importlib.util.find_spec("meetings.urls"):
    urlpatterns.append(path("", include("meetings.urls")))

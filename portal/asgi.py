"""Puts the pieces together: pages, sockets, and the live meetings that both may reach."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core.asgi import get_asgi_application

from portal.kept_answers import KeptAnswers
from portal.threads import KeptThreads
from portal.turns import Turns

if TYPE_CHECKING:
    from meetings.live import Live


def application_for(live: Live | None) -> Any:
    """The ASGI application of one process. Call it after Django is set up and the static files are collected."""
    pages = Turns(KeptThreads(get_asgi_application()))
    return ProtocolTypeRouter({"http": KeptAnswers(pages, settings.STATIC_URL), "websocket": sockets_for(live)})


def sockets_for(live: Live | None) -> Any:
    from channels.auth import AuthMiddlewareStack
    from channels.routing import URLRouter
    from django.urls import path

    from portal.sockets import OriginRequired, nothing_here

    routes = []
    if live is not None:
        from meetings.consumers import RoomConsumer

        routes.append(path("ws/room", RoomConsumer.as_asgi(live=live)))
    routes.append(path("<path:rest>", nothing_here))
    return OriginRequired(AuthMiddlewareStack(URLRouter(routes)), settings.WEBSOCKET_ORIGINS)


def make_live() -> Live:
    """The live meetings of this process, not started yet."""
    from media_engine import EngineConfig
    from meetings.live import Live
    from meetings.live.relays import Relays

    config = settings.LINTEL
    media = EngineConfig(
        host=config.media_bind,
        port=config.media_port,
        tcp_port=config.media_tcp_port or None,
        public_addresses=config.media_advertised,
    )
    return Live(media, relays=Relays(config.turn_urls, config.turn_secret))

"""The server process: Daphne with the guards that it lacks, the media engine and the background worker beside it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from daphne.server import Server as DaphneServer
from django.conf import settings
from twisted.internet import reactor

import structlog

log = structlog.get_logger("lintel.server")


class LintelServer(DaphneServer):
    """Starts the engine before the first request."""

    def __init__(self, live: Any, announce: Any, **options: Any) -> None:
        super().__init__(**options)
        self.live = live
        self.announce = announce
        reactor.callWhenRunning(lambda: asyncio.ensure_future(self.begin()))

    async def begin(self) -> None:
        if self.live is not None:
            await self.live.start()
        self.announce()

    def kill_all_applications(self) -> Any:
        for details in self.connections.values():
            if "application_instance" not in details:
                details["application_instance"] = _Done()
        return super().kill_all_applications()


class _Done:
    def done(self) -> bool:
        return True


def serve() -> None:
    from portal.asgi import application_for, make_live

    sys.setswitchinterval(0.0005)
    config = settings.LINTEL
    try:
        live = make_live()
    except ImportError as absent:
        log.warning("no live meetings in this process", missing=str(absent))
        live = None

    def announce() -> None:
        sys.stdout.write(f"Lintel is ready at {config.public_url}\n")
        sys.stdout.flush()

    server = LintelServer(
        live,
        announce,
        application=application_for(live),
        endpoints=[f"tcp:{config.port}:interface={config.host}"],
        ping_interval=10,
        ping_timeout=10,
        server_name="",
    )
    server.run()
    sys.stdout.flush()
    os._exit(0)

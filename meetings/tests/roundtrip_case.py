"""An organisation that asks an authorization service: a meeting, a running `Live`, and a service that tests play."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from unittest import mock

from asgiref.sync import sync_to_async

from media_engine import EngineConfig
from meetings import vault
from meetings.audit import body_of
from meetings.live import Live
from meetings.models import AuditEntry
from meetings.outgoing.models import AllowedDestination
from meetings.roundtrip import protocol
from meetings.roundtrip.models import ORGANISATION, AuthorizationService
from meetings.tests.answering_service import Request, Service, answer, serving
from meetings.tests.live_case import Browser, Json, LiveCase, Talk

SECRET = "lintelrta_the-secret-of-the-tests"
YES = {"result": True}


class Clock:
    """Time that goes on when a test says so: a lease lasts as long as it says, however slow the machine is."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Says:
    """What the service answers. `to(question)` decides, `held` keeps every answer back until it is let go."""

    def __init__(self) -> None:
        self.to: Callable[[Json], Any] = lambda question: YES
        self.status = 200
        self.gate = asyncio.Event()
        self.gate.set()

    def hold(self) -> None:
        self.gate.clear()

    def go_on(self) -> None:
        self.gate.set()

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        await self.gate.wait()
        said = self.to(request.json) if request.path.endswith("/validateCredentials") else YES
        await answer(self.status, said)(request, writer)


class RoundTripCase(LiveCase):
    """The service speaks plain http on this machine, which the organisation allows."""

    profile = AuthorizationService.Profile.SIGNED

    @contextlib.asynccontextmanager
    async def asking(self, **settings: Any) -> AsyncIterator[Live]:
        """A running `Live` whose organisation asks `self.service`, which answers what `self.says` holds.

        No question runs out of time because the machine is busy.
        """
        self.says = says = Says()
        with mock.patch.object(protocol, "DEADLINE_SECONDS", 60.0):
            async with serving(says) as service:
                self.service = service
                await self.set_service(service, **settings)
                self.clock = Clock()
                live = Live(EngineConfig(port=0), clock=self.clock, database_threads=0)
                await live.start()
                try:
                    yield live
                finally:
                    says.go_on()
                    await live.aclose()

    @sync_to_async
    def set_service(self, service: Service, **settings: Any) -> AuthorizationService:
        AllowedDestination.objects.get_or_create(text=service.url)
        fields = {
            "url": f"{service.url}/rta",
            "is_on": True,
            "profile": self.profile,
            "sealed_secret": vault.seal(SECRET),
        } | settings
        row, _ = AuthorizationService.objects.update_or_create(key=ORGANISATION, defaults=fields)
        return row

    async def move(self, live: Live, seconds: float) -> None:
        """Time goes on, and everything that it brings is done. The engine's own leases are renewed on the way."""
        while seconds > 0:
            step = min(seconds, 2.0)
            seconds -= step
            self.clock.now += step
            live.authorization.tick()
            await self.settle(live)
            await live.reconcile(self.id)

    async def settle(self, live: Live) -> None:
        """Lets what was begun come to its end, as far as the service lets it."""
        for _ in range(20):
            await asyncio.sleep(0)
            tasks = live.authorization._tasks
            if tasks and self.says.gate.is_set() and self.service.reply is self.says:
                await asyncio.wait(tasks, timeout=10)

    async def arriving_host(self, live: Live) -> Talk:
        """The host, who has said hello; what the server says to that is still to be read."""
        return await (await Browser(live).sign_in(self.host)).join(self.code)

    async def knocker(self, live: Live, name: str = "Peter", **arrival: Any) -> Talk:
        browser = Browser(live)
        reply = await browser.arrive(self.code, name, **arrival)
        assert "ticket" in reply, reply
        talk = await browser.socket()
        await talk.send("hello", protocol=1, ticket=reply["ticket"])
        return talk

    @staticmethod
    async def leave(talk: Talk) -> None:
        await talk.send("leave")
        assert await talk.closed() == 1000

    @sync_to_async
    def written(self, kind: str) -> list[Json]:
        """The facts of every audit entry of this kind."""
        return [body_of(entry)["facts"] for entry in AuditEntry.objects.filter(kind=kind).select_related("detail")]


def questions(service: Service, **fields: str) -> list[Json]:
    """What the service was asked, as far as it has these fields."""
    asked = [request.json for request in service.requests if request.path.endswith("/validateCredentials")]
    return [one for one in asked if all(one.get(name) == value for name, value in fields.items())]


def track(question: Json) -> str:
    """The last part of a question's streamID."""
    return str(question["streamID"]).rpartition("/")[2]

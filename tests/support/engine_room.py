"""A real engine in the test's process and scripted participants who reach it by UDP.

Plays the part of `meetings.live`: grants, carries descriptions, answers every offer. Everything else
goes over the wire.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Self

from media_engine import Engine, EngineConfig, Event, Grants, OfferRejected, Source, SubscribeOffer
from portal.tests.process import free_port
from tests.support.rtc_client import Client
from tests.support.sdp_text import Secrets

LEASE_SECONDS = 600.0
DEADLINE_SECONDS = 20.0
SILENCE_SECONDS = 0.3


class EngineRoom:
    """One engine with one session, "room" unless told otherwise. Use as an async context manager."""

    def __init__(self, config: EngineConfig | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        base = config or EngineConfig()
        self.config = replace(base, host="127.0.0.1", port=free_port(socket.SOCK_DGRAM))
        self.clock = clock
        self.engine = Engine(self.config, on_event=self._on_event, clock=clock)
        self.events: list[Event] = []
        self.refused_answers: list[str] = []
        self.clients: dict[tuple[str, str], Client] = {}
        self.fingerprint_claims: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        await self.engine.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self.clients.values():
            client.close(politely=False)
        await self.engine.aclose()

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.config.port)

    # -- what the portal would do --------------------------------------------------------------------

    def grant(
        self,
        peer: str,
        *publish: str,
        subscribe: bool = True,
        session: str = "room",
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        sources = frozenset(Source(name) for name in publish)
        self.engine.set_grants(session, peer, Grants(sources, subscribe, self.clock() + lease_seconds))

    def publish(self, client: Client, *sources: str, session: str = "room", claim: Secrets | None = None) -> None:
        """Offers these sources for the client and begins to connect. Raises OfferRejected."""
        self.clients[session, client.peer] = client
        sdp, mids = client.offer_publish(*sources, claim=claim)
        named = {mid: Source(name) for mid, name in mids.items()}
        client.accept_publish_answer(self.engine.answer_publish(session, client.peer, sdp, named))

    async def enter(self, peer: str, *sources: str, subscribe: bool = True, session: str = "room") -> Client:
        """A new participant, granted and connected for what it publishes."""
        client = self.clients[session, peer] = Client(peer)
        self.grant(peer, *sources, subscribe=subscribe, session=session)
        if sources:
            self.publish(client, *sources, session=session)
            assert client.publish is not None
            await client.publish.connected()
        if subscribe:
            self.engine.open_subscribe(session, peer, True)
        return client

    def _on_event(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, SubscribeOffer):
            # The engine calls from inside its own work; an answer comes later, as over a socket.
            asyncio.get_running_loop().call_soon(self._answer, event)

    def _answer(self, event: SubscribeOffer) -> None:
        client = self.clients.get((event.session_id, event.peer_id))
        if client is None:
            return
        answer = client.answer_subscribe(event.sdp, claim_fingerprint=self.fingerprint_claims.get(client.peer))
        try:
            self.engine.accept_answer(event.session_id, event.peer_id, event.offer_id, answer)
        except OfferRejected as error:
            self.refused_answers.append(error.code)

    # -- waiting ---------------------------------------------------------------------------------------

    async def talk_until(self, speakers: Iterable[Client], condition: Callable[[], bool]) -> None:
        """The speakers send every source every 20 ms until the condition holds. Raises TimeoutError."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                talk_once(speakers)
                await asyncio.sleep(0.02)

    async def talk_for(self, speakers: Iterable[Client], seconds: float) -> None:
        """The speakers send every source every 20 ms for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            talk_once(speakers)
            await asyncio.sleep(0.02)


def talk_once(speakers: Iterable[Client]) -> None:
    for speaker in speakers:
        for up in speaker.up.values():
            up.send_something()


async def settle(seconds: float = SILENCE_SECONDS) -> None:
    """Lets everything that is under way arrive; for asserting that nothing does."""
    await asyncio.sleep(seconds)

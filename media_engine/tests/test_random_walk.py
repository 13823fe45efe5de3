"""A seeded random walk over join, publish, grant, hold, revoke, expire, leave: delivered means granted at that moment.

Every packet's payload names its publisher, its source and a number. When it is sent, the walk notes who may have it
then; a packet that reaches somebody else is a leak, whatever happened before or after.
"""

import random

from media_engine import Source
from media_engine.tests.client import Client, ClientTransport, EngineTestCase, eventually, outline

PUBLISHED = (Source.MICROPHONE, Source.CAMERA)
NAMES = ("anna", "ben", "cleo", "dora")
STEPS = 120


class RandomWalk(EngineTestCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.may: dict[bytes, set[str]] = {}
        self.inside: dict[str, Client] = {}
        self.publish: dict[str, frozenset[Source]] = {}
        self.subscribe: dict[str, bool] = {}
        self.until: dict[str, float] = {}
        self.packets = 0
        self.held = False

    async def join(self, name: str) -> None:
        client = self.client(name)
        self.inside[name] = client
        self.regrant(name, frozenset(PUBLISHED), True, 60)
        await client.publish(*PUBLISHED)
        client.open()

    def regrant(self, name: str, publish: frozenset[Source], subscribe: bool, seconds: float) -> None:
        self.publish[name], self.subscribe[name] = publish, subscribe
        self.until[name] = self.clock() + seconds
        self.inside[name].grant(publish, subscribe, seconds)

    def hold(self, held: bool) -> None:
        self.held = held
        (self.engine.hold if held else self.engine.release)("session")

    def lives(self, name: str) -> bool:
        return name in self.inside and self.clock() < self.until[name]

    async def say(self, name: str, transport: ClientTransport | None) -> None:
        """Send one packet of each source and wait until the engine has dealt with them."""
        client = self.inside.get(name) or next(c for c in self.everyone if c.peer_id == name)
        for source in PUBLISHED:
            self.packets += 1
            payload = f"<{name}:{source.value}:{self.packets}>".encode()
            allowed = self.lives(name) and source in self.publish[name] and not self.held
            self.may[payload] = {
                other
                for other in self.inside
                if other != name and allowed and self.lives(other) and self.subscribe[other]
            }
            if source.kind == "audio":
                client.send_audio(payload, source)
            else:
                client.send_video(payload, source=source)
        if transport is not None:
            await self.dealt_with(transport)

    async def dealt_with(self, transport: ClientTransport) -> None:
        """A check that is answered shows that everything sent before it has been read, and sent on."""
        await transport.check()

    def check_deliveries(self) -> None:
        for client in self.everyone:
            for packet in client.received:
                _, payload = outline(packet)
                start = payload.find(b"<")
                if start < 0:
                    continue
                said = payload[start:]
                self.assertIn(client.peer_id, self.may[said], f"{client.peer_id} got {said.decode()}")

    async def walk(self, seed: int) -> int:
        rng = random.Random(seed)
        witness = self.client("witness")
        witness.grant(seconds=1e6)
        await witness.publish(Source.MICROPHONE)  # a transport that never comes up is closed when its time is over
        for _ in range(STEPS):
            name = rng.choice(NAMES)
            step = rng.choice(("join", "say", "say", "say", "say", "grant", "hold", "revoke", "expire", "leave"))
            if step == "join" and name not in self.inside:
                await self.join(name)
            elif step == "say" and any(c.peer_id == name for c in self.everyone):
                await self.say(name, witness.publishing)
            elif name in self.inside and step == "grant":
                sources = frozenset(source for source in PUBLISHED if rng.random() < 0.6)
                self.regrant(name, sources, rng.random() < 0.7, rng.choice((2, 60)))
            elif name in self.inside and step in ("revoke", "leave"):
                self.engine.revoke("session", name)
                del self.inside[name]
            elif step == "hold":
                self.hold(rng.random() < 0.3)
            elif step == "expire":
                self.clock.advance(rng.choice((0.1, 1.0, 3.0)))
                for other in self.inside:
                    if rng.random() < 0.8 and self.lives(other):
                        self.regrant(other, self.publish[other], self.subscribe[other], 60)
            self.check_deliveries()
        return sum(len(client.received) for client in self.everyone)

    async def test_no_walk_leaks_and_media_does_flow(self) -> None:
        delivered = 0
        for seed in (1, 9, 12, 111):
            with self.subTest(seed=seed):
                delivered += await self.walk(seed)
                for name in list(self.inside):
                    self.engine.revoke("session", name)
                self.inside.clear()
                self.hold(False)
        self.assertGreater(delivered, 50, "a walk on which nothing is delivered proves nothing")

    async def test_after_any_walk_everybody_who_may_does_get_the_next_packet(self) -> None:
        await self.walk(7)
        self.hold(False)
        for name in NAMES:
            if name not in self.inside:
                await self.join(name)
            self.regrant(name, frozenset(PUBLISHED), True, 60)
        for name in NAMES:
            await self.say(name, None)
        for client in self.inside.values():
            others = set(NAMES) - {client.peer_id}
            await eventually(lambda c=client, o=others: c.offers and {t.publisher_id for t in c.offers[-1].tracks} >= o)
            await client.connected()
            await eventually(lambda c=client: all(entry["flows"] for entry in self.receives(c.peer_id)))
        for name in NAMES:
            await self.say(name, None)
        last = set(list(self.may)[-2 * len(NAMES) :])
        for client in self.inside.values():
            expected = {said for said in last if not said.startswith(f"<{client.peer_id}:".encode())}
            await eventually(lambda c=client, e=expected: e <= said_to(c))
        self.check_deliveries()


def said_to(client: Client) -> set[bytes]:
    """The marks of everything that was delivered to `client`."""
    payloads = [outline(packet)[1] for packet in client.received]
    return {payload[payload.find(b"<") :] for payload in payloads}

"""T33: candidates and checks that make the server send elsewhere."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from media_engine import OfferRejected, Source
from tests.intruder.engine_case import MICROPHONE, EngineCase, hears, read_now
from tests.support import wire
from tests.support.engine_room import settle
from tests.support.rtc_client import Client
from tests.support.rtc_transport import open_socket


class T33Candidates(EngineCase):
    async def test_a_connectivity_check_without_credentials_is_not_answered(self) -> None:
        """Guards: the ufrag lookup and `stun` message integrity, so that no address can be taken over."""
        assert self.alice.publish is not None and self.alice.publish.remote is not None
        stranger = open_socket()
        self.addCleanup(stranger.close)
        ufrag = self.alice.publish.remote.ufrag
        for username, password in [("nobody:nobody", "wrong"), (f"{ufrag}:x", "wrong"), (f"{ufrag}:x", "")]:
            for nominate in (True, False):
                stranger.sendto(
                    wire.binding_request(username=username, password=password, tie_breaker=1, nominate=nominate),
                    self.room.address,
                )
        unsigned = wire.encode_stun(
            wire.BINDING_REQUEST, b"t" * 12, [(wire.ATTR_USERNAME, ufrag.encode()), (wire.ATTR_USE_CANDIDATE, b"")]
        )
        stranger.sendto(unsigned, self.room.address)
        await settle()
        while (answer := read_now(stranger)) is not None:
            message = wire.decode_stun(answer)
            assert message is not None
            self.assertNotEqual(message.kind, wire.BINDING_RESPONSE)
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))

    async def test_a_forged_check_does_not_move_a_listener_to_another_address(self) -> None:
        """Guard: message integrity before a change of address."""
        assert self.bob.subscribe is not None and self.bob.subscribe.remote is not None
        thief = open_socket()
        self.addCleanup(thief.close)
        for _ in range(5):
            self.bob.subscribe.check(sender=thief, password="guessed" * 4)
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        await settle(0.1)
        while (datagram := read_now(thief)) is not None:
            self.assertLess(datagram[0], 4, "anything but STUN went to the thief")

    async def test_a_member_cannot_have_media_sent_to_somebody_who_never_asked_for_any(self) -> None:
        """Guard: an address has to prove itself. The checks are good; that their sender is forged nobody can see."""
        assert self.bob.subscribe is not None
        victim = open_socket()
        self.addCleanup(victim.close)
        checks = 6
        for _ in range(checks):
            self.bob.subscribe.check(sender=victim)
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        await self.room.talk_for([self.alice], 0.2)
        came = []
        while (datagram := read_now(victim)) is not None:
            message = wire.decode_stun(datagram)
            assert message is not None
            self.assertEqual(message.kind, wire.BINDING_REQUEST)
            came.append(datagram)
        self.assertTrue(0 < len(came) <= checks, came)
        sent = wire.binding_request(username=17 * "u", password="p", tie_breaker=1, nominate=True)
        self.assertLessEqual(max(map(len, came)), len(sent))

    async def test_an_honest_change_of_address_keeps_the_stream(self) -> None:
        """The other side of the guards above: whoever answers what it is asked there takes its stream along."""
        assert self.bob.subscribe is not None
        self.bob.subscribe.move_to()
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))

    async def test_candidates_of_a_client_are_nobodys_business(self) -> None:
        """Guard: `sdp` never looks at them: the server sends to who sent an authenticated check, and to nobody else."""
        victim = open_socket()
        self.addCleanup(victim.close)
        host, port = victim.getsockname()
        lines = [
            f"a=candidate:1 1 udp 2130706431 {host} {port} typ host",
            f"a=candidate:2 1 tcp 1518280447 {host} 22 typ host tcptype passive",
            "a=candidate:3 1 udp 2130706431 8f2a0c1e-0000-4000-8000-000000000000.local 9 typ host",
            "a=candidate:4 1 udp 2130706431 169.254.169.254 80 typ host",
            "a=candidate:5 1 udp 1 inside.example 53 typ relay raddr 10.0.0.1 rport 53",
        ]
        mallory = Client("mallory")
        self.room.clients["room", "mallory"] = mallory
        self.room.grant("mallory", MICROPHONE)
        sdp, mids = mallory.offer_publish(MICROPHONE)
        with_candidates = sdp.replace("a=mid:", "\r\n".join(lines) + "\r\na=mid:")
        self.assertIn(f"{host} {port}", with_candidates)
        sources = {mid: Source(name) for mid, name in mids.items()}
        with self.no_look_ups():
            mallory.accept_publish_answer(self.room.engine.answer_publish("room", "mallory", with_candidates, sources))
            await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        assert mallory.publish is not None
        await mallory.publish.connected()
        await self.room.talk_for([self.alice, mallory], 0.3)
        self.assertIsNone(read_now(victim))

    @contextmanager
    def no_look_ups(self) -> Iterator[None]:
        """Fails when the engine asks for a name's address."""
        asked: list[object] = []

        def look_up(*args: object, **_: object) -> list[object]:
            asked.append(args)
            return []

        with patch.object(socket, "getaddrinfo", look_up):
            yield
        self.assertEqual(asked, [])

    async def test_an_offer_of_candidates_without_end_is_refused_or_costs_nothing(self) -> None:
        """Guard: the limit on the size of a description."""
        mallory = Client("mallory")
        self.room.grant("mallory", MICROPHONE)
        sdp, mids = mallory.offer_publish(MICROPHONE)
        self.addCleanup(mallory.close, politely=False)
        candidate = "a=candidate:1 1 udp 2130706431 192.0.2.1 9 typ host\r\n"
        with self.assertRaises(OfferRejected):
            self.room.engine.answer_publish(
                "room", "mallory", sdp + candidate * 5_000, {mid: Source(name) for mid, name in mids.items()}
            )
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))

"""T27: the media port as a relay, a reflector or a way inside."""

from __future__ import annotations

import struct

from tests.intruder.case import HOST, IntruderCase
from tests.intruder.engine_case import EngineCase, hears, read_now
from tests.support import wire
from tests.support.engine_room import settle
from tests.support.rtc_transport import open_socket

TURN_METHODS = {"Allocate": 0x003, "Refresh": 0x004, "Send": 0x016, "CreatePermission": 0x008, "ChannelBind": 0x009}
REQUESTED_TRANSPORT, XOR_PEER_ADDRESS = 0x0019, 0x0012


class T27Relay(EngineCase):
    async def test_turn_requests_are_not_answered(self) -> None:
        """Guard: `UdpMux._on_stun` knows one request, the binding of a transport of its own."""
        stranger = open_socket()
        self.addCleanup(stranger.close)
        inside = struct.pack("!BBH", 0, 1, 22 ^ 0x2112) + bytes(4)
        for method in TURN_METHODS.values():
            attributes = [(REQUESTED_TRANSPORT, b"\x11\0\0\0"), (XOR_PEER_ADDRESS, inside)]
            stranger.sendto(wire.encode_stun(method, b"t" * 12, attributes), self.room.address)
        stranger.sendto(b"\x40\x00\x00\x04ping", self.room.address)  # ChannelData
        await settle()
        self.assertIsNone(read_now(stranger))
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))

    async def test_whoever_is_not_a_participant_gets_no_byte_back(self) -> None:
        """Guard: nothing is sent that an authenticated check did not ask for: there is nothing to amplify."""
        stranger = open_socket()
        self.addCleanup(stranger.close)
        for datagram in (
            wire.encode_stun(wire.BINDING_REQUEST, b"t" * 12, []),
            wire.encode_stun(wire.BINDING_REQUEST, b"t" * 12, [(wire.ATTR_USERNAME, b"a:b")], b"key"),
            bytes((22, 254, 253)) + bytes(8) + struct.pack("!H", 200) + bytes(200),
            wire.receiver_report(7),
            b"\x80" + bytes(40),
            bytes(1200),
        ):
            for _ in range(20):
                stranger.sendto(datagram, self.room.address)
        await settle()
        self.assertIsNone(read_now(stranger))

    async def test_an_answer_to_a_participant_is_no_larger_than_the_question(self) -> None:
        """Guard: `stun.success` says the address and no more: a forged sender's address earns nothing."""
        assert self.bob.subscribe is not None and self.bob.subscribe.remote is not None
        elsewhere = open_socket()
        self.addCleanup(elsewhere.close)
        remote = self.bob.subscribe.remote
        request = wire.binding_request(
            username=f"{remote.ufrag}:{self.bob.subscribe.local.ufrag}",
            password=remote.password,
            tie_breaker=1,
            nominate=False,
        )
        elsewhere.sendto(request, self.room.address)
        answers: list[bytes | None] = []

        def is_answered() -> bool:
            """As a participant's own check is."""
            answers.append(read_now(elsewhere))
            return answers[-1] is not None

        await self.room.talk_until([], is_answered)
        self.assertLessEqual(len(answers[-1] or b""), len(request))


class T27NoRelayIsNamed(IntruderCase):
    async def test_no_page_sends_browsers_to_a_relay_or_a_strangers_server(self) -> None:
        """Guard: the transports are ICE-lite with candidates of our own: no STUN or TURN server is needed."""
        meeting = await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(meeting)
        page = (await client.get(f"/m/{meeting['code']}")).body.decode()
        for scheme in ("stun:", "turn:", "turns:"):
            self.assertNotIn(scheme, page)

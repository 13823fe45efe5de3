"""T33: candidates and checks that make the server send elsewhere."""

from __future__ import annotations

from tests.intruder.engine_case import EngineCase, hears, read_now
from tests.support import wire
from tests.support.engine_room import settle
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

    async def test_an_honest_change_of_address_keeps_the_stream(self) -> None:
        """The other side of the guard above: a signed check with USE-CANDIDATE moves the listener."""
        assert self.bob.subscribe is not None
        self.bob.subscribe.move_to()
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))

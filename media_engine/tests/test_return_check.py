"""Nobody is sent what they never asked for: an address to which a transport would move proves first who is there.

That somebody forges the sender of a request is played by a socket of the victim's, which sends it.
"""

import socket
from unittest import TestCase

from media_engine import EngineConfig, Fragment, Source, stun
from media_engine.link import Link
from media_engine.return_check import ReturnChecks
from media_engine.tests.client import Client, ClientTransport, EngineTestCase, StreamTransport, eventually


class Victim:
    """Somebody at an address of their own, who is in no meeting. What comes there is kept."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self._server = ("127.0.0.1", port)
        self.sent = 0

    def send(self, datagram: bytes) -> None:
        self.sent += len(datagram)
        self.socket.sendto(datagram, self._server)

    def came(self) -> list[bytes]:
        """What has come since the last call."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(2048))
            except BlockingIOError:
                return found


class ReturnCase(EngineTestCase):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.victim = Victim(self.engine.port)
        self.addCleanup(self.victim.socket.close)

    def link(self, peer_id: str, name: str = "subscribe") -> Link:
        link: Link = getattr(self.engine._sessions["session"].peers[peer_id], name)
        return link

    async def hears(self, anna: Client, ben: Client, said: bytes) -> None:
        """Wait until Ben has what Anna says now, and with it everything that was read before has been dealt with."""
        anna.send_audio(said)
        await eventually(lambda: [packet for packet in ben.received if packet.endswith(said)], "nothing is heard")


class ForgedTests(ReturnCase):
    config = EngineConfig(port=0, tick_seconds=3600.0)

    async def test_who_forges_an_address_has_it_sent_one_request_and_no_media(self) -> None:
        """Guards: `IceTransport.is_reachable`, `UdpMux._ask_back`."""
        anna, ben = await self.pair()
        assert ben.subscribing is not None
        self.victim.send(ben.subscribing.binding_request())
        for number in range(5):
            await self.hears(anna, ben, b"for ben %d" % number)
        (asked,) = self.victim.came()
        self.assertEqual(stun.decode(asked).kind, stun.BINDING_REQUEST)
        self.assertLessEqual(len(asked), self.victim.sent)

    async def test_however_often_they_do_it_there_comes_no_more_than_was_sent_and_then_nothing(self) -> None:
        """Guard: `Link.may_ask_back`."""
        anna, ben = await self.pair()
        assert ben.subscribing is not None
        for _ in range(60):
            self.victim.send(ben.subscribing.binding_request())
        await self.hears(anna, ben, b"for ben")
        came = self.victim.came()
        most = self.config.max_return_checks_per_second_per_transport // 4
        self.assertEqual((len(came), len({stun.decode(one).transaction for one in came})), (most, 1))
        self.assertLess(sum(map(len, came)), self.victim.sent)
        self.assertEqual(self.engine.dropped["stun_unproved"], 60 - most)

    async def test_a_request_that_is_shorter_than_what_it_asks_for_gets_nothing(self) -> None:
        """Guard: `UdpMux._send_no_more_than`. It lacks what RFC 8445, section 7.1, has in every request."""
        anna, ben = await self.pair()
        transport = ben.subscribing
        assert transport is not None
        name = f"{transport.remote_ufrag}:{transport.ice.ufrag}".encode()
        bare = stun.encode(stun.BINDING_REQUEST, bytes(12), [(stun.USERNAME, name)], transport.remote_password.encode())
        self.victim.send(bare)
        await self.hears(anna, ben, b"for ben")
        self.assertEqual(self.victim.came(), [])
        self.assertEqual(self.engine.dropped["stun_unproved"], 1)

    async def test_nothing_goes_elsewhere_though_it_was_named_while_dtls_shook_hands(self) -> None:
        """Guard: `IceTransport.is_reachable`, of all addresses but the very first."""
        anna = await self.publisher("anna")
        mallory = self.client("mallory")
        mallory.grant()
        mallory.answer_automatically = False
        mallory.open()
        anna.send_audio()
        await eventually(lambda: mallory.offers)
        transport = mallory.subscribing
        assert transport is not None
        transport.follow(mallory.offers[-1].sdp)
        await transport.check()
        self.victim.send(transport.binding_request())
        mallory.answer(mallory.offers[-1])
        transport.start_dtls()
        await mallory.connected()
        self.victim.send(transport.binding_request())
        await mallory.flows()
        await self.hears(anna, mallory, b"for mallory")
        came = self.victim.came()
        self.assertLessEqual({stun.decode(one).kind for one in came}, {stun.BINDING_REQUEST})
        self.assertLessEqual(sum(map(len, came)), self.victim.sent)

    async def test_who_asks_seldom_keeps_the_address_that_another_names_as_their_first(self) -> None:
        """Guard: `UdpMux._on_stun`, whose address it is. Firefox asks every 4 to 6 s; the forged one comes between."""
        anna, ben = await self.pair()
        self.clock.advance(5.5)
        mallory = self.client("mallory")
        mallory.grant()
        mallory.publishing = ClientTransport(self.engine.port)
        mallory.publishing.follow(mallory.offer_publish(Source.MICROPHONE))
        assert anna.publishing is not None
        anna.publishing.send_raw(mallory.publishing.binding_request())
        await self.hears(anna, ben, b"still anna")
        self.assertEqual(self.link("mallory", "publish").ice.addresses, {})
        await anna.publishing.check()

    async def test_an_answer_counts_from_where_was_asked_to_what_was_asked_with_the_password(self) -> None:
        """Guard: `ReturnChecks.find`."""
        anna, ben = await self.pair()
        transport = ben.subscribing
        assert transport is not None
        self.victim.send(transport.binding_request())
        await self.hears(anna, ben, b"once")
        (asked,) = map(stun.decode, self.victim.came())
        here, password = transport.server, transport.ice.password.encode()
        right = stun.success(asked.transaction, *here, password)
        transport.send_raw(right)  # from where nobody was asked
        self.victim.send(stun.success(b"another one.", *here, password))
        self.victim.send(stun.success(asked.transaction, *here, transport.remote_password.encode()))
        self.victim.send(stun.encode(stun.BINDING_SUCCESS, asked.transaction, [], None))
        self.victim.send(stun.error(asked.transaction, 400, "Bad Request", password))
        await self.hears(anna, ben, b"still for ben")
        self.assertEqual(self.victim.came(), [])
        self.assertEqual(self.engine.dropped["stun_unknown"], 5)
        self.victim.send(right)
        self.victim.send(right)
        anna.send_audio(b"moved")
        await eventually(lambda: self.engine.dropped["stun_unknown"] == 6, "the second answer was not looked at")
        await eventually(lambda: self.link("ben").ice.address == self.victim.socket.getsockname())

    async def test_a_connection_that_is_gone_leaves_nobody_the_right_to_name_another_address(self) -> None:
        """Guard: `IceTransport._has_begun`: over it came our side of the handshake, and it says where nobody is."""
        await self.publisher("anna")
        mallory = self.client("mallory")
        mallory.grant()
        mallory.publishing = ClientTransport(self.engine.port)
        mallory.publishing.follow(mallory.offer_publish(Source.MICROPHONE))
        await mallory.publishing.check()
        ice = self.link("mallory", "publish").ice
        assert ice.address is not None
        ice.lose(ice.address)
        self.victim.send(mallory.publishing.binding_request())
        await eventually(self.victim.came)
        self.assertIsNone(ice.address)


class HonestTests(ReturnCase):
    async def test_who_moves_is_asked_once_answers_and_goes_on(self) -> None:
        anna, ben = await self.pair()
        assert ben.subscribing is not None
        before = self.link("ben").ice.address
        ben.subscribing.rebind().close()
        await ben.subscribing.check()
        self.assertEqual(len(ben.subscribing.stun_requests), 1)
        await self.hears(anna, ben, b"followed")
        self.assertNotEqual(self.link("ben").ice.address, before)
        await ben.subscribing.check()
        self.assertEqual(len(ben.subscribing.stun_requests), 1)

    async def test_who_answers_no_requests_joins_all_the_same_and_stays_where_that_was(self) -> None:
        """As some encoders do. DTLS has shown that they are there, and nothing shows that they are elsewhere."""
        anna = await self.publisher("anna")
        ben = await self.listener("ben")
        anna.send_audio()
        await eventually(lambda: ben.subscribing and ben.subscribing.remote_ufrag)
        assert ben.subscribing is not None
        ben.subscribing.answers_checks = False
        await ben.flows()
        await self.hears(anna, ben, b"here")
        self.assertEqual(ben.subscribing.stun_requests, [])
        address = self.link("ben").ice.address
        ben.subscribing.rebind().close()
        ben.subscribing.send_raw(ben.subscribing.binding_request())
        await eventually(lambda: ben.subscribing and ben.subscribing.stun_requests)
        self.assertEqual(self.link("ben").ice.address, address)

    async def test_who_asks_from_elsewhere_alone_is_there_though_it_has_not_said_so(self) -> None:
        """Firefox asks without USE-CANDIDATE after a restart of ICE: a NAT that forgets would cut it off for good."""
        anna, ben = await self.pair()
        anna.grant(seconds=600)
        ben.grant(publish=frozenset(), seconds=600)
        transport = ben.subscribing
        assert transport is not None
        before = self.link("ben").ice.address
        transport.rebind().close()
        for seconds in range(0, 16, 5):
            self.assertEqual(self.link("ben").ice.address, before, seconds)
            answers = len(transport.stun_answers)
            transport.send_raw(transport.binding_request(nominate=False))
            await eventually(lambda answers=answers: len(transport.stun_answers) > answers)  # type: ignore[misc]
            self.clock.advance(5.1)
        await self.hears(anna, ben, b"found again")

    async def test_new_credentials_are_asked_for_with_the_new_and_old_ones_with_the_old(self) -> None:
        _, ben = await self.pair()
        transport = ben.subscribing
        assert transport is not None
        for restart in (True, False, True):
            transport.rebind().close()
            if restart:
                transport.ice.restart()
                answered = ben.answered
                ben.open(fresh=False)
                await eventually(lambda answered=answered: ben.answered > answered)  # type: ignore[misc]
            await transport.check()
            self.assertEqual(transport.stun_requests[-1].username, f"{transport.ice.ufrag}:{transport.remote_ufrag}")
        self.assertEqual(len(self.link("ben").ice.remotes), 2)

    async def test_whose_credentials_are_not_known_yet_is_taken_when_they_are(self) -> None:
        """The first checks may be here before the answer to the offer is. What is not answered is repeated."""
        _, ben = await self.pair()
        transport = ben.subscribing
        assert transport is not None
        transport.move()
        transport.send_raw(transport.binding_request())
        await eventually(lambda: self.engine.dropped["stun_unproved"] == 1)
        self.assertEqual(transport.stun_requests, [])
        answered = ben.answered
        ben.open(fresh=False)
        await eventually(lambda: ben.answered > answered)
        await transport.check()

    async def test_a_proof_is_over_when_nothing_has_come_from_there_for_long(self) -> None:
        """Guard: `IceTransport.is_reachable`. Who was there once may have left, and others be there now."""
        anna, ben = await self.pair()
        anna.grant(seconds=600)
        ben.grant(publish=frozenset(), seconds=600)
        transport = ben.subscribing
        assert transport is not None and anna.publishing is not None
        first = transport.rebind()
        self.addCleanup(first.close)
        await transport.check()
        for _ in range(11):
            self.clock.advance(3)
            await transport.check()
            await anna.publishing.check()
        first.sendto(transport.binding_request(), transport.server)
        await self.hears(anna, ben, b"here")
        came = stun.decode(first.recv(2048))
        self.assertEqual(came.kind, stun.BINDING_REQUEST)
        with self.assertRaises(BlockingIOError):
            first.recv(2048)

    async def test_who_watches_is_asked_with_what_its_fragment_said(self) -> None:
        anna, ben = await self.pair()
        transport = ben.subscribing
        assert transport is not None
        transport.move()
        theirs = Fragment(transport.ice.ufrag, transport.ice.password)
        transport.follow(self.engine.restart_ice("session", "ben", "subscribe", theirs))
        await transport.check()
        await self.hears(anna, ben, b"restarted")


class ConnectionTests(ReturnCase):
    config = EngineConfig(port=0, tcp_port=0)

    async def test_a_connection_is_its_own_proof(self) -> None:
        anna, ben = await self.pair()
        assert ben.subscribing is not None
        over_tcp = StreamTransport(self.engine.tcp_port)
        over_tcp.ice.ufrag = ben.subscribing.ice.ufrag
        over_tcp.remote_ufrag, over_tcp.remote_password = ben.subscribing.remote_ufrag, ben.subscribing.remote_password
        await over_tcp.check()
        self.assertEqual(over_tcp.stun_requests, [])
        over_tcp.dtls.srtp = ben.subscribing.dtls.srtp
        anna.send_audio(b"by tcp")
        await eventually(lambda: [packet for packet in over_tcp.received if packet.endswith(b"by tcp")])
        over_tcp.dtls.srtp = None
        await over_tcp.close()


class CheckTests(TestCase):
    def request(self, number: int = 0) -> stun.StunMessage:
        return stun.StunMessage(stun.BINDING_REQUEST, bytes(12), 100, {stun.USERNAME: b"ours:theirs%d" % number})

    def test_of_one_transport_four_addresses_are_asked_at_once_and_of_others_as_many(self) -> None:
        checks: ReturnChecks[object] = ReturnChecks()
        owners = [object(), object()]
        for owner in owners:
            asked = [checks.begin(owner, ("10.0.0.1", port), self.request(), b"p", 0) for port in range(9)]
            again = checks.begin(owner, asked[-1].address, self.request(), b"p", 1)
            self.assertIs(again, asked[-1])
        self.assertEqual(len(checks), 8)
        checks.forget(owners[0])
        self.assertEqual(len(checks), 4)
        checks.expire(4.0)
        self.assertEqual(len(checks), 4)
        checks.expire(5.5)
        self.assertEqual(len(checks), 0)

    def test_other_credentials_are_asked_for_anew(self) -> None:
        checks: ReturnChecks[str] = ReturnChecks()
        first = checks.begin("a", ("10.0.0.1", 1), self.request(1), b"p", 0)
        second = checks.begin("a", ("10.0.0.1", 1), self.request(2), b"p", 0)
        self.assertNotEqual(first.transaction, second.transaction)
        self.assertEqual(stun.decode(second.datagram).username, "theirs2:ours")

    def test_what_is_asked_is_no_longer_than_a_request_of_the_same_credentials(self) -> None:
        """RFC 8445, section 7.1, has a priority and a role in each, and section 7.1.4 a fingerprint."""
        checks: ReturnChecks[str] = ReturnChecks()
        for size in range(4, 257):
            username = b"u" * 8 + b":" + b"t" * size
            attributes = [(stun.USERNAME, username), (stun.PRIORITY, bytes(4)), (stun.ICE_CONTROLLING, bytes(8))]
            datagram = stun.encode(stun.BINDING_REQUEST, bytes(12), attributes, b"p" * 22)
            check = checks.begin("a", ("10.0.0.1", size), stun.decode(datagram), b"p" * 22, 0)
            self.assertLessEqual(len(check.datagram), len(datagram))

"""Members who are somewhere else: on IPv6, before a NAT, or on another network in the middle of a meeting."""

import re
import socket
from unittest import skipIf

from media_engine import EngineConfig, Source, rtcp, stun
from media_engine.mux import own_addresses
from media_engine.tests.client import Client, EngineTestCase, StreamTransport, eventually


def has_ip6() -> bool:
    """Whether this machine has any."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


@skipIf(not has_ip6(), "no IPv6 here")
class BothFamiliesTests(EngineTestCase):
    """One port for IPv6 and IPv4, behind a NAT that gives each public address to one machine (NAT 1:1)."""

    config = EngineConfig(host="::", port=0, tcp_port=0, public_addresses=("2001:db8::7", "203.0.113.7"))

    async def member(self, name: str, host: str, *, streams: bool = False) -> tuple[Client, str]:
        client = self.client(name)
        client.host = host
        client.grant()
        transport = StreamTransport(self.engine.tcp_port, host) if streams else None
        return client, await client.publish(Source.MICROPHONE, Source.CAMERA, transport=transport)

    async def test_media_pass_both_ways_between_ip6_and_ip4_and_over_tcp(self) -> None:
        members = [
            (await self.member("anna", "::1"))[0],
            (await self.member("ben", "127.0.0.1"))[0],
            (await self.member("cleo", "::1", streams=True))[0],
            (await self.member("dora", "127.0.0.1", streams=True))[0],
        ]
        for member in members:
            member.open()
            member.send_audio()
            member.send_video()
        for member in members:
            others = [other.peer_id for other in members if other is not member]
            await eventually(lambda m=member: m.offers and len(m.offers[-1].tracks) == 6)  # type: ignore[misc]
            await member.flows()
            for source in (Source.MICROPHONE, Source.CAMERA):
                for other in others:
                    self.clients[other].send_audio()
                    self.clients[other].send_video()
                    await eventually(lambda m=member, o=other, s=source: m.packets_of(o, s))  # type: ignore[misc]

    async def test_each_is_told_the_address_that_it_has(self) -> None:
        for name, host, family, packed in (("anna", "::1", 2, 16), ("ben", "127.0.0.1", 1, 4)):
            client, _ = await self.member(name, host)
            assert client.publishing is not None
            told = client.publishing.stun_answers[0].attributes[stun.XOR_MAPPED_ADDRESS]
            self.assertEqual((told[1], len(told)), (family, 4 + packed))
            self.assertEqual(int.from_bytes(told[2:4]) ^ 0x2112, client.publishing.socket.getsockname()[1])

    def test_without_public_addresses_this_machine_s_are_offered_of_both_families(self) -> None:
        self.assertLessEqual({*own_addresses("0.0.0.0")} - {"127.0.0.1"}, {*own_addresses("::")})
        self.assertEqual(own_addresses("192.0.2.7"), ("192.0.2.7",))

    async def test_the_public_addresses_are_offered_with_our_ports_and_none_else(self) -> None:
        _, answer = await self.member("anna", "127.0.0.1")
        found = re.findall(r"a=candidate:\S+ 1 (udp|tcp) \d+ (\S+) (\d+) typ host", answer)
        ports = {"udp": str(self.engine.port), "tcp": str(self.engine.tcp_port)}
        expected = [(way, address, ports[way]) for way in ports for address in self.config.public_addresses]
        self.assertEqual(found, expected)
        self.assertEqual(answer.count("a=candidate:"), len(expected))


class NetworkChangeTests(EngineTestCase):
    async def test_a_receiver_goes_on_at_another_address_with_the_same_keys_and_numbers(self) -> None:
        anna, ben = await self.pair()
        receiving = ben.subscribing
        assert receiving is not None
        ufrag, certificate, ssrc = (
            receiving.remote_ufrag,
            receiving.remote_fingerprint,
            ben.ssrc_of("anna", Source.CAMERA),
        )
        receiving.move()
        answered = ben.answered
        ben.open(fresh=False)
        await eventually(lambda: ben.answered > answered, "no offer came")
        self.assertNotEqual(receiving.remote_ufrag, ufrag)
        self.assertEqual(receiving.remote_fingerprint, certificate)
        await receiving.check()
        anna.send_video()
        await eventually(lambda: len(ben.packets_of("anna", Source.CAMERA)) == 2)
        self.assertEqual(ben.ssrc_of("anna", Source.CAMERA), ssrc)
        self.one_after_the_other(ben)

    async def test_a_publisher_goes_on_at_another_address_with_the_same_keys_and_numbers(self) -> None:
        anna, ben = await self.pair()
        sending = anna.publishing
        assert sending is not None
        ufrag, certificate = sending.remote_ufrag, sending.remote_fingerprint
        sending.move()
        sending.follow(anna.offer_publish(Source.MICROPHONE, Source.CAMERA))
        self.assertNotEqual(sending.remote_ufrag, ufrag)
        self.assertEqual(sending.remote_fingerprint, certificate)
        await sending.check()
        anna.send_video()
        await eventually(lambda: len(ben.packets_of("anna", Source.CAMERA)) == 2)
        self.one_after_the_other(ben)

    async def test_before_the_new_address_has_proved_itself_nothing_is_taken_from_it(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None
        anna.publishing.move()
        anna.publishing.follow(anna.offer_publish(Source.MICROPHONE, Source.CAMERA))
        strangers = self.engine.dropped["stranger"]
        anna.send_video()
        await eventually(lambda: self.engine.dropped["stranger"] == strangers + 1)
        self.assertEqual(len(ben.packets_of("anna", Source.CAMERA)), 1)

    def one_after_the_other(self, ben: Client) -> None:
        first, second = (header.sequence for header, _ in ben.packets_of("anna", Source.CAMERA))
        self.assertEqual(second, (first + 1) & 0xFFFF)


class SilenceTests(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=0.01)

    async def test_who_is_not_heard_of_is_sent_nothing_and_goes_on_with_the_same_keys_when_heard_again(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None and ben.subscribing is not None
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        for _ in range(11):
            self.clock.advance(3)
            await anna.publishing.check()
        await eventually(lambda: link.ice.destination is None)
        anna.send_audio(b"unheard")
        await anna.publishing.check()
        self.assertEqual(link.state, "disconnected")
        await ben.subscribing.check()
        self.assertEqual(link.state, "connected")
        anna.send_audio(b"heard")
        await eventually(lambda: ben.packets_of("anna", Source.MICROPHONE)[-1][1] == b"heard")
        self.assertNotIn(b"unheard", [payload for _, payload in ben.packets_of("anna", Source.MICROPHONE)])
        for _ in range(21):
            self.clock.advance(3)
            await anna.publishing.check()
        await eventually(lambda: link.state == "closed")

    async def test_who_asks_nothing_goes_on_while_media_and_reports_come(self) -> None:
        """libnice, and GStreamer with it, sends requests until it is connected and none afterwards."""
        anna, ben = await self.pair()
        assert ben.subscribing is not None
        for client in (anna, ben):
            client.grant(seconds=600)
        for number in range(30):
            self.clock.advance(3)
            ben.subscribing.send_rtcp(rtcp.receiver_report(1, []))
            said = b"%d" % number
            anna.send_audio(said)
            await eventually(lambda said=said: said in [p[1] for p in ben.packets_of("anna", Source.MICROPHONE)])
        states = [link.state for peer in self.engine._sessions["session"].peers.values() for link in peer.links]
        self.assertEqual(states, ["connected", "connected"])

    async def test_media_renew_no_consent_that_is_over(self) -> None:
        """Where a client is that was away for so long, its requests have to prove (decision 30)."""
        anna, _ = await self.pair()
        anna.grant(seconds=600)
        link = self.engine._sessions["session"].peers["anna"].publish
        assert link is not None
        self.clock.advance(31)
        await eventually(lambda: link.ice.destination is None)
        for _ in range(10):
            anna.send_audio()
            self.clock.advance(3)
        await eventually(lambda: link.state == "closed")

    async def test_media_from_elsewhere_renew_no_consent_of_where_media_go(self) -> None:
        """Who is at another address now, and sends from there, has not said that the first one may still be sent to."""
        anna, ben = await self.pair()
        receiving = ben.subscribing
        assert receiving is not None
        anna.grant(seconds=600)
        ben.grant(seconds=600)
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        before = receiving.rebind()
        receiving.send_raw(receiving.binding_request(nominate=False))
        await eventually(lambda: len(link.ice.addresses) == 2)
        went_to = link.ice.address
        for _ in range(11):
            self.clock.advance(3)
            receiving.send_rtcp(rtcp.receiver_report(1, []))
            reports = link.packets_in
            await eventually(lambda reports=reports: link.packets_in > reports)
            self.assertIn(link.ice.address, (went_to, None))
        await eventually(lambda: link.ice.destination is None)
        before.close()

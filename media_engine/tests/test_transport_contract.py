"""The private names of aiortc and pylibsrtp that the engine leans on are where they were."""

import asyncio
import inspect
import re
from unittest import TestCase

import pylibsrtp
import pytest
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport, State

from media_engine import Source, native, srtp, tracks, transport
from media_engine.ice import IceTransport
from media_engine.native import Memory
from media_engine.tests.client import EngineTestCase, eventually
from media_engine.transport import RtpTransport, split_records


class ContractTests(TestCase):
    def test_aiortc_has_every_private_name_that_the_transport_uses(self) -> None:
        made = RTCDtlsTransport(IceTransport(lambda data, to: None, 0.0), [RTCCertificate.generateCertificate()])  # type: ignore[arg-type]
        for name in transport.PRIVATE_NAMES:
            self.assertTrue(hasattr(made, name), f"aiortc's RTCDtlsTransport has lost {name}: see transport.py")
        for name in ("_recv_next", "_write_ssl"):
            self.assertTrue(inspect.iscoroutinefunction(getattr(made, name)), f"aiortc's {name} is no coroutine now")
        self.assertEqual({state.name for state in State}, {"NEW", "CONNECTING", "CONNECTED", "CLOSED", "FAILED"})

    def test_aiortc_uses_of_its_ice_transport_what_ours_has(self) -> None:
        used = set(re.findall(r"self\.transport\.(\w+)", inspect.getsource(RTCDtlsTransport)))
        self.assertLessEqual(used, {"_recv", "_send", "role"}, "see ice.py")

    def test_libsrtp_can_be_called_in_place(self) -> None:
        self.assertTrue(native.IN_PLACE, f"pylibsrtp has lost one of {native.PRIVATE_NAMES}: media costs far more now")
        self.assertEqual(pylibsrtp.__version__.split(".")[:2], ["1", "0"])

    def test_the_public_way_does_the_same_as_the_private_one(self) -> None:
        packet = bytes([0x80, 96]) + bytes(10) + b"payload" * 20
        memory = Memory(2048 + srtp.TRAILER_BYTES)
        place = memory.place

        def put(datagram: bytes) -> int:
            memory.view[: len(datagram)] = datagram
            return len(datagram)

        for profile, key_bytes, cipher in (
            (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28, "SRTP_AEAD_AES_128_GCM"),
            (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44, "SRTP_AEAD_AES_256_GCM"),
            (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30, "SRTP_AES128_CM_SHA1_80"),
        ):
            results = []
            for kind in (srtp.InPlaceSrtp, srtp.PublicSrtp):
                policies = [
                    pylibsrtp.Policy(key=bytes(range(key_bytes)), ssrc_type=direction, srtp_profile=profile)
                    for direction in (pylibsrtp.Policy.SSRC_ANY_INBOUND, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
                ]
                pair = kind(pylibsrtp.Session(policies[0]), pylibsrtp.Session(policies[1]), cipher)
                datagram = bytes(memory.view[: pair.protect(place, put(packet))])
                self.assertEqual(srtp.length[0], len(packet) + pair.overhead, "the profile's tag has another size")
                plain = bytes(memory.view[: pair.unprotect(place, put(datagram))])
                replayed = pair.unprotect(place, put(datagram))
                report = pair.protect_rtcp(bytes([0x80, 201, 0, 1, 0, 0, 0, 1]))
                size = pair.unprotect_rtcp(place, put(report))
                told = bytes(memory.view[:size])
                pair.retire((0, 12345))
                self.assertEqual(bytes(memory.view[: pair.protect(place, put(packet))]), datagram, "not forgotten")
                results.append((datagram, plain, replayed, report, told))
            self.assertEqual(results[0], results[1])
            self.assertEqual(results[0][1], packet)
            self.assertEqual(results[0][2], 0, "a replay was taken")

    def test_aes_128_is_preferred_and_every_other_profile_is_still_offered(self) -> None:
        made = RtpTransport(IceTransport(lambda data, to: None, 0.0), lambda state: None)
        names = [profile.openssl_profile for profile in made._srtp_profiles]
        self.assertEqual(names[0], b"SRTP_AEAD_AES_128_GCM")
        self.assertEqual(len(names), 3)

    def test_a_long_flight_is_split_between_records(self) -> None:
        def record(size: int) -> bytes:
            return bytes(11) + size.to_bytes(2, "big") + bytes(size)

        flight = record(500) + record(600) + record(100) + record(1400) + record(10)
        self.assertEqual([len(datagram) for datagram in split_records(flight)], [1126, 113, 1413, 23])
        self.assertEqual(b"".join(split_records(flight)), flight)
        self.assertEqual(split_records(b""), [])


class HandshakeTests(TestCase):
    def shake_hands(self) -> tuple[list[RtpTransport], tuple[list[str], list[str]]]:
        """Two transports between which there was no loss, and what became of them. Both are closed."""

        async def run() -> tuple[list[RtpTransport], tuple[list[str], list[str]]]:
            sides: list[IceTransport] = []

            def wire(target: int) -> IceTransport:
                ice = IceTransport(lambda data, to: sides[target].feed(bytes(data)), 0.0)
                ice.address = ("127.0.0.1", 1)
                return ice

            sides += [wire(1), wire(0)]
            states: tuple[list[str], list[str]] = ([], [])
            ends = [RtpTransport(sides[index], states[index].append, server=index == 0) for index in (0, 1)]
            await asyncio.wait_for(
                asyncio.gather(
                    ends[0].run((("sha-256", ends[1].fingerprint),)), ends[1].run((("sha-256", ends[0].fingerprint),))
                ),
                30,
            )
            self.pairs = [end.srtp for end in ends if end.srtp is not None]
            ends[1].say_goodbye()
            await asyncio.wait_for(ends[0].wait_closed(), 30)
            sides[1].close()
            await ends[1].wait_closed()
            return ends, states

        return asyncio.run(run())

    def test_two_transports_shake_hands_over_a_lossless_wire(self) -> None:
        self.assertEqual(self.shake_hands()[1], (["connected", "closed"], ["connected", "closed"]))

    def test_what_one_end_sends_the_other_can_read_and_nothing_very_old_is_sent(self) -> None:
        """More is kept of sound than is repeated of it; and a number is encrypted by one session alone."""
        ends, _ = self.shake_hands()
        memory = Memory(2048 + srtp.TRAILER_BYTES)

        def packet(sequence: int) -> bytes:
            return bytes([0x80, 96]) + sequence.to_bytes(2) + bytes(8) + b"payload"

        def protect(pair: srtp.SrtpPair, sequence: int) -> int:
            memory.view[: len(packet(sequence))] = packet(sequence)
            return pair.protect(memory.place, len(packet(sequence)))

        for sending, receiving in ((0, 1), (1, 0)):
            for sequence in (1000, 1000 - tracks._AUDIO_CACHE_PACKETS, 1000 - srtp.SENT_WINDOW + 1):
                size = protect(self.pairs[sending], sequence)
                plain = self.pairs[receiving].unprotect(memory.place, size)
                self.assertEqual(bytes(memory.view[:plain]), packet(sequence))
            self.assertFalse(protect(self.pairs[sending], 1000 - srtp.SENT_WINDOW - 1))
            self.assertIs(ends[sending]._tx_srtp, self.pairs[sending]._tx_session)


class LoopTests(TestCase):
    def test_media_flows_on_uvloop_as_it_does_on_asyncio(self) -> None:
        uvloop = pytest.importorskip("uvloop")

        async def run() -> None:
            case = EngineTestCase()
            await case.asyncSetUp()
            anna, ben = await case.pair()
            for number in range(40):
                anna.send_audio(b"%d" % number)
            await eventually(lambda: len(ben.packets_of("anna", Source.MICROPHONE)) == 41)
            await case.asyncTearDown()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())

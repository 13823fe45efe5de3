"""The scripted client speaks the standards: checked against their own examples."""

import unittest

from tests.support import sdp_text, synthetic, wire

# RFC 5769 section 2.1, a request with short-term credentials.
RFC_5769_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae80220010"
    "5354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a"
    "3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
RFC_5769_PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"


class StunTest(unittest.TestCase):
    def test_the_standards_request_is_read_and_its_signature_holds(self) -> None:
        message = wire.decode_stun(RFC_5769_REQUEST)
        assert message is not None
        self.assertEqual(message.attributes[wire.ATTR_USERNAME], b"evtj:h6vY")
        self.assertTrue(wire.stun_integrity_holds(RFC_5769_REQUEST, RFC_5769_PASSWORD))
        self.assertFalse(wire.stun_integrity_holds(RFC_5769_REQUEST, b"another"))

    def test_a_written_check_is_signed_and_marked(self) -> None:
        request = wire.binding_request(username="a:b", password="p", tie_breaker=1, nominate=True)
        message = wire.decode_stun(request)
        assert message is not None
        self.assertIn(wire.ATTR_USE_CANDIDATE, message.attributes)
        self.assertTrue(wire.stun_integrity_holds(request, b"p"))

    def test_a_cut_message_is_not_read(self) -> None:
        for length in range(len(RFC_5769_REQUEST)):
            self.assertIsNone(wire.decode_stun(RFC_5769_REQUEST[:length]))


class RtpTest(unittest.TestCase):
    def test_a_packet_is_read_as_it_was_written(self) -> None:
        written = wire.encode_rtp(
            payload_type=96,
            sequence=65535,
            timestamp=2**32 - 1,
            ssrc=7,
            payload=b"payload",
            marker=True,
            extensions=[(1, b"a"), (4, b"mid")],
        )
        read = wire.decode_rtp(written)
        self.assertEqual(read, wire.RtpPacket(96, 65535, 2**32 - 1, 7, True, {1: b"a", 4: b"mid"}, b"payload"))

    def test_a_compound_is_read_packet_by_packet(self) -> None:
        compound = wire.receiver_report(1, [(2, 3)]) + wire.nack(1, 2, [10, 500])
        report, request = wire.decode_rtcp(compound)
        self.assertEqual((report.kind, report.count), (wire.RTCP_RR, 1))
        self.assertEqual(request.lost_sequences, [10, 500])

    def test_a_key_frame_starts_with_its_first_packet_only(self) -> None:
        first, second = synthetic.Vp8Payloads().frame([500, 500], key=True)
        delta, _ = synthetic.Vp8Payloads().frame([500, 500], key=False)
        self.assertEqual([synthetic.is_vp8_key_frame_start(p) for p in (first, second, delta)], [True, False, False])


class SdpTest(unittest.TestCase):
    def test_an_offer_is_read_as_it_was_written(self) -> None:
        local = sdp_text.Secrets("ufrag", "password", "AB:CD")
        media = [sdp_text.UpMedia("0", "audio", 1), sdp_text.UpMedia("1", "video", 2, 3)]
        read = sdp_text.read_description(sdp_text.write_publish_offer(local, media))
        self.assertEqual(read.secrets, local)
        self.assertEqual([m.ssrcs for m in read.media], [[1], [2, 3]])
        self.assertEqual(read.by_mid("1").payload_type("VP8"), sdp_text.VP8_PAYLOAD_TYPE)

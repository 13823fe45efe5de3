"""SDP of three browsers' making, and SDP of nobody's making."""

import re
from pathlib import Path
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from media_engine import OfferRejected, sdp, sdp_write

SAMPLES = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "samples").glob("*.sdp"))}
CHROMIUM = SAMPLES["chromium-offer"]
GSTREAMER = (Path(__file__).parent / "samples" / "devices" / "gstreamer-offer.sdp").read_text()
LOCAL = sdp_write.LocalTransport("ufrag", "p" * 24, ":".join(["AB"] * 32), ("127.0.0.1", "192.0.2.7"), 8801)


def decode(text: str) -> sdp.Description:
    return sdp.decode(text, max_bytes=65536, max_sections=32)


class SampleTests(TestCase):
    def test_every_browser_is_understood(self) -> None:
        for name, text in SAMPLES.items():
            with self.subTest(name=name):
                offer = decode(text)
                audio, video = offer.sections[:2]
                opus, vp8 = sdp_write.accepted_codec(audio), sdp_write.accepted_codec(video)
                assert opus is not None and vp8 is not None
                self.assertTrue(audio.sends and video.sends)
                self.assertEqual(offer.setup, "actpass")
                self.assertEqual(len(offer.fingerprints), 1)
                self.assertIsNotNone(video.find_rtx(vp8))
                self.assertTrue(video.gives_feedback(vp8, "transport-cc"))
                self.assertIn(sdp.MID, video.extensions)

    def test_an_answer_is_understood_by_our_own_parser_and_takes_only_opus_and_vp8(self) -> None:
        for name, text in SAMPLES.items():
            with self.subTest(name=name):
                answer = sdp_write.answer(decode(text), frozenset({"0"}), LOCAL, 1, 1)
                parsed = decode(answer)
                self.assertEqual(parsed.setup, "passive")
                self.assertEqual([s.direction for s in parsed.sections[:2]], ["recvonly", "inactive"])
                self.assertEqual({c.name for s in parsed.sections for c in s.codecs.values()}, {"opus", "vp8", "rtx"})
                self.assertIn("a=ice-lite\r\n", answer)
                self.assertIn(" 192.0.2.7 8801 typ host", answer)
                self.assertNotIn("msid:", answer)

    def test_sound_is_asked_for_again_and_has_no_header_that_would_change_with_the_asking(self) -> None:
        for name, text in SAMPLES.items():
            with self.subTest(name=name):
                offer = decode(text)
                audio = decode(sdp_write.answer(offer, frozenset({"0", "1"}), LOCAL, 1, 1)).sections[0]
                opus = sdp_write.accepted_codec(audio)
                assert opus is not None
                self.assertEqual(audio.gives_feedback(opus, "nack"), "firefox" not in name)  # offers no word of it
                self.assertFalse({sdp.TRANSPORT_SEQUENCE, sdp.ABSOLUTE_SEND_TIME} & audio.extensions.keys())

    def test_pauses_are_for_meetings_that_the_server_may_hear(self) -> None:
        for pauses, word in ((True, ";usedtx=1\r\n"), (False, ";usedtx=0\r\n")):
            self.assertIn(word, sdp_write.answer(decode(CHROMIUM), frozenset({"0"}), LOCAL, 1, 1, pauses=pauses))

    def test_a_data_channel_is_refused_and_left_out_of_the_bundle(self) -> None:
        answer = sdp_write.answer(decode(SAMPLES["simulcast-offer"]), frozenset({"0", "1"}), LOCAL, 1, 1)
        self.assertIn("a=group:BUNDLE 0 1\r\n", answer)
        self.assertIn("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n", answer)
        self.assertIn("a=simulcast:recv q;h;f\r\n", answer)

    def test_a_section_that_is_only_in_the_bundle_is_no_refused_one(self) -> None:
        """So Firefox offers all sections but the first, where there is to be one transport."""
        head, audio, video = re.split(r"(?m)^(?=m=)", SAMPLES["firefox-offer"])[:3]
        bundled = video.replace("m=video 9 ", "m=video 0 ") + "a=bundle-only\r\n"
        bare = re.sub(r"(?m)^a=(ice-|fingerprint|setup|rtcp-mux).*\n", "", bundled)
        for name, text in (("bundled", bundled), ("bare", bare)):
            with self.subTest(name=name):
                offer = decode(head + audio + text)
                self.assertTrue(offer.sections[1].sends)
                answer = sdp_write.answer(offer, frozenset({"0", "1"}), LOCAL, 1, 1)
                self.assertIn("a=group:BUNDLE 0 1\r\n", answer)
                self.assertIn("m=video 9 UDP/TLS/RTP/SAVPF 120 124\r\n", answer)
        refused = decode(head + audio + video.replace("m=video 9 ", "m=video 0 "))
        self.assertFalse(refused.sections[1].sends)
        self.assertIn("m=video 0 ", sdp_write.answer(refused, frozenset({"0"}), LOCAL, 1, 1))
        self.assertFalse(decode(head + audio + video + "a=bundle-only\r\n").sections[1].bundle_only)

    def test_retransmission_ssrcs_are_paired_and_no_media_of_their_own(self) -> None:
        video = decode(SAMPLES["firefox-offer"]).sections[1]
        self.assertEqual(video.ssrcs, {3367212398: 2094412287})

    def test_our_offer_is_understood_by_our_own_parser(self) -> None:
        sections = [
            sdp_write.OfferedSection("0", "audio", 11, 12, "anna", "anna:microphone"),
            sdp_write.OfferedSection("1", "video", 21, 22, "anna", "anna:camera"),
            sdp_write.OfferedSection("2", "video", 31, 32, "", ""),
        ]
        text = sdp_write.offer(sections, LOCAL, 1, 2, "-")
        offer = decode(text)
        self.assertEqual([section.direction for section in offer.sections], ["sendonly", "sendonly", "inactive"])
        self.assertEqual(offer.sections[1].ssrcs, {21: 22})
        self.assertIn("a=msid:anna anna:camera\r\n", text)
        sound, picture = offer.sections[:2]
        self.assertNotIn(sdp.TRANSPORT_SEQUENCE, sound.extensions)  # repeated, it has to be the same packet
        self.assertFalse(sound.gives_feedback(sound.codecs[111], "transport-cc"))
        self.assertTrue(sdp_write.counts(picture, picture.codecs[96]))
        self.assertNotIn("31", re.findall(r"a=ssrc:(\d+)", text))


class DeviceTests(TestCase):
    """What GStreamer 1.22 offers, and what it needs of an answer."""

    def test_gstreamer_is_understood_without_header_extensions(self) -> None:
        offer = decode(GSTREAMER)
        picture, sound = offer.sections
        self.assertTrue(picture.sends and sound.sends)
        self.assertEqual((picture.extensions, sound.extensions), ({}, {}))
        self.assertEqual(picture.ssrcs, {1827316219: 2995505326})
        self.assertEqual(list(sound.ssrcs), [2801423442])

    def test_sound_that_gstreamer_sends_again_comes_as_it_offers_it(self) -> None:
        """Elsewhere than with what was lost, as pictures do (RFC 4588): browsers offer that for pictures alone."""
        sound = decode(self.answer(GSTREAMER)).sections[1]
        opus = sdp_write.accepted_codec(sound)
        assert opus is not None
        self.assertTrue(sound.gives_feedback(opus, "nack"))
        self.assertEqual(sound.find_rtx(opus), sdp.Codec(98, "rtx", 48000, 1))

    def test_gstreamer_that_sends_nothing_again_is_not_asked_to(self) -> None:
        """It names transport-wide feedback, but numbers nothing: libwebrtc, which sends sound again, does both."""
        plain = re.sub(r"(?m)^a=(rtcp-fb:\d+ nack|ssrc-group.*|rtpmap:\d+ rtx.*|fmtp:\d+ apt.*)\n", "", GSTREAMER)
        self.assertNotIn("nack\r\n", self.answer(plain))

    @staticmethod
    def answer(offer: str) -> str:
        return sdp_write.answer(decode(offer), frozenset({"video0", "audio1"}), LOCAL, 1, 1)

    def test_the_role_in_dtls_stands_in_every_m_line(self) -> None:
        """GStreamer takes no description in which one of them leaves it to the session."""
        offer = decode(SAMPLES["simulcast-offer"])  # with a data channel, which is refused
        sent = {section.mid: sdp_write.AnsweredSection(1, 2) for section in offer.sections[:2]}
        stopped = sdp_write.OfferedSection("1", "video", 21, 22, "", "", is_rejected=True)
        offered = [sdp_write.OfferedSection("0", "audio", 11, 12, "anna", "anna:microphone"), stopped]
        for role, text in (
            ("passive", sdp_write.answer(offer, frozenset({"0", "1"}), LOCAL, 1, 1)),
            ("passive", sdp_write.watch_answer(offer, sent, LOCAL, 1, 1)),
            ("actpass", sdp_write.offer(offered, LOCAL, 1, 2, "-")),
        ):
            _, *lines = re.split(r"(?m)^(?=m=)", text)
            self.assertEqual([line.count(f"a=setup:{role}\r\n") for line in lines], [1] * len(lines))


class RefusalTests(TestCase):
    def refused(self, text: str) -> str:
        with self.assertRaises(OfferRejected) as refusal:
            decode(text)
        self.assertEqual(refusal.exception.code, "bad_sdp")
        return refusal.exception.message

    def test_what_does_not_fit_is_refused_with_a_reason(self) -> None:
        second_mid = CHROMIUM.replace("a=mid:1", "a=mid:0")
        cases = {
            "larger": CHROMIUM + "a=x:" + "y" * 70000,
            "v=0": "hello",
            "o=": re.sub(r"o=.*\n", "", CHROMIUM),
            "mid of its own": second_mid,
            "rtcp-mux": CHROMIUM.replace("a=rtcp-mux\n", "").replace("a=rtcp-mux\r\n", ""),
            "bundled": re.sub(r"a=group:BUNDLE 0 1", "a=group:BUNDLE 0", CHROMIUM),
            "fingerprint of a supported": CHROMIUM.replace("fingerprint:sha-256", "fingerprint:md5"),
            "wrong length": re.sub(r"sha-256 \S\S:", "sha-256 ", CHROMIUM),
            "ICE credentials": re.sub(r"a=ice-pwd.*\n", "", CHROMIUM),
            "too short": re.sub(r"a=ice-pwd:\S+", "a=ice-pwd:abcdef", CHROMIUM),
            "a=setup": re.sub(r"a=setup:actpass", "a=setup:maybe", CHROMIUM),
            "different transports": CHROMIUM.replace("a=setup:actpass", "a=setup:active", 1),
            "only UDP/TLS": CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
            "malformed line": CHROMIUM + "a=tool:\x00\n",
            "extension id": CHROMIUM.replace("a=extmap:2 ", "a=extmap:1 "),
            "m-lines": "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 33,
            "too many SSRCs": CHROMIUM + "".join(f"a=ssrc:{number} cname:x\r\n" for number in range(9)),
        }
        for reason, text in cases.items():
            with self.subTest(reason=reason):
                self.assertIn(reason, self.refused(text))

    @given(st.text(max_size=400))
    def test_any_text_is_a_description_or_a_refusal(self, text: str) -> None:
        for candidate in (text, "v=0\n" + text, CHROMIUM + text):
            try:
                decode(candidate)
            except OfferRejected as refusal:
                self.assertEqual(refusal.code, "bad_sdp")

    @given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60), st.characters(max_codepoint=0x2FF)), max_size=8))
    def test_any_damage_to_a_browsers_offer_is_a_description_or_a_refusal(
        self, damage: list[tuple[int, int, str]]
    ) -> None:
        for text in SAMPLES.values():
            lines = text.splitlines()
            for line, column, character in damage:
                chosen = lines[line % len(lines)]
                lines[line % len(lines)] = chosen[:column] + character + chosen[column + 1 :]
            try:
                offer = decode("\n".join(lines))
            except OfferRejected as refusal:
                self.assertEqual(refusal.code, "bad_sdp")
                continue
            mids = frozenset(section.mid for section in offer.sections)
            for line in sdp_write.answer(offer, mids, LOCAL, 1, 1).split("\r\n"):
                self.assertNotRegex(line, r"[\x00-\x1f]")

    @given(st.permutations(CHROMIUM.splitlines()[1:]))
    def test_shuffled_lines_are_a_description_or_a_refusal(self, lines: list[str]) -> None:
        try:
            decode("v=0\n" + "\n".join(lines))
        except OfferRejected as refusal:
            self.assertEqual(refusal.code, "bad_sdp")

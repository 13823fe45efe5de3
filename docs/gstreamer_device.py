#!/usr/bin/python3
"""A device made of GStreamer: it sends by WHIP or watches by WHEP. Needs nothing of Lintel; whip-whep.md beside it says
which packages. It is tried by tests/intruder/test_t09_gstreamer.py.

    export TOKEN=…    # from the meeting's page, under Devices
    python3 gstreamer_device.py send https://meet.example/whip/… --video v4l2src --audio pulsesrc
    python3 gstreamer_device.py watch https://meet.example/whep/…

Writes what happens as lines of JSON, once a second how many pictures and sounds went through until then. Ends with
Ctrl-C, and with exit code 1 when it is refused or put out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

import gi

for name in ("Gst", "GstSdp", "GstWebRTC"):
    gi.require_version(name, "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402 - after their versions

PAYLOAD_TYPES = {"OPUS": 111, "VP8": 96, "VP9": 98, "H264": 102}
# Whoever comes late is waiting for a key frame. The server asks for one then; none are needed in between.
ENCODERS = {
    "VP8": "vp8enc deadline=1 cpu-used=8 target-bitrate=1000000 keyframe-max-dist=3000"
    " ! rtpvp8pay picture-id-mode=15-bit",
    "VP9": "vp9enc deadline=1 cpu-used=8 target-bitrate=1000000 keyframe-max-dist=3000"
    " ! rtpvp9pay picture-id-mode=15-bit",
    "H264": "x264enc tune=zerolatency speed-preset=veryfast bitrate=1000 key-int-max=3000"
    " ! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency",
}
# How loud it is stands in each packet: so people see who speaks, and screens show them.
SOUND = "level audio-level-meta=true ! opusenc ! rtpopuspay auto-header-extension=true"
LOUDNESS = 'extmap-1=(string)<"","urn:ietf:params:rtp-hdrext:ssrc-audio-level","vad=on">'


def tell(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def relays_of(link: str) -> list[str]:
    """The TURN servers of Link headers (RFC 9725, section 4.6), as GStreamer writes them."""
    found = re.findall(r'<(turns?):([^>]*)>[^<]*username="([^"]*)"; credential="([^"]*)"', link)
    return [f"{scheme}://{quote(name, '')}:{quote(password, '')}@{where}" for scheme, where, name, password in found]


class Resource:
    """The session as HTTP has it (RFC 9725)."""

    def __init__(self, address: str, token: str) -> None:
        self.address, self.token = address, token
        self.session = self.etag = ""
        self.relays: list[str] = []

    def ask(self, method: str, address: str, body: str = "", **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {self.token}"} | {key.replace("_", "-"): headers[key] for key in headers}
        request = urllib.request.Request(address, body.encode() or None, sent, method=method)  # noqa: S310
        return urllib.request.urlopen(request, timeout=20)  # noqa: S310

    def post(self, offer: str) -> str:
        """The answer. At the door it asks again for as long as it is told to."""
        while True:
            try:
                answer = self.ask("POST", self.address, offer, Content_Type="application/sdp")
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503):
                    raise
                tell(waiting=json.load(error))
                time.sleep(int(error.headers.get("Retry-After", "10")))
            else:
                self.session, self.etag = answer.headers["Location"], answer.headers["ETag"]
                self.relays = relays_of(", ".join(answer.headers.get_all("Link", [])))
                return str(answer.read().decode())

    def patch(self, fragment: str) -> int:
        kind = "application/trickle-ice-sdpfrag"
        return int(self.ask("PATCH", self.session, fragment, Content_Type=kind, If_Match=self.etag).status)

    def delete(self) -> int:
        try:
            return int(self.ask("DELETE", self.session).status)
        except urllib.error.HTTPError as error:
            return error.code  # somebody ended it before
        except urllib.error.URLError:
            return 0  # nobody is there


class Device:
    """A pipeline around `webrtcbin`. Its threads only note what happens; the main loop does what follows."""

    def __init__(self, resource: Resource, pipeline: str, address: str) -> None:
        self.resource = resource
        self.loop = GLib.MainLoop()
        self.counted = {"video": 0, "audio": 0}
        self.exit_code = 0
        self.reply = self.transport = None
        self.pipeline = Gst.parse_launch(f"pipeline.( webrtcbin name=rtc bundle-policy=max-bundle {pipeline} )")
        self.rtc = self.pipeline.get_by_name("rtc")
        self.ice = self.rtc.get_property("ice-agent")  # which goes away unless somebody holds it
        # Otherwise it says nothing where nobody else says anything, and is taken for gone after half a minute.
        self.ice.get_property("agent").set_property("keepalive-conncheck", True)
        if address:
            self.ice.emit("add-local-ip-address", address)
        self.rtc.connect("on-negotiation-needed", self.negotiate)
        self.rtc.connect("notify::connection-state", self.on_state)
        self.rtc.connect("notify::ice-gathering-state", self.on_gathering)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.on_error)

    def negotiate(self, _rtc: Any) -> None:
        self.rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer))

    def on_offer(self, promise: Any) -> None:
        self.reply = promise.get_reply()  # the offer lives as long as this
        GLib.idle_add(self.post, self.reply.get_value("offer"))

    def post(self, offer: Any) -> None:
        """Candidates need not be waited for: the server learns from connectivity checks where its clients are.

        They are gathered afterwards, because only the answer names TURN servers.
        """
        try:
            text = self.resource.post(offer.sdp.as_text())
        except urllib.error.HTTPError as error:
            tell(refused=json.load(error))
            self.end(1)
            return
        except urllib.error.URLError as error:
            tell(error=str(error.reason))
            self.end(1)
            return
        for relay in self.resource.relays:
            self.rtc.emit("add-turn-server", relay)
        self.rtc.emit("set-local-description", offer, Gst.Promise.new())
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.rtc.emit("set-remote-description", answer, Gst.Promise.new())
        tell(session=self.resource.session)

    def on_gathering(self, _rtc: Any, _property: Any) -> None:
        if self.rtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.trickle)

    def trickle(self) -> None:
        """All candidates together, as servers want them that do without checks of their clients'."""
        text = self.rtc.get_property("local-description").sdp.as_text()
        kept = ("m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:")
        first = text[text.index("m=") :].split("\r\nm=")[0]
        lines = [line for line in first.splitlines() if line.startswith(kept)]
        tell(trickled=self.resource.patch("\r\n".join([*lines, "a=end-of-candidates", ""])))

    def on_state(self, _rtc: Any, _property: Any) -> None:
        state = self.rtc.get_property("connection-state").value_nick
        tell(connection=state)
        if state == "connected" and self.transport is None:
            self.transport = self.rtc.emit("get-transceiver", 0).get_property("sender").get_property("transport")
            self.transport.connect("notify::state", self.on_transport)
        elif state == "failed":
            GLib.idle_add(self.end, 1)

    def on_transport(self, _transport: Any, _property: Any) -> None:
        """Being put out: DTLS is closed then, which `webrtcbin` as a whole goes on to call connected."""
        if self.transport.get_property("state") == GstWebRTC.WebRTCDTLSTransportState.CLOSED:
            tell(connection="closed")
            GLib.idle_add(self.end, 1)

    def on_error(self, _bus: Any, message: Any) -> None:
        tell(error=str(message.parse_error()))
        self.end(1)

    def count(self, pad: Any, kind: str) -> None:
        def one(_pad: Any, _info: Any) -> Any:
            self.counted[kind] += 1
            return Gst.PadProbeReturn.OK

        pad.add_probe(Gst.PadProbeType.BUFFER, one)

    def report(self) -> bool:
        tell(**self.counted)
        return True

    def end(self, code: int = 0) -> bool:
        self.exit_code = self.exit_code or code
        self.loop.quit()
        return False

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, self.end)
        GLib.timeout_add_seconds(1, self.report)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.resource.session:
            tell(deleted=self.resource.delete())
        self.pipeline.set_state(Gst.State.NULL)
        return self.exit_code


class Sender(Device):
    def __init__(self, resource: Resource, chosen: argparse.Namespace) -> None:
        rtp = "application/x-rtp,media={},encoding-name={},payload={}".format
        parts = []
        if chosen.video:
            caps = rtp("video", chosen.codec, PAYLOAD_TYPES[chosen.codec])
            encoder = f"videoconvert ! queue ! {ENCODERS[chosen.codec]} name=video"
            parts.append(f"{chosen.video} ! {encoder} ! {caps} ! rtc.")
        if chosen.audio:
            caps = rtp("audio", "OPUS", PAYLOAD_TYPES["OPUS"])
            encoder = f"audioconvert ! audioresample ! queue ! {SOUND} name=audio"
            parts.append(f"{chosen.audio} ! {encoder} ! {caps},{LOUDNESS} ! rtc.")
        super().__init__(resource, " ".join(parts), chosen.address)
        for kind in ("video", "audio"):
            payloader = self.pipeline.get_by_name(kind)
            if payloader is not None:
                self.count(payloader.get_static_pad("sink"), kind)

    def negotiate(self, rtc: Any) -> None:
        for line in range(len(rtc.sinkpads)):
            transceiver = rtc.emit("get-transceiver", line)
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
            transceiver.set_property("do-nack", True)  # sends again what was lost
        super().negotiate(rtc)


class Watcher(Device):
    def __init__(self, resource: Resource, chosen: argparse.Namespace) -> None:
        super().__init__(resource, "", chosen.address)
        self.sinks = {"video": chosen.video_sink, "audio": chosen.audio_sink}
        opus = f"application/x-rtp,media=audio,encoding-name=OPUS,payload={PAYLOAD_TYPES['OPUS']},clock-rate=48000"
        picture = "application/x-rtp,media=video,encoding-name={},payload={},clock-rate=90000".format
        pictures = [picture(name, PAYLOAD_TYPES[name]) for name in ("VP8", "VP9", "H264")]
        pictures[-1] += ",packetization-mode=(string)1,profile-level-id=(string)42e01f"
        for offered in (f"{opus},encoding-params=(string)2", "; ".join(pictures)):
            direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
            transceiver = self.rtc.emit("add-transceiver", direction, Gst.Caps.from_string(offered))
            transceiver.set_property("do-nack", True)  # asks again for what was lost
        self.rtc.connect("pad-added", self.on_stream)

    def on_stream(self, _rtc: Any, pad: Any) -> None:
        """Another codec of the same m-line is another stream."""
        if pad.get_direction() == Gst.PadDirection.SRC:
            tell(stream=pad.get_current_caps().get_structure(0).get_value("encoding-name"))
            decoder = Gst.ElementFactory.make("decodebin")
            decoder.connect("pad-added", self.on_decoded)
            self.add(decoder)
            pad.link(decoder.get_static_pad("sink"))

    def on_decoded(self, _decoder: Any, pad: Any) -> None:
        kind = pad.query_caps().get_structure(0).get_name().partition("/")[0]
        convert = "videoconvert" if kind == "video" else "audioconvert ! audioresample"
        sink = Gst.parse_bin_from_description(f"queue ! {convert} ! {self.sinks[kind]}", ghost_unlinked_pads=True)
        self.add(sink)
        pad.link(sink.get_static_pad("sink"))
        self.count(pad, kind)

    def add(self, element: Any) -> None:
        self.pipeline.add(element)
        element.sync_state_with_parent()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("send", "watch"))
    parser.add_argument("url", help="from the meeting's page")
    parser.add_argument("--video", default="videotestsrc is-live=true", help="where pictures come from; empty for none")
    parser.add_argument("--audio", default="audiotestsrc is-live=true", help="where sound comes from; empty for none")
    parser.add_argument("--codec", choices=sorted(ENCODERS), default="VP8")
    parser.add_argument("--video-sink", default="autovideosink")
    parser.add_argument("--audio-sink", default="autoaudiosink")
    parser.add_argument("--address", default="", help="of this machine, if only one of several shall be used")
    chosen = parser.parse_args()
    Gst.init(None)
    device = {"send": Sender, "watch": Watcher}[chosen.what](Resource(chosen.url, os.environ["TOKEN"]), chosen)
    return device.run()


if __name__ == "__main__":
    sys.exit(main())

"""One transport of one peer: ICE-lite, DTLS and SRTP put together, with its state and its limits.

`PublishLink` and `SubscribeLink` say what arrives on it and what is sent.
"""

import asyncio
import secrets
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

from media_engine import rtcp
from media_engine.allowance import Allowance
from media_engine.events import TransportName, TransportStateName
from media_engine.ice import IceTransport
from media_engine.mux import DatagramReceiver
from media_engine.records import Slot
from media_engine.sdp_write import LocalTransport
from media_engine.srtp import SrtpPair
from media_engine.transport import RtpTransport
from media_engine.wiring import Wiring

_SENDER: Final = struct.Struct("!I")
"""The SSRC of an RTCP packet, at byte 4."""
_MIN_SRTP_BYTES: Final = 24
"""A fixed header, or an RTCP header with its index, and the shortest tag."""


_HEARD_SECONDS: Final = 1.0
"""What is heard sooner than so long after the last time is not looked at for consent."""
_MOST_REPORTS_AT_ONCE: Final = 40
"""One may cost a tenth of a millisecond, and everybody's media wait for it."""


class LinkOwner(Protocol):
    """What a link needs of the session it belongs to."""

    lease_floor: float
    """Engine time at which some lease of the session ends."""

    def expire(self, now: float) -> None:
        """Withdraw what leases that are over had permitted."""

    def on_link_state(self, link: "Link", state: TransportStateName) -> None:
        """A transport changed its state."""


class Link(DatagramReceiver):
    """A transport. Closing is synchronous: after `close` not one datagram goes in or out."""

    name: TransportName
    takes_rtp = False

    def __init__(self, owner: LinkOwner, peer_id: str, wiring: Wiring) -> None:
        self.owner = owner
        self.peer_id = peer_id
        self.config = config = wiring.config
        self.fan_out = wiring.fan_out
        self._mux = wiring.mux
        self._retired = wiring.retired
        self.ice = IceTransport(wiring.mux.send, wiring.clock(), config.consent_timeout_seconds)
        self.dtls = RtpTransport(self.ice, self._on_dtls)
        self.outlet = self.ice.outlet
        self.fingerprints: tuple[tuple[str, str], ...] = ()
        self.state: TransportStateName | None = None
        self.ssrc = secrets.randbits(32) or 1
        self.sdp_session = secrets.randbits(62)
        self.sdp_version = 0
        self.dropped = dict.fromkeys(("rate", "unprotected", "srtp", "rtp", "rtcp", "ssrc", "key_frame_asked"), 0)
        self.packets_in = self.octets_in = self.reports_out = self.report_octets_out = 0
        self._packets = Allowance(config.max_packets_per_second_per_transport)
        self._rtcp = Allowance(config.max_rtcp_per_second_per_transport, _MOST_REPORTS_AT_ONCE)
        self._checks = Allowance(config.max_checks_per_second_per_transport)
        self._handshake = Allowance(config.max_dtls_per_second_per_transport)
        self._return_checks = Allowance(config.max_return_checks_per_second_per_transport)
        self._ssrcs: set[int] = set()
        self._task: asyncio.Task[None] | None = None
        self._mux.register(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state}>"

    @property
    def srtp(self) -> SrtpPair | None:
        """How what comes and goes is encrypted; None before and after it is."""
        return self.outlet.srtp

    @property
    def session(self) -> object:
        """What it belongs to, by identity."""
        return self.owner

    def counted(self) -> Counter[str]:
        """What it has counted so far: see `EngineFigures.counted`; what it has dropped as `dropped_` and a reason."""
        counted = Counter({f"dropped_{reason}": count for reason, count in self.dropped.items()})
        counted.update(packets_in=self.packets_in, octets_in=self.octets_in, reports_out=self.reports_out)
        return counted

    def local(self) -> LocalTransport:
        """Our end, for SDP."""
        ice = self.ice
        mux = self._mux
        return LocalTransport(ice.ufrag, ice.password, self.dtls.fingerprint, mux.addresses, mux.port, mux.streams.port)

    def start(self, fingerprints: tuple[tuple[str, str], ...]) -> None:
        """Begin DTLS with a peer that must show one of `fingerprints`. Call once, before its SDP is answered."""
        self.fingerprints = fingerprints
        self._set_state("connecting")
        self._task = asyncio.get_running_loop().create_task(self.dtls.run(fingerprints))

    def restart_ice(self) -> None:
        """New credentials, same association."""
        self.ice.restart()
        self._mux.register(self)

    def may_check(self) -> bool:
        """Whether one more STUN datagram from one of its addresses is looked at."""
        return self._checks.take()

    def may_ask_back(self) -> bool:
        """Whether one more address is asked whether its peer is there."""
        return self._return_checks.take()

    def on_dtls(self, datagram: bytes) -> None:
        """A DTLS datagram from one of its addresses. After the handshake there is hardly ever one."""
        if self._handshake.take():
            self.ice.feed(datagram)
        else:
            self.dropped["rate"] += 1

    def on_validated(self) -> None:
        """The peer consents to traffic (RFC 7675)."""
        if self.state == "disconnected":
            self._set_state("connected")

    def hear(self, slot: Slot, now: float) -> None:
        """What is in `slot` was authenticated by the keys: where it comes from consent goes on, if media go there.

        That is no less than a request, which can be forged from there by whoever knows the password. libnice sends none
        unless it is asked to: GStreamer's devices would be cut off in the middle.
        """
        ice = self.ice
        if now >= ice.last_consent_at + _HEARD_SECONDS and ice.hear(slot.sources.source(slot.number), now):
            self.on_validated()

    def on_srtp(self, slots: Sequence[Slot], now: float) -> None:
        """Datagrams of the peer: count them, drop what is too much, pass on what is media and what is a report."""
        allowance, dropped = self._packets, self.dropped
        allowance.left -= len(slots)
        if allowance.left < 0:
            over = min(-allowance.left, len(slots))
            dropped["rate"] += over
            slots = slots[: len(slots) - over]
        srtp = self.srtp
        if srtp is None:
            dropped["unprotected"] += len(slots)
            return
        if now >= self.owner.lease_floor:
            self.owner.expire(now)
        self.packets_in += len(slots)
        media = []
        for slot in slots:
            size = slot.size
            self.octets_in += size
            if size < _MIN_SRTP_BYTES:
                dropped["srtp"] += 1
            elif 192 <= slot.second <= 223:  # RFC 5761, section 4
                self._on_srtcp(srtp, slot, size, now)
            elif self.takes_rtp:
                media.append(slot)
            else:
                dropped["rtp"] += 1
        if media:
            self.on_rtp(srtp, media, now)

    def on_media(self, slots: Sequence[Slot], octets: int, now: float) -> None:
        """As `on_srtp`, where all are media of at least `_MIN_SRTP_BYTES`, and `octets` together."""
        srtp = self.srtp
        if srtp is None or not self.takes_rtp or self._packets.left < len(slots):
            self.on_srtp(slots, now)
            return
        self._packets.left -= len(slots)
        if now >= self.owner.lease_floor:
            self.owner.expire(now)
        self.packets_in += len(slots)
        self.octets_in += octets
        self.on_rtp(srtp, slots, now)

    def _on_srtcp(self, srtp: SrtpPair, slot: Slot, size: int, now: float) -> None:
        """Reports and requests have an allowance of their own: each may cost far more than a packet of media."""
        if not self._rtcp.take():
            self.dropped["rate"] += 1
            return
        ssrc = _SENDER.unpack_from(slot.view, 4)[0]
        if ssrc not in self._ssrcs and not self._may_add_ssrc():
            return
        plain = srtp.unprotect_rtcp(slot.place, size)
        if not plain:
            self.dropped["srtp"] += 1
            return
        self._ssrcs.add(ssrc)
        self.hear(slot, now)
        try:
            items = rtcp.decode(bytes(slot.view[:plain]))
        except ValueError:
            self.dropped["rtcp"] += 1
            return
        for item in items:
            self.on_rtcp(item, now)

    def _may_add_ssrc(self) -> bool:
        """Whether one more SSRC may reach libsrtp, which makes a context for each that it authenticates."""
        if len(self._ssrcs) < self.config.max_ssrcs_per_transport:
            return True
        self.dropped["ssrc"] += 1
        return False

    def on_rtp(self, srtp: SrtpPair, slots: Sequence[Slot], now: float) -> None:
        """RTP packets, encrypted, of at least `_MIN_SRTP_BYTES`. Ask `_may_add_ssrc` about SSRCs not seen before."""

    def on_rtcp(self, item: rtcp.Item, now: float) -> None:
        """One item of a decrypted compound packet."""

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt and send one compound packet, if the transport is up."""
        if self.srtp is not None and packet:
            protected = self.srtp.protect_rtcp(packet)
            if protected:
                self.reports_out += 1
                self.report_octets_out += len(protected)
                self.ice.send(protected)

    def tick(self, now: float) -> None:
        """Refill the allowances; check consent and the set-up deadline. Call every `config.tick_seconds`."""
        self._packets.refill(self.config.tick_seconds)
        for allowance in (self._rtcp, self._checks, self._handshake, self._return_checks):
            allowance.refill(self.config.tick_seconds)
        silent_for = now - self.ice.last_consent_at
        config = self.config
        if silent_for > config.consent_timeout_seconds:
            self.ice.destination = None  # until it has proved anew where it is
        if silent_for > config.closed_after_seconds:
            self.close()
        elif self.state in (None, "connecting"):
            if now - self.ice.created_at > config.setup_timeout_seconds:
                self.close()
        elif self.state == "connected" and silent_for > config.disconnected_after_seconds:
            self._set_state("disconnected")

    def close(self) -> None:
        """End the transport now, and say so to the peer's DTLS (RFC 7675, section 5.2): a device has no other word."""
        if self.ice.closed:
            return
        self.dtls.say_goodbye()
        self._retired.update(self.counted())
        self.outlet.srtp = None
        self.ice.close()
        self._mux.forget(self)
        self._set_state("closed")

    async def wait_closed(self) -> None:
        """Wait until the tasks of a closed link have ended."""
        if self._task is not None:
            await asyncio.wait([self._task])
        await self.dtls.wait_closed()

    def _on_dtls(self, state: str) -> None:
        if state == "connected" and not self.ice.closed:
            self.outlet.srtp = self.dtls.srtp
            self.ice.prove()
            self._set_state("connected")
        elif state == "closed":
            self.close()

    def _set_state(self, state: TransportStateName) -> None:
        if self.state not in (state, "closed"):
            self.state = state
            self.owner.on_link_state(self, state)

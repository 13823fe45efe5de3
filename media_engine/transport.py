"""DTLS-SRTP by aiortc, over the engine's own ICE. The only file that imports aiortc.

`RtpTransport` is aiortc's `RTCDtlsTransport` with its media paths cut off: aiortc sees DTLS datagrams only, does the
handshake, checks the fingerprint and makes the SRTP session for what is received; ours is the one for what is sent, and
media goes past aiortc. The private names that this leans on are in `PRIVATE_NAMES`, and
`tests/test_transport_contract.py` says in a sentence which one an upgrade has moved.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_PROFILES,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    State,
)
from OpenSSL import SSL
from pylibsrtp import Policy, Session

from media_engine.ice import IceTransport
from media_engine.srtp import SENT_WINDOW, SrtpPair, srtp_pair

PRIVATE_NAMES = (
    "_recv_next",
    "_role",
    "_rx_srtp",
    "_set_role",
    "_set_state",
    "_srtp_profiles",
    "_ssl",
    "_state",
    "_task",
    "_tx_srtp",
    "_write_ssl",
)
"""Of `RTCDtlsTransport`; of the ICE transport it uses `_recv`, `_send`, `role`."""

_MAX_DATAGRAM_BYTES = 1200
_RECORD_HEADER_BYTES = 13

_log = logging.getLogger(__name__)

# AES-128 costs less per packet than AES-256, and browsers offer both; aiortc prefers the larger.
_PROFILES = [SRTP_AEAD_AES_128_GCM, *(profile for profile in SRTP_PROFILES if profile is not SRTP_AEAD_AES_128_GCM)]


class RtpTransport(RTCDtlsTransport):
    """One DTLS association. `on_state` is called with "connected" once and "closed" once, failure included."""

    def __init__(self, ice: IceTransport, on_state: Callable[[str], None], *, server: bool = True) -> None:
        self._certificate = RTCCertificate.generateCertificate()
        super().__init__(ice, [self._certificate])  # type: ignore[arg-type]  # stands in for RTCIceTransport
        self._srtp_profiles = [profile for profile in _PROFILES if profile in SRTP_PROFILES]
        self._set_role("server" if server else "client")
        self._on_state = on_state
        self._ended = False
        self.srtp: SrtpPair | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of our certificate, as SDP writes it."""
        return next(f.value for f in self._certificate.getFingerprints() if f.algorithm == "sha-256")

    async def run(self, fingerprints: tuple[tuple[str, str], ...]) -> None:
        """Shake hands with a peer whose certificate has `fingerprints` (algorithm, value). Returns when that is over.

        Datagrams that came before wait in the ICE transport's queue. Nothing is forwarded to or from a peer whose
        certificate does not match: there are no SRTP sessions until it does.
        """
        parameters = RTCDtlsParameters([RTCDtlsFingerprint(algorithm, value) for algorithm, value in fingerprints])
        try:
            await self.start(parameters)
        except (SSL.Error, ConnectionError, ValueError) as error:
            _log.debug("DTLS ended early: %s", type(error).__name__)
            self._set_state(State.FAILED)

    def say_goodbye(self) -> None:
        """Send close_notify, if there is an association to close."""
        ssl = self._ssl
        if ssl is not None and self._state in (State.CONNECTING, State.CONNECTED):
            with contextlib.suppress(SSL.Error):
                ssl.shutdown()
            for datagram in self._take_output():
                self.transport.send(datagram)  # type: ignore[attr-defined]  # our own IceTransport

    async def wait_closed(self) -> None:
        """Wait until aiortc's reading task has ended; closing the ICE transport ends it."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _set_state(self, state: State) -> None:
        if state is State.FAILED:
            self.say_goodbye()  # a peer that finished on its side would wait for media until it gives up
        super()._set_state(state)
        if state is State.CONNECTED:
            self.srtp = self._srtp_pair()
            self._on_state("connected")
        elif state in (State.FAILED, State.CLOSED) and not self._ended:
            self._ended = True
            self.srtp = None
            self._on_state("closed")

    def _srtp_pair(self) -> SrtpPair:
        """aiortc's session for what is received, ours for what is sent, and both keys (RFC 5764, section 4.2)."""
        ssl = self._ssl
        assert ssl is not None  # noqa: S101 - it is connected
        profile = next(one for one in SRTP_PROFILES if one.openssl_profile == ssl.get_selected_srtp_profile())
        keys = ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (profile.key_length + profile.salt_length))
        theirs, ours = (profile.get_key_and_salt(keys, way) for way in ((0, 1) if self._role == "server" else (1, 0)))
        policy = Policy(ours, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile.libsrtp_profile)
        policy.allow_repeat_tx, policy.window_size = True, SENT_WINDOW
        self._tx_srtp = Session(policy)  # in place of aiortc's: no number may be used by two that know nothing of it
        return srtp_pair(self._rx_srtp, self._tx_srtp, profile.openssl_profile.decode(), theirs, ours)

    async def _write_ssl(self) -> None:
        """Flush OpenSSL's output, one or more whole records per datagram.

        aiortc reads 1,500 bytes once: a longer flight would stay behind, and its cut would split a record, which DTLS
        does not survive (RFC 6347, section 4.1.1).
        """
        for datagram in self._take_output():
            self.transport.send(datagram)  # type: ignore[attr-defined]  # our own IceTransport

    def _take_output(self) -> list[bytes]:
        pending = b""
        with contextlib.suppress(SSL.Error):
            while self._ssl is not None:
                pending += self._ssl.bio_read(65536)
        return split_records(pending)


def split_records(flight: bytes) -> list[bytes]:
    """Pack whole DTLS records into datagrams of at most 1,200 bytes; a longer record goes alone."""
    datagrams: list[bytes] = []
    offset = 0
    while offset < len(flight):
        end = offset + _RECORD_HEADER_BYTES + int.from_bytes(flight[offset + 11 : offset + 13], "big")
        record = flight[offset:end]
        if datagrams and len(datagrams[-1]) + len(record) <= _MAX_DATAGRAM_BYTES:
            datagrams[-1] += record
        else:
            datagrams.append(record)
        offset = end
    return datagrams

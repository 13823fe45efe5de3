"""SRTP in place (RFC 3711, RFC 7714), by libsrtp, without a copy per packet.

pylibsrtp's public `protect` costs five times what libsrtp itself costs, because it allocates and copies twice. This
file calls the same C functions on two buffers that live as long as the process. The private names it needs are listed
in `PRIVATE_NAMES` and guarded by a contract test; when one is missing, the public functions are used instead.
"""

import contextlib
from collections.abc import Iterable
from typing import Any, Protocol

import pylibsrtp

DATAGRAM_BYTES = 2048
SEND_SLOTS = 24
"""Packets that can lie ready for sending at the same time; all of them together fit into one UDP datagram's length."""
TRAILER_BYTES = 160
"""Room for tag, SRTCP index and MKI behind a packet (srtp.h: SRTP_MAX_TRAILER_LEN and SRTP_MAX_SRTCP_TRAILER_LEN)."""

PRIVATE_NAMES = (
    "pylibsrtp._binding.ffi",
    "pylibsrtp._binding.lib.srtp_protect",
    "pylibsrtp._binding.lib.srtp_protect_rtcp",
    "pylibsrtp._binding.lib.srtp_unprotect",
    "pylibsrtp._binding.lib.srtp_unprotect_rtcp",
    "pylibsrtp.Session._srtp",
)

try:
    from pylibsrtp import _binding

    ffi: Any = _binding.ffi
    _srtp_protect: Any = _binding.lib.srtp_protect
    _srtp_protect_rtcp: Any = _binding.lib.srtp_protect_rtcp
    _srtp_unprotect: Any = _binding.lib.srtp_unprotect
    _srtp_unprotect_rtcp: Any = _binding.lib.srtp_unprotect_rtcp
    pylibsrtp.Session()._srtp[0]  # noqa: SLF001 - the contract of PRIVATE_NAMES
    IN_PLACE = True
except (ImportError, AttributeError):  # pragma: no cover - only after an upgrade of pylibsrtp
    IN_PLACE = False


class SrtpPair(Protocol):
    """The two directions of one transport. Sizes are in bytes; a result of 0 means refused, and nothing was written."""

    def unprotect(self, size: int) -> int:
        """Decrypt the RTP packet in the receive buffer; the size of the plain packet."""

    def unprotect_rtcp(self, size: int) -> int:
        """Decrypt the RTCP packet in the receive buffer; the size of the plain packet."""

    def protect(self, size: int, slot: int = 0) -> int:
        """Encrypt the RTP packet in `send_slots[slot]`; the size of the datagram."""

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Encrypt one RTCP packet; empty when refused."""

    def retire(self, ssrcs: Iterable[int]) -> None:
        """Forget what is kept for sending these SSRCs, which must never be used again on this transport."""


if IN_PLACE:
    _receive_memory = ffi.new("unsigned char[]", DATAGRAM_BYTES)
    _send_memory = [ffi.new("unsigned char[]", DATAGRAM_BYTES + TRAILER_BYTES) for _ in range(SEND_SLOTS)]
    _length = ffi.new("int *")
    receive_buffer = memoryview(ffi.buffer(_receive_memory))
    send_slots = [memoryview(ffi.buffer(memory)) for memory in _send_memory]
else:  # pragma: no cover - only after an upgrade of pylibsrtp
    receive_buffer = memoryview(bytearray(DATAGRAM_BYTES))
    send_slots = [memoryview(bytearray(DATAGRAM_BYTES + TRAILER_BYTES)) for _ in range(SEND_SLOTS)]
send_buffer = send_slots[0]


class _Sessions:
    """The two libsrtp sessions; holding them keeps what pointers into them point at."""

    def __init__(self, rx: pylibsrtp.Session, tx: pylibsrtp.Session) -> None:
        self._rx_session, self._tx_session = rx, tx

    def retire(self, ssrcs: Iterable[int]) -> None:
        """See SrtpPair."""
        for ssrc in ssrcs:
            with contextlib.suppress(pylibsrtp.Error):  # nothing was ever sent on it
                self._tx_session.remove_stream(ssrc)


class InPlaceSrtp(_Sessions):
    """libsrtp on the shared buffers."""

    def __init__(self, rx: pylibsrtp.Session, tx: pylibsrtp.Session) -> None:
        super().__init__(rx, tx)
        self._rx: Any = rx._srtp[0]  # noqa: SLF001
        self._tx: Any = tx._srtp[0]  # noqa: SLF001

    def unprotect(self, size: int) -> int:
        """See SrtpPair."""
        _length[0] = size
        if _srtp_unprotect(self._rx, _receive_memory, _length):
            return 0
        plain: int = _length[0]
        return plain

    def unprotect_rtcp(self, size: int) -> int:
        """See SrtpPair."""
        _length[0] = size
        if _srtp_unprotect_rtcp(self._rx, _receive_memory, _length):
            return 0
        plain: int = _length[0]
        return plain

    def protect(self, size: int, slot: int = 0) -> int:
        """See SrtpPair."""
        _length[0] = size
        if _srtp_protect(self._tx, _send_memory[slot], _length):
            return 0
        protected: int = _length[0]
        return protected

    def protect_rtcp(self, packet: bytes) -> bytes:
        """See SrtpPair."""
        size = len(packet)
        if size > DATAGRAM_BYTES:
            return b""
        send_buffer[:size] = packet
        _length[0] = size
        if _srtp_protect_rtcp(self._tx, _send_memory[0], _length):
            return b""
        return bytes(send_buffer[: _length[0]])


class PublicSrtp(_Sessions):
    """The same by pylibsrtp's public functions: slower, and packets above 1,356 bytes are refused by its buffer."""

    def unprotect(self, size: int) -> int:
        """See SrtpPair."""
        return self._into(receive_buffer, self._rx_session.unprotect, bytes(receive_buffer[:size]))

    def unprotect_rtcp(self, size: int) -> int:
        """See SrtpPair."""
        return self._into(receive_buffer, self._rx_session.unprotect_rtcp, bytes(receive_buffer[:size]))

    def protect(self, size: int, slot: int = 0) -> int:
        """See SrtpPair."""
        return self._into(send_slots[slot], self._tx_session.protect, bytes(send_slots[slot][:size]))

    def protect_rtcp(self, packet: bytes) -> bytes:
        """See SrtpPair."""
        try:
            return bytes(self._tx_session.protect_rtcp(packet))
        except (pylibsrtp.Error, ValueError):
            return b""

    @staticmethod
    def _into(target: memoryview, function: Any, packet: bytes) -> int:
        try:
            result = function(packet)
        except (pylibsrtp.Error, ValueError):
            return 0
        target[: len(result)] = result
        return len(result)


def srtp_pair(rx: pylibsrtp.Session, tx: pylibsrtp.Session) -> SrtpPair:
    """The fastest way that this pylibsrtp allows."""
    return InPlaceSrtp(rx, tx) if IN_PLACE else PublicSrtp(rx, tx)

"""SRTP in place (RFC 3711, RFC 7714), by libsrtp, without a copy per packet.

pylibsrtp's public `protect` costs several times what libsrtp itself costs, because it allocates and copies twice. This
file calls the same C functions on the engine's own memory (`native.py`). When pylibsrtp no longer lets it, the public
functions are used instead.
"""

import contextlib
import ctypes
from collections.abc import Callable, Iterable
from typing import Any, Final

import pylibsrtp
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from media_engine import native
from media_engine.native import DATAGRAM_BYTES, IN_PLACE, Memory

_TAG_BYTES: Final = {"SRTP_AES128_CM_SHA1_80": 10}
_GCM_TAG_BYTES: Final = 16
_AES_128_GCM: Final = "SRTP_AEAD_AES_128_GCM"
_KEY_BYTES: Final = 16
_GCM_SALT_BYTES: Final = 12
_ENCRYPTION_LABEL: Final = 0
_SALT_LABEL: Final = 2
TRAILER_BYTES: Final = 160
"""Room for tag, SRTCP index and MKI behind a packet (srtp.h: SRTP_MAX_TRAILER_LEN and SRTP_MAX_SRTCP_TRAILER_LEN)."""
RECEIVED_WINDOW: Final = 1024
"""How many numbers of an SSRC, from the newest back, are taken when they come late: aiortc's."""
SENT_WINDOW: Final = 256
"""How many numbers of an SSRC, from the newest back, libsrtp still encrypts, or once more; older ones it refuses.

It remembers each, and moves the whole memory along with every packet: aiortc's 1,024 cost more than the encryption. The
repair of a picture has a number of its own (RFC 4588), and sound is sent again at most 64 packets later.
"""

length: Final[Any] = native.ffi.new("int *") if IN_PLACE else [0]
"""The number that libsrtp reads a size from and writes one to: `length[0]`. One thread, one call at a time."""


class SrtpPair:
    """The two directions of one transport. Sizes are in bytes; 0 means refused, and what lies there is of no use.

    `cipher` is the name of its profile (RFC 5764, RFC 7714), `overhead` how many bytes `protect` adds to an RTP packet:
    the profile's tag. What the fan-out calls itself is `seal(tx, place, length)`: it encrypts the packet of `length[0]`
    bytes at `place` and returns something true when it refused.
    """

    tx: Any
    seal: Any
    context = 0
    protector = 0
    """For the inner loops in C, which encrypt what is sent by the function at the address `protector`, and give it
    `context` first; 0 where they can't."""
    opener: tuple[int, int] | None = None
    """The same two for what is received, the function first; None where they can't decrypt."""

    def __init__(self, rx: pylibsrtp.Session, tx: pylibsrtp.Session, cipher: str) -> None:
        self._rx_session, self._tx_session = rx, tx  # holding them keeps what pointers into them point at
        self.cipher = cipher
        self.overhead: int = _TAG_BYTES.get(cipher, _GCM_TAG_BYTES)

    def unprotect(self, place: Any, size: int) -> int:
        """Decrypt the RTP packet at `place`; the size of the plain packet."""
        raise NotImplementedError

    def unprotect_rtcp(self, place: Any, size: int) -> int:
        """Decrypt the RTCP packet at `place`; the size of the plain packet."""
        raise NotImplementedError

    def protect(self, place: Any, size: int) -> int:
        """Encrypt the RTP packet at `place`; the size of the datagram."""
        length[0] = size
        return 0 if self.seal(self.tx, place, length) else size + self.overhead

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Encrypt one RTCP packet; empty when refused."""
        raise NotImplementedError

    def retire(self, ssrcs: Iterable[int]) -> None:
        """Forget what is kept for sending these SSRCs, which must never be used again on this transport."""
        for ssrc in ssrcs:
            with contextlib.suppress(pylibsrtp.Error):  # nothing was ever sent on it
                self._tx_session.remove_stream(ssrc)


_report = Memory(DATAGRAM_BYTES + TRAILER_BYTES)


class InPlaceSrtp(SrtpPair):
    """libsrtp on the engine's own memory. As `seal(tx, …)` encrypts what is sent, `open(rx, …)` decrypts it."""

    def __init__(self, rx: pylibsrtp.Session, tx: pylibsrtp.Session, cipher: str) -> None:
        super().__init__(rx, tx, cipher)
        self._rx_reports: Any = rx._srtp[0]  # noqa: SLF001
        self._tx_reports: Any = tx._srtp[0]  # noqa: SLF001
        self.rx, self.open = self._rx_reports, native.srtp_unprotect
        self.tx, self.seal = self._tx_reports, native.srtp_protect
        self.context, self.protector = native.address_of(self.tx), native.srtp_function("srtp_protect")
        unprotector = native.srtp_function("srtp_unprotect")
        self.opener = (unprotector, native.address_of(self.rx)) if unprotector else None

    def unprotect(self, place: Any, size: int) -> int:
        """See SrtpPair."""
        length[0] = size
        if self.open(self.rx, place, length):
            return 0
        plain: int = length[0]
        return plain

    def unprotect_rtcp(self, place: Any, size: int) -> int:
        """See SrtpPair."""
        length[0] = size
        if native.srtp_unprotect_rtcp(self._rx_reports, place, length):
            return 0
        plain: int = length[0]
        return plain

    def protect_rtcp(self, packet: bytes) -> bytes:
        """See SrtpPair."""
        size = len(packet)
        if size > DATAGRAM_BYTES:
            return b""
        _report.view[:size] = packet
        length[0] = size
        if native.srtp_protect_rtcp(self._tx_reports, _report.place, length):
            return b""
        return bytes(_report.view[: length[0]])


class AeadSrtp(InPlaceSrtp):
    """The same, but `aead.c` encrypts and decrypts RTP. `theirs` and `ours`: a master key, and its salt behind it."""

    def __init__(self, rx: pylibsrtp.Session, tx: pylibsrtp.Session, cipher: str, theirs: bytes, ours: bytes) -> None:
        super().__init__(rx, tx, cipher)
        wanted = ((_ENCRYPTION_LABEL, _KEY_BYTES), (_SALT_LABEL, _GCM_SALT_BYTES))
        self._received: Any = native.aead.Context(*session_keys(theirs, *wanted))
        self._sent: Any = native.aead.Context(*session_keys(ours, *wanted))
        self.context, self.protector = self._sent.address, native.aead.PROTECT
        self.opener = (native.aead.UNPROTECT, self._received.address)
        cast, function = native.ffi.cast, native.CIPHER_FUNCTION
        self.rx, self.open = cast("void *", self._received.address), cast(function, self.opener[0])
        self.tx, self.seal = cast("void *", self.context), cast(function, self.protector)

    def retire(self, ssrcs: Iterable[int]) -> None:
        """See SrtpPair."""
        for ssrc in ssrcs:
            self._sent.forget(ssrc)


def session_keys(master: bytes, *wanted: tuple[int, int]) -> list[bytes]:
    """The session key of each label and size in `wanted`, from a master key of 16 bytes and the master salt behind it.

    RFC 3711, section 4.3; a salt of 12 bytes is followed by two that are zero (RFC 7714, section 11).
    """
    found = []
    for label, size in wanted:
        counter = bytearray(master[_KEY_BYTES:].ljust(16, b"\0"))
        counter[7] ^= label
        stream = Cipher(algorithms.AES(master[:_KEY_BYTES]), modes.CTR(bytes(counter))).encryptor()
        found.append(stream.update(bytes(size)))
    return found


class PublicSrtp(SrtpPair):
    """The same by pylibsrtp's public functions: slower, and packets above 1,356 bytes are refused by its buffer."""

    def __init__(self, rx: pylibsrtp.Session, tx: pylibsrtp.Session, cipher: str) -> None:
        super().__init__(rx, tx, cipher)
        self.tx = tx
        self.seal = self._seal

    def unprotect(self, place: Any, size: int) -> int:
        """See SrtpPair."""
        return _replace(place, size, self._rx_session.unprotect)

    def unprotect_rtcp(self, place: Any, size: int) -> int:
        """See SrtpPair."""
        return _replace(place, size, self._rx_session.unprotect_rtcp)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """See SrtpPair."""
        try:
            return bytes(self._tx_session.protect_rtcp(packet))
        except (pylibsrtp.Error, ValueError):
            return b""

    @staticmethod
    def _seal(tx: Any, place: Any, size: Any) -> int:
        size[0] = _replace(place, size[0], tx.protect)
        return 0 if size[0] else 1


def _replace(place: Any, size: int, function: Callable[[bytes], bytes]) -> int:
    """Put what `function` makes of `size` bytes in their place; how many there are then."""
    address = native.address_of(place)
    try:
        result = function(ctypes.string_at(address, size))
    except (pylibsrtp.Error, ValueError):
        return 0
    ctypes.memmove(address, result, len(result))
    return len(result)


def srtp_pair(rx: pylibsrtp.Session, tx: pylibsrtp.Session, cipher: str, theirs: bytes, ours: bytes) -> SrtpPair:
    """The fastest way that there is here. `cipher` is the name of the profile that both sessions have; `theirs` are the
    master key and salt of `rx`, `ours` those of `tx`.
    """
    if IN_PLACE and native.aead is not None and cipher == _AES_128_GCM:
        return AeadSrtp(rx, tx, cipher, theirs, ours)
    return InPlaceSrtp(rx, tx, cipher) if IN_PLACE else PublicSrtp(rx, tx, cipher)

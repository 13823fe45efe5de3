"""The cryptographic end of the scripted client: a certificate, a DTLS client, SRTP in both directions.

DTLS is pyOpenSSL over memory (no sockets here); SRTP is pylibsrtp's libsrtp through cffi with one
preallocated buffer per direction, because a load generator protects tens of thousands of packets
per second and `pylibsrtp.Session` allocates on each. Private names leaned on: `pylibsrtp._binding`
and `Session._srtp`.
"""

from __future__ import annotations

import datetime
import secrets
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

LARGEST_DATAGRAM_BYTES = 2048
DTLS_DATAGRAM_BYTES = 1200

# RFC 5764 section 4.1.2 and RFC 7714 section 14.2: name -> (libsrtp profile, key bytes, salt bytes).
PROFILES = {
    b"SRTP_AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    b"SRTP_AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
    b"SRTP_AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
}
DEFAULT_PROFILES = (b"SRTP_AEAD_AES_128_GCM", b"SRTP_AEAD_AES_256_GCM", b"SRTP_AES128_CM_SHA1_80")


class Identity:
    """A self-signed P-256 certificate and its key, as a browser makes for a connection."""

    def __init__(self, profiles: tuple[bytes, ...] = DEFAULT_PROFILES) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
        now = datetime.datetime.now(tz=datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .sign(key, hashes.SHA256())
        )
        self.fingerprint = fingerprint_of(certificate)
        self.context = SSL.Context(SSL.DTLS_METHOD)
        self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        self.context.use_certificate(certificate)
        self.context.use_privatekey(key)
        self.context.set_tlsext_use_srtp(b":".join(profiles))


def fingerprint_of(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


@dataclass(frozen=True)
class SrtpKeys:
    """Both directions' master key and salt for one profile, client's side first."""

    profile: bytes
    client: bytes
    server: bytes


class DtlsClient:
    """One DTLS association as the active side. Feed datagrams in, take datagrams out.

    After `complete` is true, `peer_fingerprint` and `keys` are set; whoever uses it compares the
    fingerprint with the one that was signalled.
    """

    def __init__(self, identity: Identity) -> None:
        self._ssl = SSL.Connection(identity.context)
        self._ssl.set_connect_state()
        self._ssl.set_ciphertext_mtu(DTLS_DATAGRAM_BYTES)
        self.complete = False
        self.closed = False
        self.peer_fingerprint = ""
        self.keys: SrtpKeys | None = None

    def advance(self, datagram: bytes | None = None) -> list[bytes]:
        """Takes one datagram (or none, to start) and returns what to send. Raises SSL.Error on refusal."""
        if datagram is not None:
            self._ssl.bio_write(datagram)
        if not self.complete:
            try:
                self._ssl.do_handshake()
            except SSL.WantReadError:
                pass
            else:
                self._finish()
        else:
            try:
                self._ssl.recv(LARGEST_DATAGRAM_BYTES)
            except SSL.ZeroReturnError:
                self.closed = True
            except SSL.Error:
                pass
        return self._flush()

    def seconds_to_timeout(self) -> float | None:
        timeout = self._ssl.DTLSv1_get_timeout()
        return None if timeout is None else float(timeout)

    def on_timeout(self) -> list[bytes]:
        self._ssl.DTLSv1_handle_timeout()
        return self._flush()

    def close(self) -> list[bytes]:
        """The close_notify alert to send, if the association got that far."""
        try:
            self._ssl.shutdown()
        except SSL.Error:
            return []
        return self._flush()

    def _finish(self) -> None:
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        assert certificate is not None
        self.peer_fingerprint = fingerprint_of(certificate)
        profile = self._ssl.get_selected_srtp_profile()
        _, key, salt = PROFILES[profile]
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        salts = material[2 * key :]
        self.keys = SrtpKeys(profile, material[:key] + salts[:salt], material[key : 2 * key] + salts[salt:])
        self.complete = True

    def _flush(self) -> list[bytes]:
        """Everything OpenSSL wants to send, cut at record boundaries: the memory BIO forgets datagrams."""
        written = b""
        while True:
            try:
                written += self._ssl.bio_read(65536)
            except SSL.Error:
                break
        datagrams: list[bytes] = []
        current = b""
        while written:
            plain = 20 <= written[0] <= 25 and len(written) >= 13
            size = 13 + int.from_bytes(written[11:13]) if plain else len(written)
            record, written = written[:size], written[size:]
            if current and len(current) + len(record) > DTLS_DATAGRAM_BYTES:
                datagrams.append(current)
                current = b""
            current += record
        return [*datagrams, current] if current else datagrams


class Srtp:
    """SRTP and SRTCP for one connection, protecting as the client and reading what the server sent.

    `incoming` is where a datagram is received into; `unprotect_rtp(length)` decrypts it in place and
    returns the plain length, or -1 when libsrtp refuses it.
    """

    def __init__(self, keys: SrtpKeys) -> None:
        self._outbound = Session(_policy(keys.profile, keys.client, Policy.SSRC_ANY_OUTBOUND))
        self._inbound = Session(_policy(keys.profile, keys.server, Policy.SSRC_ANY_INBOUND))
        self._tx, self._rx = self._outbound._srtp[0], self._inbound._srtp[0]
        self._out = ffi.new("char[]", LARGEST_DATAGRAM_BYTES)
        self._out_view = memoryview(ffi.buffer(self._out))
        self._in = ffi.new("char[]", LARGEST_DATAGRAM_BYTES)
        self.incoming = memoryview(ffi.buffer(self._in))
        self._length = ffi.new("int *")

    def protect_rtp(self, packet: bytes) -> memoryview:
        """The protected packet, valid until the next call. Raises ValueError when libsrtp refuses."""
        return self._protect(packet, lib.srtp_protect)

    def protect_rtcp(self, packet: bytes) -> memoryview:
        return self._protect(packet, lib.srtp_protect_rtcp)

    def _protect(self, packet: bytes, function: object) -> memoryview:
        length = self._length
        length[0] = size = len(packet)
        self._out_view[:size] = packet
        status = function(self._tx, self._out, length)  # type: ignore[operator]
        if status:
            raise ValueError(f"libsrtp status {status}")
        return self._out_view[: length[0]]

    def unprotect_rtp(self, size: int) -> int:
        self._length[0] = size
        return -1 if lib.srtp_unprotect(self._rx, self._in, self._length) else int(self._length[0])

    def unprotect_rtcp(self, size: int) -> int:
        self._length[0] = size
        return -1 if lib.srtp_unprotect_rtcp(self._rx, self._in, self._length) else int(self._length[0])


def _policy(profile: bytes, key: bytes, direction: int) -> Policy:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=PROFILES[profile][0])
    policy.allow_repeat_tx = True
    policy.window_size = 1024
    return policy

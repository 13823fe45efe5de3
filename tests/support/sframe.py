"""SFrame (RFC 9605) and our frame layout, written from the RFC and docs/encryption.md, not from the page's code.

A second implementation: what both agree on is not one author's mistake made once. It also opens what wire tests catch.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SUITES = {4: (16, SHA256()), 5: (32, SHA512())}
CONTEXTS = ("microphone", "camera", "screen", "screen_audio")


class NotSFrame(Exception):
    """The bytes are no SFrame ciphertext, or not under this key."""


def _number(value: int) -> tuple[int, bytes]:
    """The four bits of a number in the first byte, and its bytes behind."""
    if value < 8:
        return value, b""
    body = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return 8 | len(body) - 1, body


def encode_header(kid: int, ctr: int) -> bytes:
    kid_bits, kid_body = _number(kid)
    ctr_bits, ctr_body = _number(ctr)
    return bytes([kid_bits << 4 | ctr_bits]) + kid_body + ctr_body


def decode_header(data: bytes) -> tuple[int, int, int]:
    """KID, CTR and how many bytes they took. Raises `NotSFrame` unless `data` begins as `encode_header` writes it."""
    if not data:
        raise NotSFrame("empty")
    at = 1
    numbers = []
    for bits in (data[0] >> 4, data[0] & 15):
        size = (bits & 7) + 1 if bits & 8 else 0
        if len(data) < at + size:
            raise NotSFrame("cut off")
        numbers.append(int.from_bytes(data[at : at + size], "big") if size else bits)
        at += size
    kid, ctr = numbers
    if encode_header(kid, ctr) != data[:at]:
        raise NotSFrame("longer than it has to be")
    return kid, ctr, at


@dataclass(frozen=True)
class Key:
    kid: int
    key: bytes
    salt: bytes

    @classmethod
    def derive(cls, base_key: bytes, kid: int, suite: int = 4) -> Key:
        """RFC 9605 section 4.4.2."""

        key_bytes, digest = SUITES[suite]

        def part(label: bytes, size: int) -> bytes:
            info = label + kid.to_bytes(8, "big") + suite.to_bytes(2, "big")
            return HKDF(digest, size, salt=None, info=info).derive(base_key)

        return cls(kid, part(b"SFrame 1.0 Secret key ", key_bytes), part(b"SFrame 1.0 Secret salt ", 12))

    def _nonce(self, ctr: int) -> bytes:
        return (int.from_bytes(self.salt, "big") ^ ctr).to_bytes(12, "big")

    def seal(self, ctr: int, metadata: bytes, plaintext: bytes) -> bytes:
        header = encode_header(self.kid, ctr)
        return header + AESGCM(self.key).encrypt(self._nonce(ctr), plaintext, header + metadata)

    def open(self, metadata: bytes, sealed: bytes) -> bytes:
        kid, ctr, at = decode_header(sealed)
        if kid != self.kid:
            raise NotSFrame("another key")
        try:
            return AESGCM(self.key).decrypt(self._nonce(ctr), sealed[at:], sealed[:at] + metadata)
        except (InvalidTag, ValueError):
            raise NotSFrame("not under this key") from None


def key_id(source: str, leaf: int, epoch: int) -> int:
    """RFC 9605 section 5.2 with E = 4, S = 8 and the source as the context."""
    return CONTEXTS.index(source) << 12 | leaf << 4 | epoch % 16


def _clear_bytes(frame: bytes) -> int:
    return 1 if frame[0] & 1 else 10


def seal_frame(key: Key, ctr: int, kind: str, frame: bytes) -> bytes:
    """A frame as it leaves the sender's transform. `kind` is `audio` (Opus) or `video` (VP8)."""
    if kind == "audio":
        return key.seal(ctr, b"", frame)
    length = _clear_bytes(frame)
    clear = frame[:length]
    return clear + key.seal(ctr, clear + bytes([length]), frame[length:]) + bytes([length])


def split_frame(kind: str, frame: bytes) -> tuple[bytes, bytes]:
    """Clear bytes and SFrame ciphertext. Raises `NotSFrame` where the layout is not ours."""
    if kind == "audio":
        return b"", frame
    length = frame[-1]
    if length != _clear_bytes(frame) or len(frame) < length + 2:
        raise NotSFrame("no such layout")
    return frame[:length], frame[length:-1]


def open_frame(key: Key, kind: str, frame: bytes) -> bytes:
    clear, sealed = split_frame(kind, frame)
    return clear + key.open(clear + bytes([len(clear)]) if kind == "video" else b"", sealed)

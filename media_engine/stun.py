"""STUN messages as an ICE-lite agent needs them (RFC 8489, RFC 8445). Pure.

Reads binding requests and what answers ours, checks their integrity, writes requests, success and error responses.
Knows no sockets and no sessions.
"""

import hmac
import ipaddress
import struct
import zlib
from dataclasses import dataclass, field
from functools import lru_cache

BINDING_REQUEST = 0x0001
BINDING_INDICATION = 0x0011
BINDING_SUCCESS = 0x0101
BINDING_ERROR = 0x0111

USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
ERROR_CODE = 0x0009
XOR_MAPPED_ADDRESS = 0x0020
PRIORITY = 0x0024
USE_CANDIDATE = 0x0025
FINGERPRINT = 0x8028
ICE_CONTROLLED = 0x8029
ICE_CONTROLLING = 0x802A

ROLE_CONFLICT = 487

_COOKIE = 0x2112A442
_COOKIE_BYTES = struct.pack("!I", _COOKIE)
_FINGERPRINT_XOR = 0x5354554E
_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_MAX_ATTRIBUTES = 24
_MAX_BYTES = 1280


@dataclass(slots=True)
class StunMessage:
    """One parsed message of `size` bytes.

    `integrity_offset` is where MESSAGE-INTEGRITY starts, or 0 when there is none.
    """

    kind: int
    transaction: bytes
    size: int
    attributes: dict[int, bytes] = field(default_factory=dict)
    integrity_offset: int = 0

    @property
    def username(self) -> str:
        """The USERNAME attribute, empty when absent or not ASCII."""
        try:
            return self.attributes.get(USERNAME, b"").decode("ascii")
        except UnicodeDecodeError:
            return ""


def decode(datagram: bytes) -> StunMessage:
    """Parse one message. Raises ValueError for everything that is not a well-formed STUN message.

    Attributes after MESSAGE-INTEGRITY are ignored, FINGERPRINT excepted (RFC 8489, section 14.5). A FINGERPRINT that
    does not match is an error.
    """
    size = len(datagram)
    if not 20 <= size <= _MAX_BYTES:
        raise ValueError("not a STUN message: size")
    kind, length, cookie, transaction = _HEADER.unpack_from(datagram)
    if cookie != _COOKIE or kind & 0xC000 or length & 3 or length != size - 20:
        raise ValueError("not a STUN message: header")
    message = StunMessage(kind, transaction, size)
    offset = 20
    for _ in range(_MAX_ATTRIBUTES):
        if offset == size:
            return message
        attribute, attribute_length = _ATTRIBUTE.unpack_from(datagram, offset)
        start, end = offset + 4, offset + 4 + attribute_length
        if end > size:
            raise ValueError("STUN attribute runs over the end")
        if attribute == FINGERPRINT:
            expected = zlib.crc32(datagram[:offset]) ^ _FINGERPRINT_XOR
            if attribute_length != 4 or end != size or datagram[start:end] != struct.pack("!I", expected):
                raise ValueError("STUN fingerprint does not match")
        elif not message.integrity_offset:
            if attribute == MESSAGE_INTEGRITY:
                if attribute_length != 20:
                    raise ValueError("STUN integrity has the wrong size")
                message.integrity_offset = offset
            message.attributes.setdefault(attribute, bytes(datagram[start:end]))
        offset = end + (-attribute_length & 3)
        if offset > size:
            raise ValueError("STUN attribute lacks its padding")
    raise ValueError("too many STUN attributes")


def integrity_holds(datagram: bytes, message: StunMessage, password: bytes) -> bool:
    """Whether MESSAGE-INTEGRITY is present and was made with `password` (RFC 8489, section 14.5)."""
    offset = message.integrity_offset
    if not offset:
        return False
    # The length field covers everything up to and including the integrity attribute, whatever follows it.
    head = datagram[:2] + struct.pack("!H", offset + 24 - 20) + datagram[4:offset]
    return hmac.compare_digest(hmac.digest(password, head, "sha1"), message.attributes[MESSAGE_INTEGRITY])


def encode(kind: int, transaction: bytes, attributes: list[tuple[int, bytes]], password: bytes | None) -> bytes:
    """Serialize a message, with MESSAGE-INTEGRITY when a password is given, and always with FINGERPRINT."""
    body = b"".join(_attribute(name, value) for name, value in attributes)
    if password is not None:
        head = _HEADER.pack(kind, len(body) + 24, _COOKIE, transaction) + body
        body += _attribute(MESSAGE_INTEGRITY, hmac.digest(password, head, "sha1"))
    head = _HEADER.pack(kind, len(body) + 8, _COOKIE, transaction) + body
    return head + _attribute(FINGERPRINT, struct.pack("!I", zlib.crc32(head) ^ _FINGERPRINT_XOR))


def success(transaction: bytes, host: str, port: int, password: bytes) -> bytes:
    """The answer to a binding request from `host`:`port`."""
    mapped = _xor_address(transaction, host, port)
    return encode(BINDING_SUCCESS, transaction, [(XOR_MAPPED_ADDRESS, mapped)], password)


def error(transaction: bytes, code: int, reason: str, password: bytes) -> bytes:
    """An error response with `code` (300-699) and a reason phrase."""
    value = struct.pack("!HBB", 0, code // 100, code % 100) + reason.encode()
    return encode(BINDING_ERROR, transaction, [(ERROR_CODE, value)], password)


def _xor_address(transaction: bytes, host: str, port: int) -> bytes:
    packed = _packed(host)
    size = len(packed)
    masked = int.from_bytes(packed) ^ int.from_bytes((_COOKIE_BYTES + transaction)[:size])
    return struct.pack("!BBH", 0, 1 if size == 4 else 2, port ^ (_COOKIE >> 16)) + masked.to_bytes(size)


@lru_cache(maxsize=1024)
def _packed(host: str) -> bytes:
    """The bytes of an address: the same peers ask again and again.

    What has come by IPv4 to a socket for both is told as that: its sender knows itself by no other address.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).packed


def _attribute(name: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(name, len(value)) + value + bytes(-len(value) & 3)

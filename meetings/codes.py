"""Meeting codes, link secrets and device keys: how they are made, typed, stored and proved. Knows no rows."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's 32 signs in lower case: no i, l, o (read as 1, 1, 0) and no u."""

SEPARATORS = " \t-\u2010\u2011\u2012\u2013"
LOOK_ALIKES = str.maketrans("ilo", "110")
CODE_LENGTH = 12
SECRET_BYTES = 24
P256_BYTES = 32


def new_meeting_code() -> str:
    """Three groups of four, 60 bits: "7kqx-mwtz-p4xa". Authorises nothing by itself."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    return "-".join(letters[at : at + 4] for at in range(0, CODE_LENGTH, 4))


def normalise_code(typed: str) -> str | None:
    """The code that was meant, whatever its case, spaces and dashes; None where it cannot be one."""
    if len(typed) > 64:
        return None
    letters = "".join(sign for sign in typed.lower() if sign not in SEPARATORS).translate(LOOK_ALIKES)
    if len(letters) != CODE_LENGTH or any(letter not in ALPHABET for letter in letters):
        return None
    return "-".join(letters[at : at + 4] for at in range(0, CODE_LENGTH, 4))


def new_secret() -> str:
    """The secret of a personal link: 192 bits, safe in a URL. Shown once, stored only as its digest."""
    return secrets.token_urlsafe(SECRET_BYTES)


def new_email_code() -> str:
    """Six digits for a guest to type."""
    return f"{secrets.randbelow(1_000_000):06d}"


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal. Enough for secrets with 160 bits and more, which nobody can try out."""
    return hashlib.sha256(secret.encode()).hexdigest()


def thumbprint(jwk: Mapping[str, object]) -> str:
    """RFC 7638 thumbprint of a P-256 public key, base64url. Raises ValueError when it is not such a key."""
    x, y = _coordinates(jwk)
    canonical = json.dumps({"crv": "P-256", "kty": "EC", "x": _encode(x), "y": _encode(y)}, separators=(",", ":"))
    return _encode(hashlib.sha256(canonical.encode()).digest())


def verify_device_proof(jwk: Mapping[str, object], message: bytes, signature: str) -> bool:
    """Whether the device signed these bytes: ECDSA P-256 with SHA-256, raw r and s (RFC 7518 3.4), base64url."""
    try:
        x, y = _coordinates(jwk)
        raw = _decode(signature, 2 * P256_BYTES)
        key = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1()).public_key()
        encoded = encode_dss_signature(int.from_bytes(raw[:P256_BYTES]), int.from_bytes(raw[P256_BYTES:]))
        key.verify(encoded, message, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True


def _coordinates(jwk: Mapping[str, object]) -> tuple[bytes, bytes]:
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise ValueError("not a P-256 key")
    x, y = jwk.get("x"), jwk.get("y")
    if not isinstance(x, str) or not isinstance(y, str):
        raise ValueError("a coordinate is missing")
    return _decode(x, P256_BYTES), _decode(y, P256_BYTES)


def _decode(text: str, length: int) -> bytes:
    """Strict base64url without padding, of exactly so many bytes, written in the one canonical way."""
    if len(text) != (length * 4 + 2) // 3:
        raise ValueError("wrong length")
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error
    if len(data) != length or _encode(data) != text:
        raise ValueError("not canonical base64url")
    return data


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

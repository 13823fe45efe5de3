"""Codes, secrets, thumbprints and signatures of devices."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from meetings import codes


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def device() -> tuple[ec.EllipticCurvePrivateKey, dict[str, object]]:
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    return key, {"kty": "EC", "crv": "P-256", "x": b64(numbers.x.to_bytes(32)), "y": b64(numbers.y.to_bytes(32))}


def signed(key: ec.EllipticCurvePrivateKey, message: bytes) -> str:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return b64(r.to_bytes(32) + s.to_bytes(32))


def test_codes_are_typable_and_differ() -> None:
    drawn = {codes.new_meeting_code() for _ in range(200)}
    assert len(drawn) == 200
    assert all(len(code) == 14 and codes.normalise_code(code) == code for code in drawn)
    assert not set("".join(drawn)) & set("ilou")


@pytest.mark.parametrize("typed", ["7KQX-MWTZ-P4XA", "7kqxmwtzp4xa", " 7kqx mwtz p4xa ", "7kqx\u2013mwtz\u2011p4xa"])
def test_codes_are_understood_however_they_are_typed(typed: str) -> None:
    assert codes.normalise_code(typed) == "7kqx-mwtz-p4xa"


def test_look_alikes_are_read_as_what_they_look_like() -> None:
    assert codes.normalise_code("OIL0-1234-abcd") == "0110-1234-abcd"


@pytest.mark.parametrize(
    "typed", ["", "7kqx-mwtz-p4x", "7kqx-mwtz-p4xaa", "7kqx-mwtz-p4x!", "u" * 12, "7" * 500, "٧kqx-mwtz-p4xa"]
)
def test_what_is_no_code_is_none(typed: str) -> None:
    assert codes.normalise_code(typed) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader_of_codes(typed: str) -> None:
    code = codes.normalise_code(typed)
    assert code is None or codes.normalise_code(code) == code


def test_secrets_are_long_and_only_their_digest_is_stored() -> None:
    secret = codes.new_secret()
    assert len(base64.urlsafe_b64decode(secret)) >= 20
    assert codes.digest(secret) != secret
    assert len(codes.digest(secret)) == 64


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    # The key of RFC 7517 appendix A.1; the thumbprint was computed with `openssl dgst` over the canonical members.
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "use": "enc",
        "kid": "1",
    }
    assert codes.thumbprint(jwk) == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"


def test_a_device_proves_itself() -> None:
    key, jwk = device()
    assert codes.verify_device_proof(jwk, b"lintel", signed(key, b"lintel"))


def test_proofs_of_other_keys_and_other_messages_fail() -> None:
    key, jwk = device()
    stranger, _ = device()
    assert not codes.verify_device_proof(jwk, b"lintel", signed(stranger, b"lintel"))
    assert not codes.verify_device_proof(jwk, b"lintel", signed(key, b"lintel2"))


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "RSA"},
        {"crv": "P-384"},
        {"x": "AAAA"},
        {"x": None},
        {"y": b64(bytes(32))},
        {"x": "+" * 43},
        {"y": 7},
    ],
)
def test_keys_that_are_none_prove_nothing(change: dict[str, object]) -> None:
    key, jwk = device()
    assert not codes.verify_device_proof(jwk | change, b"lintel", signed(key, b"lintel"))


@pytest.mark.parametrize("signature", ["", "A", b64(bytes(64)), b64(bytes(63)), "=" * 86, "é" * 86, b64(b"\xff" * 64)])
def test_signatures_that_are_none_prove_nothing(signature: str) -> None:
    _, jwk = device()
    assert not codes.verify_device_proof(jwk, b"lintel", signature)


def test_one_key_has_one_way_to_be_written() -> None:
    key, jwk = device()
    x = str(jwk["x"])
    # The last sign of 43 carries two bits that mean nothing: another sign there must not be another device.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = x[:-1] + alphabet[alphabet.index(x[-1]) ^ 1]
    with pytest.raises(ValueError, match="canonical"):
        codes.thumbprint(jwk | {"x": twin})
    assert not codes.verify_device_proof(jwk | {"x": twin}, b"m", signed(key, b"m"))

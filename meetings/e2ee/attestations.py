"""What the portal signs about people in encrypted meetings: whose a device's identity key is.

It tells members "signed in as Alice" from a guest who typed "Alice". It is no defence against the portal, which signs
it: for that members compare codes and devices remember each other's keys. docs/encryption.md section 3.
"""

from __future__ import annotations

import base64
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

LABEL = "lintel-e2ee/1 attestation"


def statement(label: str, *fields: str) -> bytes:
    """The bytes that are signed: every text behind its length in two bytes, so that no two statements are alike."""
    parts = [text.encode() for text in (label, *fields)]
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def attest(*, room: str, participant: str, account: str | None, row: str, name: str, key: str) -> dict[str, str | None]:
    """Returns the credential that this key carries in the room: what the portal knows of them, and its signature."""
    signed = statement(LABEL, room, participant, account or "", row, name, key)
    return {
        "room": room,
        "participant": participant,
        "account": account,
        "row": row,
        "name": name,
        "attestation": _encoded(_key(settings.SECRET_KEY).sign(signed)),
    }


def portal_key() -> str:
    """The public key that attestations are checked with, base64url."""
    return _encoded(_key(settings.SECRET_KEY).public_key().public_bytes_raw())


@cache
def _key(secret: str) -> Ed25519PrivateKey:
    # From the one secret that all nodes share, so that a meeting may move from node to node.
    seed = HKDF(SHA256(), 32, salt=None, info=b"lintel-e2ee/1 attestation key").derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

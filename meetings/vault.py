"""Secrets that have to be read again, such as the one that signs our requests: sealed before they are stored.

Whoever reads the database alone reads none of them: the key is a file of its own in the data directory. Links, tokens
and passwords don't come here; of those a digest is enough.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """It was sealed with another key, or changed since: make a new secret."""


def _box() -> Fernet:
    key = HKDF(hashes.SHA256(), 32, salt=None, info=b"lintel.vault.1").derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))


def seal(secret: str) -> str:
    """The secret as it may be stored."""
    return _box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret again. Raises `Unreadable`."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except (InvalidToken, UnicodeDecodeError) as error:
        raise Unreadable from error

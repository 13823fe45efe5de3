"""Signed notes of how far the audit chain had come, kept outside the database so that cutting its end off is seen.

One JSON line each in `audit-checkpoints.jsonl` of the data directory. Copy that file elsewhere now and then: whoever
can write the database, this file and the key can still forge all three.
"""

from __future__ import annotations

import base64
import fcntl
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

EVERY_ENTRIES = 100
EVERY_S = 60.0

log = logging.getLogger("lintel.audit")
_NUMBER = re.compile(r'\{"number": (\d{1,18}),')


@dataclass(frozen=True, slots=True)
class Checkpoint:
    number: int
    digest: str
    at: str
    signature: str

    def message(self) -> bytes:
        return f"lintel-audit-checkpoint-1\n{self.number}\n{self.digest}\n{self.at}".encode()


class BadCheckpoint(Exception):
    """A line that is not ours, with the reason in words."""


class _Clock:
    """When this process wrote last; only thins out the lines."""

    last_s: float | None = None


def directory() -> Path:
    """Where key and lines lie. Tests set AUDIT_DIRECTORY."""
    own = getattr(settings, "AUDIT_DIRECTORY", None)
    return Path(own if own is not None else settings.LINTEL.data_dir)


def lines_path() -> Path:
    return directory() / "audit-checkpoints.jsonl"


def key_path() -> Path:
    return directory() / "secrets" / "audit-ed25519.pem"


def is_due(number: int) -> bool:
    """Whether entry `number` deserves a line: every hundredth, and the first after a quiet minute."""
    return number % EVERY_ENTRIES == 0 or _Clock.last_s is None or time.monotonic() - _Clock.last_s >= EVERY_S


def write(number: int, digest: str) -> None:
    """Append a signed line and sync it. Call it only with entries that are committed."""
    key = _key()
    bare = Checkpoint(number, digest, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "")
    signature = base64.b64encode(key.sign(bare.message())).decode()
    line = json.dumps({"number": number, "digest": digest, "at": bare.at, "signature": signature}) + "\n"
    descriptor = os.open(lines_path(), os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file.fileno()).st_size
        # A line that a power cut left half written must not swallow the next one.
        torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
        os.write(file.fileno(), (b"\n" if torn else b"") + line.encode())
        os.fsync(file.fileno())
    _Clock.last_s = time.monotonic()


def write_quietly(number: int, digest: str) -> None:
    """As `write`, after a commit: the entry stands, and a full disk must not undo what was acknowledged."""
    try:
        write(number, digest)
    except (OSError, ValueError) as error:
        log.error("audit checkpoint %d was not written: %s", number, type(error).__name__)


def read() -> list[Checkpoint]:
    """Every line, checked. Raises `BadCheckpoint`; a missing file is an empty list."""
    try:
        text = lines_path().read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise BadCheckpoint("the checkpoints cannot be read") from error
    public = _key().public_key()
    found: list[Checkpoint] = []
    for position, line in enumerate(text.splitlines(), start=1):
        # Only a power cut in the middle of writing leaves such a line; a signed one is never a prefix of JSON.
        if line and not line.rstrip().endswith("}"):
            continue
        if line.strip():
            found.append(_parse(line, position, public))
    return found


def within(first: int, last: int, *, most: int) -> Iterator[Checkpoint]:
    """Signed lines for entries `first` to `last`, one an entry and spread evenly when there are more than `most`."""
    found: dict[int, Checkpoint] = {}
    for note in read():
        if first <= note.number <= last:
            found.setdefault(note.number, note)
    numbers = sorted(found)
    step = -(-len(numbers) // most) or 1
    for number in numbers[::-step][::-1]:
        yield found[number]


def sign(message: str) -> str:
    """The signature of a text by the key that signs checkpoints, in base64."""
    return base64.b64encode(_key().sign(message.encode())).decode()


def public_key() -> bytes:
    """The 32 bytes of the key by which checkpoints and exports are verified."""
    return _key().public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def covering(number: int) -> Checkpoint | None:
    """The first signed line that reaches entry `number`; None where there is none, or it was not signed by us."""
    try:
        with lines_path().open(encoding="utf-8") as file:
            for position, line in enumerate(file, start=1):
                # Only the number is read of the lines before: checking every signature would take seconds.
                found = _NUMBER.match(line)
                if found and int(found[1]) >= number:
                    return _parse(line, position, _key().public_key())
    except (OSError, UnicodeDecodeError, BadCheckpoint):
        pass
    return None


def _parse(line: str, position: int, public: Ed25519PublicKey) -> Checkpoint:
    try:
        fields: dict[str, Any] = json.loads(line)
        found = Checkpoint(int(fields["number"]), str(fields["digest"]), str(fields["at"]), str(fields["signature"]))
        public.verify(base64.b64decode(found.signature, validate=True), found.message())
    except (ValueError, KeyError, TypeError, InvalidSignature) as error:
        raise BadCheckpoint(f"checkpoint line {position} is not signed by this server") from error
    return found


def _key() -> Ed25519PrivateKey:
    """The signing key, made on first use."""
    path = key_path()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # Written aside and linked: two processes that start together agree on the first one's key.
        aside = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            data = path.read_bytes()
        finally:
            aside.unlink()
    key = serialization.load_pem_private_key(data, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("the audit key is not an Ed25519 key")
    return key

#!/usr/bin/env python3
"""Proves a signed export of the audit log on any machine: this file and Python's standard library are all it needs.

    python3 verify_export.py audit.signed.jsonl --fingerprint SHA256:…

Says that the file is intact, or which entry is the first that does not fit, or after which it was cut off. Exit 0, 1,
and 2 for a file that is no export. The fingerprint has to come from somewhere else than the file: whoever can write a
file can sign it with a key of their own. docs/audit.md describes the format.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

FORMAT = "lintel-audit-export-1"
CHECKPOINT = "lintel-audit-checkpoint-1"
GENESIS = "0" * 64
LONGEST_LINE = 4 * 1024 * 1024


class NoExport(Exception):
    """The file is not an export of the audit log, or one of a format that this program doesn't know."""


class Broken(Exception):
    """What does not fit, as a sentence."""


@dataclass
class Report:
    """What a proven file holds. `erased`: entries whose details were erased; `left_out`: those that a filter kept
    back. Both still prove that they exist, when and of what kind.
    """

    organisation: str
    made_at: str
    first: int
    last: int
    fingerprint: str
    details: int = 0
    erased: int = 0
    left_out: int = 0
    checkpoints: int = 0

    def lines(self) -> Iterator[str]:
        yield f"intact: entries {self.first} to {self.last} of {self.organisation}, exported {self.made_at}"
        yield f"details: {self.details} here, {self.erased} erased, {self.left_out} left out by the filter"
        yield f"checkpoints: {self.checkpoints} signed"
        yield f"key: {self.fingerprint}"


@dataclass
class _Chain:
    """How far the chain was read: the last entry's number and digest."""

    reached: int
    digest: str


def verify(lines: Iterable[str], fingerprint: str = "") -> Report:
    """Proves the lines of an export. `fingerprint`: the key that has to have signed it; "" accepts any and reports it.

    Raises NoExport, or Broken with the first thing that does not fit.
    """
    numbered = iter(lines)
    seen = hashlib.sha256()
    head = _head(numbered, seen)
    public = _public_key(head)
    report = Report(
        organisation=head["organisation"],
        made_at=head["made_at"],
        first=head["first"],
        last=head["last"],
        fingerprint=fingerprint_of(public),
    )
    if fingerprint and fingerprint != report.fingerprint:
        raise Broken(f"it was signed by another key: {report.fingerprint}")
    chain = _Chain(report.first - 1, head["before"])
    if report.first == 1 and chain.digest != GENESIS:
        raise Broken("the chain does not begin at its beginning")
    for line in numbered:
        row = _row(line, chain.reached)
        if row["type"] == "end":
            _end(row, seen.hexdigest(), public, chain, report)
            if any(rest.strip() for rest in numbered):
                raise Broken("something was added after the end")
            return report
        seen.update(line.encode(errors="surrogatepass"))
        if row["type"] == "entry":
            _entry(row, chain, report)
        elif row["type"] == "checkpoint":
            _checkpoint(row, public, chain, report)
        else:
            raise Broken(f"there is a line after entry {chain.reached} that no export has")
    raise Broken(f"truncated: it is cut off after entry {chain.reached} of {report.last}")


def _head(lines: Iterator[str], seen: Any) -> dict[str, Any]:
    line = next(lines, "")
    try:
        head = json.loads(line)
        known = head["type"] == "head" and head["format"] == FORMAT
        known = known and all(isinstance(head[name], str) for name in ("organisation", "made_at", "before"))
        known = known and all(isinstance(head[name], int) for name in ("first", "last"))
    except (ValueError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        raise NoExport("this is not an export of the audit log, or of a newer version than this program")
    seen.update(line.encode(errors="surrogatepass"))
    return dict(head)


def _public_key(head: dict[str, Any]) -> bytes:
    try:
        public = base64.b64decode(head["key"]["public"], validate=True)
    except (KeyError, TypeError, ValueError):
        public = b""
    if len(public) != 32:
        raise NoExport("the head of the file names no Ed25519 key")
    return public


def fingerprint_of(public: bytes) -> str:
    """SHA-256 of the 32 bytes of an Ed25519 public key, written as OpenSSH writes fingerprints."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")


def _row(line: str, reached: int) -> dict[str, Any]:
    try:
        if len(line) > LONGEST_LINE:
            raise ValueError
        row = json.loads(line)
        if not isinstance(row, dict) or not isinstance(row.get("type"), str):
            raise TypeError
    except (ValueError, TypeError, RecursionError):
        cut = "" if line.endswith("\n") else "truncated: "
        raise Broken(f"{cut}the line after entry {reached} can't be read") from None
    return row


def _entry(row: dict[str, Any], chain: _Chain, report: Report) -> None:
    expected = chain.reached + 1
    try:
        number, at, kind = row["number"], row["at"], row["kind"]
        commitment, previous, digest = row["commitment"], row["previous"], row["digest"]
        detail = row["detail"]
    except KeyError:
        raise Broken(f"entry {expected} is incomplete") from None
    if number != expected:
        raise Broken(f"entry {expected} is missing")
    if previous != chain.digest:
        raise Broken(f"entry {number} does not follow the entry before it")
    if digest != _sha256(_canonical([number, at, kind, commitment, previous])):
        raise Broken(f"entry {number} was changed")
    if detail is None:
        if row.get("absent") == "erased":
            report.erased += 1
        else:
            report.left_out += 1
    else:
        _detail(number, commitment, detail)
        report.details += 1
    chain.reached, chain.digest = number, digest


def _detail(number: int, commitment: str, detail: dict[str, str]) -> None:
    try:
        if commitment != _sha256(f"{detail['salt']}\n{detail['body']}"):
            raise Broken(f"the details of entry {number} were changed")
        committed = json.loads(detail["body"])["network"]
        network = detail["network"]
        # The first version of the log held the network itself.
        proved = network if "/" in committed else _sha256(f"{detail['network_salt']}\n{network}")
        if network and proved != committed:
            raise Broken(f"the network of entry {number} was changed")
    except (KeyError, TypeError, ValueError):
        raise Broken(f"the details of entry {number} can't be read") from None


def _checkpoint(row: dict[str, Any], public: bytes, chain: _Chain, report: Report) -> None:
    number, digest = row.get("number"), row.get("digest")
    if isinstance(number, int) and number > chain.reached:
        raise Broken(f"entry {chain.reached + 1} is missing")
    if (number, digest) != (chain.reached, chain.digest):
        raise Broken(f"entry {number} is not the entry that a checkpoint was signed for")
    message = f"{CHECKPOINT}\n{number}\n{digest}\n{row.get('at')}"
    if not _signed(message, row.get("signature"), public):
        raise Broken(f"the checkpoint of entry {number} is not signed by this key")
    report.checkpoints += 1


def _end(row: dict[str, Any], seen: str, public: bytes, chain: _Chain, report: Report) -> None:
    if chain.reached != report.last:
        raise Broken(f"entry {chain.reached + 1} is missing")
    if row.get("sha256") != seen:
        raise Broken("a line was changed, added or taken out that the chain does not cover")
    if not _signed(f"{FORMAT}\n{seen}", row.get("signature"), public):
        raise Broken("the end is not signed by this key")


def _signed(message: str, signature: Any, public: bytes) -> bool:
    try:
        return ed25519_verifies(public, message.encode(), base64.b64decode(signature, validate=True))
    except (TypeError, ValueError):
        return False


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


# Ed25519, RFC 8032 section 5.1, for verifying only. Points are extended homogeneous (X, Y, Z, T), section 5.1.4.

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)

Point = tuple[int, int, int, int]


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            found = _add(found, point)
        point = _add(point, point)
        scalar >>= 1
    return found


def _point(encoded: bytes) -> Point | None:
    """The point of 32 bytes; None where there is none, or another encoding is the canonical one (section 5.1.3)."""
    number = int.from_bytes(encoded, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _same(p: Point, q: Point) -> bool:
    return (p[0] * q[2] - q[0] * p[2]) % _P == 0 and (p[1] * q[2] - q[1] * p[2]) % _P == 0


_BASE = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this signature is of this message by this key (section 5.1.7, without the cofactor)."""
    if len(public) != 32 or len(signature) != 64 or _BASE is None:
        return False
    key, nonce = _point(public), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or scalar >= _ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _ORDER
    return _same(_times(scalar, _BASE), _add(nonce, _times(challenge, key)))


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Proves a signed export of Lintel's audit log.")
    parser.add_argument("file", help="the export, as it was downloaded")
    parser.add_argument("--fingerprint", default="", help="the key that has to have signed it: SHA256:…")
    given = parser.parse_args(arguments)
    try:
        with open(given.file, encoding="utf-8", newline="\n") as file:
            report = verify(file, given.fingerprint)
    except (OSError, UnicodeDecodeError, NoExport) as error:
        sys.stderr.write(f"{given.file}: {error}\n")
        return 2
    except Broken as broken:
        sys.stderr.write(f"broken: {broken}\n")
        return 1
    for line in report.lines():
        sys.stdout.write(f"{line}\n")
    if not given.fingerprint:
        sys.stdout.write("compare the key with the one that the server's administrators name\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""E-mail domains as people write them: "@Example.org", "example.org", "müller.example". Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

LONGEST: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def normal(domain: str) -> str:
    """A domain as it is stored and compared: lower case, without "@", international names as DNS has them (RFC 5890).

    Raises ValueError for what is none.
    """
    wanted = domain.strip().removeprefix("@").rstrip(".").lower()
    try:
        found = wanted.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError(domain) from None
    labels = found.split(".")
    if len(found) > LONGEST or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(domain)
    return found


def one_spelling(address: str) -> str:
    """An address (lower case) in the one way in which addresses are stored and compared.

    Raises ValueError for every other way to write it: mail goes to "example.org" where "ex\u00adample.org" or
    "ｅxample.org" is written, and whoever is known, counted or turned away by their address would be somebody new with
    each of them. Names that DNS has as "xn--…" are stored as people write them.
    """
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise ValueError(address)
    if domain.isascii() and "xn--" not in domain:
        return address
    in_dns = domain.encode("idna")
    written = in_dns.decode("idna")
    if domain not in {written, in_dns.decode("ascii")}:
        raise ValueError(address)
    return f"{local}@{written}"


def as_in_dns(address: str) -> str:
    """An address whose domain has no letters that look like those of another one: "x@xn--mller-kva.example"."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode('ascii')}" if not domain.isascii() else address


def domain_of(address: str) -> str:
    """The domain of an address, or "" where it has none that could be."""
    try:
        return normal(address.rpartition("@")[2])
    except ValueError:
        return ""


def is_within(domain: str, domains: Iterable[str]) -> bool:
    """Whether a domain is one of these, or below one of them. All normal."""
    return bool(domain) and any(domain == one or domain.endswith(f".{one}") for one in domains)

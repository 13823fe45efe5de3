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


def domain_of(address: str) -> str:
    """The domain of an address, or "" where it has none that could be."""
    try:
        return normal(address.rpartition("@")[2])
    except ValueError:
        return ""


def is_within(domain: str, domains: Iterable[str]) -> bool:
    """Whether a domain is one of these, or below one of them. All normal."""
    return bool(domain) and any(domain == one or domain.endswith(f".{one}") for one in domains)

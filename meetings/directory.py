"""Who has an account: counted, suggested, and found by what somebody typed. Reads only; decides nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

MAX_PEOPLE = 200
SUGGESTED = 300
_SEPARATORS = re.compile(r"[,;\n\r\t]+")


@dataclass
class Typed:
    """What a field of names and addresses holds, sorted out. `wrong` keeps the entries that fit nobody."""

    users: list[Any] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    several: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.users) + len(self.emails)


def entries(text: str) -> list[str]:
    """Names and addresses of one field, separated by commas, semicolons or lines; `Name <address>` is the address."""
    found: list[str] = []
    for part in _SEPARATORS.split(text):
        entry = " ".join(part.split())
        if "<" in entry:
            entry = parseaddr(entry)[1] or entry
        if entry and entry.casefold() not in {other.casefold() for other in found}:
            found.append(entry)
    return found


def is_address(entry: str) -> bool:
    try:
        validate_email(entry)
    except ValidationError:
        return False
    return True


def find(text: str) -> Typed:
    """Active accounts by name or address, and addresses of people without one. A name must fit exactly one account."""
    typed = Typed()
    asked = entries(text)
    addresses = [entry.lower() for entry in asked if is_address(entry)]
    people = get_user_model().objects.filter(is_active=True)
    by_email = {person.email.lower(): person for person in people.filter(email__in=addresses)}
    for entry in asked:
        if is_address(entry):
            person = by_email.get(entry.lower())
            if person is None:
                typed.emails.append(entry.lower())
            elif person not in typed.users:
                typed.users.append(person)
            continue
        named = list(people.filter(name__iexact=entry)[:2])
        if len(named) == 1:
            if named[0] not in typed.users:
                typed.users.append(named[0])
        elif named:
            typed.several.append(entry)
        else:
            typed.wrong.append(entry)
    return typed


def count() -> int:
    """How many accounts may sign in."""
    return get_user_model().objects.filter(is_active=True).count()


def suggestions() -> list[dict[str, str]]:
    """Names and addresses that a form offers while one types; bounded, because it travels with the page."""
    people = get_user_model().objects.filter(is_active=True).order_by("name")[:SUGGESTED]
    return [{"name": person.name, "email": person.email} for person in people]


def somebody_else(known: Iterable[Any]) -> Any | None:
    """An active account outside `known`: the example of a colleague who is not on the list."""
    keys = [person.pk for person in known]
    return get_user_model().objects.filter(is_active=True).exclude(pk__in=keys).order_by("name").first()

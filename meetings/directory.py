"""Who has an account: counted, suggested, and found by what somebody typed. Reads only; decides nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Count, Q

from meetings import domains
from meetings.models import PeopleGroup

MAX_PEOPLE = 200
SUGGESTED = 300
_SEPARATORS = re.compile(r"[,;\n\r\t]+")


@dataclass
class Typed:
    """What a field of names and addresses holds, sorted out. `wrong` keeps the entries that fit nobody; `groups` and
    `domains` stand for people who are listed together.
    """

    users: list[Any] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    groups: list[PeopleGroup] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    several: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.users) + len(self.emails)

    @property
    def together(self) -> list[PeopleGroup | str]:
        """Groups and domains, as `services.lists` takes them."""
        return [*self.groups, *self.domains]

    @property
    def only_people(self) -> bool:
        """Nothing was typed that stands for several people."""
        return not self.groups and not self.domains


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
    """Active accounts by name or address, addresses of people without one, groups by name, and domains as "@name".

    A name must fit exactly one account or group.
    """
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
        if entry.startswith("@"):
            _find_domain(typed, entry)
        else:
            _find_named(typed, entry, [*people.filter(name__iexact=entry)[:2]])
    return typed


def _find_domain(typed: Typed, entry: str) -> None:
    try:
        domain = domains.normal(entry)
    except ValueError:
        typed.wrong.append(entry)
        return
    if domain not in typed.domains:
        typed.domains.append(domain)


def _find_named(typed: Typed, entry: str, people: list[Any]) -> None:
    found = [*people, *PeopleGroup.objects.filter(name__iexact=entry)[:1]]
    if len(found) != 1:
        (typed.several if found else typed.wrong).append(entry)
    elif isinstance(found[0], PeopleGroup):
        if found[0] not in typed.groups:
            typed.groups.append(found[0])
    elif found[0] not in typed.users:
        typed.users.append(found[0])


def count() -> int:
    """How many accounts may sign in."""
    return get_user_model().objects.filter(is_active=True).count()


def suggestions() -> list[dict[str, Any]]:
    """Names and addresses that a form offers while one types; bounded, because it travels with the page. `groups`: the
    numbers of the groups that somebody is in, as `groups` has them.
    """
    people = get_user_model().objects.filter(is_active=True).order_by("name").prefetch_related("people_groups")
    numbers = {group.pk: number for number, group in enumerate(_groups())}
    return [
        {
            "name": person.name,
            "email": person.email,
            "groups": [numbers[group.pk] for group in person.people_groups.all() if group.pk in numbers],
        }
        for person in people[:SUGGESTED]
    ]


def groups() -> list[dict[str, Any]]:
    """Groups that a form offers, with the number of people who may sign in."""
    return [{"name": group.name, "count": group.active} for group in _groups()]


def _groups() -> list[Any]:
    counted = PeopleGroup.objects.annotate(active=Count("members", filter=Q(members__is_active=True)))
    return list(counted.order_by("name")[:SUGGESTED])


def domain_counts() -> dict[str, int]:
    """How many accounts have an address of which domain, for the domains that most have."""
    addresses = Counter(domains.domain_of(address) for address in _active_addresses())
    return {domain: count for domain, count in addresses.most_common(SUGGESTED) if domain}


def _active_addresses() -> Iterable[str]:
    active = get_user_model().objects.filter(is_active=True)
    if apps.is_installed("allauth.account"):
        pairs = active.filter(emailaddress__verified=True).values_list("pk", "emailaddress__email")
        # One account counts once for a domain, however many addresses it has there.
        return [f"@{domain}" for _pk, domain in {(pk, domains.domain_of(address)) for pk, address in pairs}]
    return active.values_list("email", flat=True)


def people_of(typed: Typed) -> set[Any]:
    """Keys of the active accounts that the groups and domains stand for."""
    active = get_user_model().objects.filter(is_active=True)
    found = set(active.filter(people_groups__in=typed.groups).values_list("pk", flat=True))
    if typed.domains:
        wanted = set(typed.domains)
        field_ = "emailaddress__email" if apps.is_installed("allauth.account") else "email"
        rows = active.filter(emailaddress__verified=True) if field_ != "email" else active
        found |= {pk for pk, address in rows.values_list("pk", field_) if domains.domain_of(address) in wanted}
    return found


def somebody_else(known: Iterable[Any]) -> Any | None:
    """An active account outside `known` (keys): the example of a colleague who is not on the list."""
    keys = list(known)
    return get_user_model().objects.filter(is_active=True).exclude(pk__in=keys).order_by("name").first()

"""One person's data as a whole: what meetings keep, and the account. Looked up by address, given out, erased.

`meetings.personal` finds what meetings keep, `meetings.services.personal` erases it; this adds the account.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import chain
from meetings.audit import record
from meetings.models import Meeting
from meetings.personal import Person, Traces, told
from meetings.retentionmodels import ERASED_DOMAIN
from meetings.selectors import OVERRUN
from meetings.services import personal
from portal.accounts.services import clean_address, deactivate, end_sessions, sessions_of
from portal.models import ApiToken, SetupLink, User

FORMAT: Final = "lintel-personal-data-1"


def person_of(email: str) -> Person:
    """Who has this address: the account with all of its addresses, or somebody without one. Raises ValidationError."""
    address = clean_address(email)
    account = (
        User.objects.filter(Q(email=address) | Q(emailaddress__email=address, emailaddress__verified=True))
        .distinct()
        .first()
    )
    if account is None:
        return Person(frozenset({address}))
    own = EmailAddress.objects.filter(user=account, verified=True).values_list("email", flat=True)
    return Person(frozenset({address, account.email.lower(), *(one.lower() for one in own)}), account)


def as_json(traces: Traces, by: User, now: datetime) -> Iterator[str]:
    """Everything about a person as one JSON object, written row by row. Records at once that it is given out."""
    person = traces.person
    with transaction.atomic():
        name = person.account.name if person.account is not None else ""
        for address in sorted(person.addresses):
            record("person.exported", actor=by, target=name or address, email=address)
    return _written(traces, now)


def _written(traces: Traces, now: datetime) -> Iterator[str]:
    person = traces.person
    yield f'{{"format": {_plain(FORMAT)}, "made_at": {_plain(now)}, "addresses": {_plain(person.addresses)}'
    yield f',\n"account": {_plain(_account(person.account))}'
    for title, rows in told(traces):
        yield f',\n"{title}": ['
        yield from _separated(rows)
        yield "]"
    yield "}\n"


def _separated(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"{',' if number else ''}\n{_plain(row)}"


def _plain(value: object) -> str:
    return json.dumps(chain.plain(value), ensure_ascii=False)


def _account(user: User | None) -> dict[str, Any] | None:
    if user is None:
        return None
    return {
        "id": user.pk,
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "time_zone": user.time_zone,
        "is_active": user.is_active,
        "joined_at": user.date_joined,
        "last_signed_in_at": user.last_login,
        "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
        "sessions": [{"ends_at": session.expire_date} for session in sessions_of(user)],
        "set_up_links": list(user.setup_links.values("created_at", "expires_at", "used_at")),
        "api_tokens": list(user.api_tokens.values("name", "scopes", "created_at", "last_used_at", "revoked_at")),
        "webhooks": list(user.webhooks.values("url", "covers", "events", "is_on", "created_at")),
        "groups": list(user.people_groups.values_list("name", flat=True)),
        "meetings_hosted": [
            {"meeting": one.pk, "title": one.title, "notes": one.notes, "created_at": one.created_at}
            for one in Meeting.objects.filter(Q(hosts=user) | Q(created_by=user)).distinct().order_by("created_at")
        ],
    }


def hosts_alone(user: User | None, now: datetime) -> list[Meeting]:
    """Meetings to come, or going on, that would have no host without this account."""
    if user is None:
        return []
    still = Q(occurrences__ended_at=None, occurrences__cancelled_at=None) & (
        Q(occurrences__ends_at__gt=now - OVERRUN) | ~Q(occurrences__started_at=None)
    )
    theirs = Meeting.objects.filter(still, cancelled_at=None, hosts=user).distinct()
    others = Count("hosts", filter=Q(hosts__is_active=True) & ~Q(hosts=user), distinct=True)
    counted = Meeting.objects.filter(pk__in=theirs.values("pk")).annotate(others=others)
    return list(counted.filter(others=0).order_by("title"))


def erase(person: Person, by: User) -> Mapping[str, int]:
    """Erase a person for good; says how many rows of each kind it was. Links, seats and the account end at once.

    Raises ValidationError for one's own account, and while meetings would be left without a host.
    """
    account = person.account
    if account is not None and account.pk == by.pk:
        raise ValidationError(_("You can’t erase yourself. Another administrator can."))
    if hosts_alone(account, timezone.now()):
        raise ValidationError(_("Meetings would be left without a host. Give them another host, or cancel them."))
    with transaction.atomic():
        if account is not None and account.is_active:
            deactivate(account, by)
        found = personal.erase(by, person)
        if account is not None:
            _empty_account(account)
    return found


def _empty_account(user: User) -> None:
    """The row stays, because meetings, tokens and the past refer to it; nothing in it tells whose it was."""
    end_sessions(user)
    EmailAddress.objects.filter(user=user).delete()
    SetupLink.objects.filter(user=user).delete()
    ApiToken.objects.filter(user=user).delete()
    user.webhooks.all().delete()
    user.people_groups.clear()
    for meeting in Meeting.objects.filter(hosts=user):
        if meeting.hosts.count() > 1:
            meeting.hosts.remove(user)  # deactivated by now: the links that they copied are withdrawn
    user.email = f"{user.pk}@{ERASED_DOMAIN}"
    user.name, user.time_zone, user.last_login = _("Erased person"), "", None
    user.is_active = False
    user.role = User.Role.STAFF
    user.set_unusable_password()
    user.save()

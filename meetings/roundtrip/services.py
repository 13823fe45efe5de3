"""Setting an authorization service, its secret, and what it takes back. Stored, audited and announced in one."""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, changes, codes, vault
from meetings.models import Meeting
from meetings.outgoing.allowed import allowances
from meetings.outgoing.destinations import Destination, WrongDestination, read_destination
from meetings.roundtrip.asking import AskedService
from meetings.roundtrip.models import ORGANISATION, AuthorizationService, Revocation
from meetings.roundtrip.protocol import LONGEST_LEASE_SECONDS, SHORTEST_LEASE_SECONDS, Profile, clean_reason
from meetings.services.errors import Wrong
from meetings.services.organisation import require_administrator
from meetings.services.roles import require_host_of

PREVIOUS_SECRET_LASTS: Final = timedelta(days=1)
REVOCATIONS_KEPT: Final = timedelta(hours=1)
SECRET_PREFIX: Final = "lintelrta_"  # noqa: S105 - lets secret scanners find a leaked one


@dataclass(frozen=True)
class Settings:
    """What people choose about a service. `hosts_may_replace` counts for the organisation's only."""

    url: str
    is_on: bool = True
    profile: str = AuthorizationService.Profile.SIGNED
    names: str = AuthorizationService.Names.OPAQUE
    lease_seconds: int = 60
    hosts_may_replace: bool = False


def service_of(meeting: Meeting | None) -> AuthorizationService:
    """The organisation's service (None) or a meeting's own; one that was never set is off and not stored yet."""
    key = ORGANISATION if meeting is None else str(meeting.pk)
    found = AuthorizationService.objects.filter(key=key).first()
    return found or AuthorizationService(key=key, meeting=meeting)


def hosts_may_replace() -> bool:
    """Whether hosts may name a service for their own meeting, instead of the organisation's."""
    return AuthorizationService.objects.filter(key=ORGANISATION, hosts_may_replace=True).exists()


def change_service(by: Any, meeting: Meeting | None, wanted: Settings) -> AuthorizationService:
    """Sets a service; acts at once, on people inside too. `by` None: a command on this server.

    Raises `NotAnAdministrator` or `NotAHost` where they may not, or `Wrong` with the field that can't be used.
    """
    with transaction.atomic():
        require_right(by, meeting)
        destination = _destination(wanted, meeting)
        service = service_of(meeting)
        before = _told(service)
        service.url = str(destination) if destination is not None else ""
        service.is_on = wanted.is_on
        service.profile = _choice("profile", wanted.profile, AuthorizationService.Profile.values)
        service.names = _choice("names", wanted.names, AuthorizationService.Names.values)
        service.lease_seconds = _lease(wanted.lease_seconds)
        service.hosts_may_replace = wanted.hosts_may_replace and meeting is None
        if not service.sealed_secret:
            service.sealed_secret = vault.seal(_new_secret())
        service.save()
        if _told(service) != before:
            audit.record("authorization.service_changed", actor=by, meeting=meeting, changes=_told(service))
            _announce(meeting)
    return service


def rotate_secret(by: Any, meeting: Meeting | None) -> str:
    """Makes a new secret and returns it, this once. The one before is good for a day more, so that nobody hurries."""
    with transaction.atomic():
        require_right(by, meeting)
        service = service_of(meeting)
        secret = _new_secret()
        service.sealed_previous = service.sealed_secret
        service.sealed_secret = vault.seal(secret)
        service.rotated_at = timezone.now()
        service.save()
        audit.record("authorization.secret_made", actor=by, meeting=meeting)
        _announce(meeting)
    return secret


def _new_secret() -> str:
    return SECRET_PREFIX + random.token_urlsafe(32)


def require_right(by: Any, meeting: Meeting | None) -> None:
    """Administrators set the organisation's service; hosts their meeting's, where administrators allow that."""
    if by is None:
        return
    if meeting is None:
        require_administrator(by)
        return
    require_host_of(by, meeting)
    if not hosts_may_replace():
        raise Wrong("url", "not_allowed", _("Your administrator doesn’t allow meetings a service of their own."))


def _destination(wanted: Settings, meeting: Meeting | None) -> Destination | None:
    if not wanted.url.strip():
        if wanted.is_on:
            raise Wrong("url", "required", _("Enter the address of the service."))
        return None
    try:
        destination = read_destination(wanted.url.strip(), base=True)
    except WrongDestination as wrong:
        raise Wrong("url", wrong.code, wrong.message) from None
    if len(str(destination)) > 400:
        raise Wrong("url", "too_long", _("At most 400 characters."))
    if why := allowances(set_by_admin=meeting is None).why_not(destination):
        raise Wrong("url", "refused", why)
    return destination


def _choice(field: str, value: str, known: list[str]) -> str:
    if value not in known:
        raise Wrong(field, "unknown", _("Choose one of these."))
    return value


def _lease(seconds: int) -> int:
    if not SHORTEST_LEASE_SECONDS <= seconds <= LONGEST_LEASE_SECONDS:
        words = _("From %(least)d to %(most)d seconds.")
        raise Wrong("lease_seconds", "range", words % {"least": SHORTEST_LEASE_SECONDS, "most": LONGEST_LEASE_SECONDS})
    return seconds


def _told(service: AuthorizationService) -> dict[str, Any]:
    """What the audit log keeps of it. The address is no secret; its path may be one, and stays out."""
    origin = read_destination(service.url).origin if service.url else ""
    return {
        "on": service.is_on,
        "address": origin,
        "profile": str(service.profile),
        "names": str(service.names),
        "lease_seconds": service.lease_seconds,
        "hosts_may_replace": service.hosts_may_replace,
    }


def _announce(meeting: Meeting | None) -> None:
    if meeting is None:
        changes.touch(None)
    else:
        for occurrence_id in meeting.occurrences.values_list("pk", flat=True):
            changes.touch(occurrence_id)


# What is asked


def asked_about(meeting: Meeting) -> AskedService | None:
    """The service that must agree to what happens in this meeting; None where nobody has to be asked."""
    asked = asked_services(str(meeting.pk))
    return asked[-1] if asked else None  # a meeting's own comes last, and is asked instead of the organisation's


def asked_services(room: str) -> list[AskedService]:
    """The services that have a say about a room (a meeting's id, or "") now: the organisation's, then its own."""
    rows = {row.key: row for row in AuthorizationService.objects.filter(key__in=(ORGANISATION, room))}
    whole = rows.get(ORGANISATION)
    if whole is None:
        return []
    own = rows.get(room) if whole.hosts_may_replace else None
    return [as_asked(row) for row in (whole, own) if row is not None and row.is_on]


def as_asked(row: AuthorizationService) -> AskedService:
    """A stored service with its secrets and everything else that a question needs."""
    problem, destination, found = "", None, []
    try:
        destination = read_destination(row.url, base=True)
    except WrongDestination as wrong:
        problem = wrong.message
    sealed = [row.sealed_secret]
    if row.sealed_previous and row.rotated_at and row.rotated_at + PREVIOUS_SECRET_LASTS > timezone.now():
        sealed.append(row.sealed_previous)
    try:
        found = [vault.unseal(one) for one in sealed]
    except vault.Unreadable:
        problem = _("The secret can’t be read any more. Make a new one.")
    return AskedService(
        key=row.key,
        destination=destination,
        profile=Profile(row.profile),
        secrets=tuple(found),
        names=str(row.names),
        lease_seconds=row.lease_seconds,
        allowances=allowances(set_by_admin=row.meeting_id is None),
        problem=problem,
    )


@dataclass(frozen=True)
class TakenBack:
    """One revocation as live meetings apply it. Empty text matches everybody."""

    number: int
    username: str
    token_digest: str
    stream: str
    reason: str


@dataclass(frozen=True)
class RoundTrip:
    """What a live meeting has to know: who is asked about it, under which name, and what was taken back lately."""

    service: AskedService
    room: str
    taken_back: tuple[TakenBack, ...]


def round_trip_of(meeting: Meeting) -> RoundTrip | None:
    """None where nobody has to be asked."""
    service = asked_about(meeting)
    return None if service is None else RoundTrip(service, str(meeting.pk), taken_back(service.key))


# What is taken back


def take_back(
    service_key: str, *, username: str = "", token: str = "", stream: str = "", reason: str = "", request: str = ""
) -> bool:
    """Stores that a service takes something back. False, and nothing new, when this very request was stored before.

    Raises `Wrong` when it would match everybody. Live meetings hear of it at once, in every process.
    """
    if not (username or token or stream):
        raise Wrong("username", "required", _("Name a username, a token or a streamID."))
    try:
        with transaction.atomic():
            Revocation.objects.filter(at__lt=timezone.now() - REVOCATIONS_KEPT).delete()
            Revocation.objects.create(
                service_key=service_key,
                username=username[:254],
                token_digest=codes.digest(token) if token else "",
                stream=stream[:200],
                reason=clean_reason(reason),
                request_digest=request or None,
            )
            audit.record("authorization.taken_back", target=username or stream, meeting=_meeting_of(service_key))
            changes.touch(None)
    except IntegrityError:
        if request and Revocation.objects.filter(request_digest=request).exists():
            return False
        raise
    return True


def _meeting_of(service_key: str) -> Meeting | None:
    return None if service_key == ORGANISATION else Meeting.objects.filter(pk=service_key).first()


def taken_back(service_key: str) -> tuple[TakenBack, ...]:
    """What this service took back within the last hour, the oldest first."""
    rows = Revocation.objects.filter(service_key=service_key, at__gt=timezone.now() - REVOCATIONS_KEPT).order_by("pk")
    return tuple(TakenBack(row.pk, row.username, row.token_digest, row.stream, row.reason) for row in rows)

"""Tries that were turned away: written down, summed up for hosts, warned of when a link is tried from many networks.

A warning is given once an hour for each link. It names the one thing that helps: replacing the link.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from meetings import audit, tasks
from meetings.attempts import MANY_NETWORKS, Attempt, Turned
from meetings.models import AuditDetail, Invitation, Meeting, Occurrence

TRIES: Final = "door.tries_refused"
WARNING: Final = "door.link_tried_widely"
COUNTED: Final = frozenset({TRIES, "door.refused", "door.refusals_counted", "invitation.link_in_use"})
AN_HOUR: Final = timedelta(hours=1)
MOST: Final = 5_000
"""Entries that a report looks at, the newest; with more it says "at least"."""


@dataclass(frozen=True)
class Link:
    """What was tried: `meeting`, `former`, `personal` with the invitation's key and name, or "" for no link at all."""

    kind: str
    invitation: str = ""
    name: str = ""


@dataclass(frozen=True)
class Line:
    """How often a link was tried for nothing, from how many networks, last when. `warned_at`: when hosts were warned of
    it last, or None.
    """

    link: Link
    count: int
    networks: int
    last_at: datetime
    warned_at: datetime | None = None


def store(turned: Iterable[Turned], now: datetime) -> list[Attempt]:
    """Write down what stayed turned away. Returns the attempts of which hosts are warned, each with its link."""
    warned = []
    with transaction.atomic():
        occurrences: dict[str, Occurrence | None] = {}
        seen: dict[Attempt, Occurrence] = {}
        for one in turned:
            key = one.attempt.occurrence
            if key not in occurrences:
                occurrences[key] = Occurrence.objects.select_related("meeting").filter(pk=key).first()
            occurrence = occurrences[key]
            if occurrence is None:
                continue
            if not one.attempt.is_recorded:
                _write(occurrence, one, now)
            seen[one.attempt] = occurrence
        for attempt, occurrence in seen.items():
            if _is_tried_widely(attempt, occurrence, now):
                _warn(attempt, occurrence, now)
                warned.append(attempt)
    return warned


def _write(occurrence: Occurrence, one: Turned, now: datetime) -> None:
    facts, name = _about(one.attempt)
    audit.record(
        TRIES,
        occurrence=occurrence,
        target=name,
        network=one.network,
        at=now,
        count=one.count,
        minute=one.first_at.replace(second=0, microsecond=0),
        reason=one.attempt.reason,
        **facts,
    )


def _about(attempt: Attempt) -> tuple[dict[str, Any], str]:
    facts: dict[str, Any] = {"link": attempt.link}
    invitation = Invitation.objects.filter(pk=attempt.invitation).first() if attempt.invitation else None
    if invitation is None:
        return facts, ""
    return {**facts, "invitation": invitation.pk, "email": invitation.email}, invitation.name or invitation.email


def _is_tried_widely(attempt: Attempt, occurrence: Occurrence, now: datetime) -> bool:
    lately = _entries(occurrence.meeting, {*COUNTED, WARNING}).filter(entry__at__gte=now - AN_HOUR)
    networks = set()
    for kind, body, network in lately.values_list("entry__kind", "body", "network")[:MOST]:
        if _link_of(kind, json.loads(body)) != (attempt.link, attempt.invitation):
            continue
        if kind == WARNING:
            return False
        networks.add(network)
    return len(networks - {""}) >= MANY_NETWORKS[attempt.link]


def _warn(attempt: Attempt, occurrence: Occurrence, now: datetime) -> None:
    facts, name = _about(attempt)
    audit.record(WARNING, occurrence=occurrence, target=name, at=now, networks=MANY_NETWORKS[attempt.link], **facts)
    for host in occurrence.meeting.hosts.filter(is_active=True):
        tasks.warn_of_link.enqueue(str(occurrence.pk), str(host.pk), attempt.link, attempt.invitation)


def _entries(meeting: Meeting, kinds: Iterable[str]) -> QuerySet[AuditDetail]:
    details = AuditDetail.objects.filter(meeting=meeting, entry__kind__in=list(kinds)).exclude(body="")
    return details.order_by("-entry_id")


def _link_of(kind: str, body: dict[str, Any]) -> tuple[str, str]:
    """Which link an entry is about, and of which invitation."""
    facts = body["facts"]
    invitation = str(facts.get("invitation") or "")
    if "link" in facts:
        return str(facts["link"]), invitation
    if invitation:
        return "personal", invitation
    return ("meeting", "") if facts.get("row") == "anyone" else ("", "")


def report(occurrence: Occurrence) -> list[Line]:
    """What was turned away at this occurrence, most often first."""
    counts: dict[tuple[str, str], int] = {}
    networks: dict[tuple[str, str], set[str]] = {}
    last: dict[tuple[str, str], datetime] = {}
    names: dict[tuple[str, str], str] = {}
    warned: dict[tuple[str, str], datetime] = {}
    rows = _entries(occurrence.meeting, {*COUNTED, WARNING}).values_list("entry__kind", "entry__at", "body", "network")
    for kind, at, text, network in rows[:MOST]:
        body = json.loads(text)
        if body["occurrence"] != str(occurrence.pk):
            continue
        link = _link_of(kind, body)
        if kind == WARNING:
            warned.setdefault(link, at)
            continue
        counts[link] = counts.get(link, 0) + int(body["facts"].get("count", 1))
        networks.setdefault(link, set()).add(network)
        last.setdefault(link, at)
        if link[0] == "personal":
            names.setdefault(link, body["target"])
    lines = [
        Line(Link(*link, names.get(link, "")), count, len(networks[link] - {""}), last[link], warned.get(link))
        for link, count in counts.items()
    ]
    return sorted(lines, key=lambda line: (-line.count, line.link.kind, line.link.invitation))

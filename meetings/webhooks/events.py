"""What programs are told, under stable names, and what each event holds: ids and codes, nothing to read. Pure.

Titles, names, addresses and notes stay here: whoever may see them asks the API with the ids. Signed and shaped by the
Standard Webhooks specification.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

PING: Final = "ping"

EVENTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "meeting.scheduled": _("A meeting was scheduled or started at once."),
        "meeting.changed": _("Title, time, people or rules of a meeting changed."),
        "meeting.cancelled": _("A meeting was cancelled."),
        "meeting.occurrence_cancelled": _("One date of a meeting that repeats was cancelled."),
        "meeting.started": _("The first person came in."),
        "meeting.ended": _("A meeting ended for everyone."),
        "meeting.locked": _("The door was locked, by a host or by its own rule."),
        "meeting.unlocked": _("The door was unlocked."),
        "meeting.suspended": _("A host suspended the meeting."),
        "meeting.resumed": _("A host resumed the meeting."),
        "invitation.created": _("Somebody was invited."),
        "invitation.claimed": _("A personal link was used for the first time."),
        "invitation.revoked": _("An invitation was revoked."),
        "invitation.restored": _("A revoked invitation was restored."),
        "invitation.changed": _("Name, address or link of an invitation changed."),
        "invitation.link_in_use": _("A personal link was tried on a second device and refused."),
        "door.knocked": _("Somebody knocks and waits for a host."),
        "door.let_in": _("A host let somebody in."),
        "door.turned_away": _("A host turned somebody away."),
        "door.stopped": _("Somebody stopped waiting."),
        "door.link_tried_widely": _("A link is tried from many networks: it may have leaked."),
        "participant.entered": _("Somebody came in."),
        "participant.left": _("Somebody left, or lost their connection for two minutes."),
        "participant.removed": _("A host removed somebody."),
        "participant.moved_to_door": _("A host moved somebody back to the door."),
        "participant.put_out": _("The rules, not a host, put somebody out."),
        "authorization.unanswered": _("The authorization service of a meeting does not answer."),
        "authorization.answered": _("The authorization service answers again."),
    }
)
"""Every event there is, and what it means. Names are part of the contract."""

GROUPS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "meeting": _("Meetings"),
        "invitation": _("Invitations"),
        "door": _("At the door"),
        "participant": _("Inside"),
        "authorization": _("Authorization services"),
    }
)
"""First word of an event → heading, in the order of pages."""


EVENT_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{name: name for name in EVENTS},
        "meeting.ended_empty": "meeting.ended",
        "meeting.link_replaced": "meeting.changed",
        "meeting.link_key_made": "meeting.changed",
        "meeting.link_key_replaced": "meeting.changed",
        "meeting.occurrence_moved": "meeting.changed",
        "meeting.series_ended": "meeting.changed",
        "meeting.host_made": "meeting.changed",
        "meeting.host_unmade": "meeting.changed",
        "host.rights_changed": "meeting.changed",
        "door.rule_changed": "meeting.changed",
        "door.exception_set": "meeting.changed",
        "door.exception_lifted": "meeting.changed",
        "door.block_lifted": "meeting.changed",
        "door.list_added": "meeting.changed",
        "door.list_removed": "meeting.changed",
        "invitation.renamed": "invitation.changed",
        "invitation.address_changed": "invitation.changed",
        "invitation.link_replaced": "invitation.changed",
        "invitation.links_withdrawn": "invitation.changed",
        "invitation.moved": "invitation.changed",
        "door.locked": "meeting.locked",
        "door.locked_by_rule": "meeting.locked",
        "door.unlocked": "meeting.unlocked",
        "door.blocked": "door.turned_away",
        "door.entered": "participant.entered",
        "door.left": "participant.left",
        "door.removed": "participant.removed",
        "door.removed_and_blocked": "participant.removed",
        "door.moved_to_door": "participant.moved_to_door",
        "door.put_out": "participant.put_out",
    }
)
"""Kind of an audit entry → event."""

TOLD: Final[Mapping[str, str]] = MappingProxyType(
    {"participant": "participant", "invitation": "invitation", "row": "kind", "reason": "reason"}
)
"""Fact of an audit entry → name in `data`. A fact that is not here is not told."""

_CODE: Final = re.compile(r"[a-z0-9_-]{1,40}", re.ASCII)  # ids are told too; sentences, such as a service's, are not


def payload(
    event: str, at: datetime, *, meeting: str | None = None, occurrence: str | None = None, facts: Mapping[str, Any]
) -> str:
    """The body of an event, the same for everybody who is told."""
    data: dict[str, Any] = {}
    if meeting is not None:
        data["meeting"] = meeting
    if occurrence is not None:
        data["occurrence"] = occurrence
    codes = {name: str(facts[fact]) for fact, name in TOLD.items() if facts.get(fact)}
    data |= {name: code for name, code in codes.items() if _CODE.fullmatch(code)}
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": event, "timestamp": stamp, "data": data}, separators=(",", ":"))

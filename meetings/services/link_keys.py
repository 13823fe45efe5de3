"""The keys of a sealed meeting's link, as far as the portal knows: how many there were, and a check of the newest.

The key itself is made and kept in browsers, and never comes here. The check tells a whole link from a cut one before
anybody comes in, and which of two hosts made a key first; it proves nothing to anybody. docs/encryption.md section 9.
"""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from meetings import audit, changes, selectors
from meetings.models import Encryption, Meeting, Occurrence, Participant
from meetings.services.errors import Wrong
from meetings.services.roles import require_host, require_host_of

MOST_GENERATIONS = 1_000_000
MOST_DUE = 20
"""Named at once; one new key is for all of them."""
CHECK = re.compile(r"[\w-]{10}[AEIMQUYcgkosw048]", re.ASCII)  # 8 bytes, base64url


def public(meeting: Meeting) -> dict[str, Any] | None:
    """What is known of the newest key. None where links have none, or nobody has made one yet."""
    if meeting.encryption != Encryption.SEALED or not meeting.link_generation:
        return None
    return {"generation": meeting.link_generation, "check": meeting.link_check}


def due(meeting: Meeting) -> list[str]:
    """Participants who were removed since the newest key was made, who know it: a host's browser makes the next."""
    if meeting.encryption != Encryption.SEALED:
        return []
    gone = Participant.objects.filter(occurrence__meeting=meeting, knows_link_key=True)
    return [str(pk) for pk in gone.order_by("pk").values_list("pk", flat=True)[:MOST_DUE]]


def replace_inside(by: Any, occurrence: Occurrence, *, generation: int, check: str) -> Occurrence:
    """A host's device in the room made this key, and tells it to the group there. Raises `NotAHost` and `Wrong`."""
    with transaction.atomic():
        account = require_host(by, occurrence)
        _store(account, occurrence.meeting, generation, check)
        changes.touch(occurrence.pk)
    return occurrence


def replace(by: Any, meeting: Meeting, *, generation: int, check: str) -> Meeting:
    """A host's browser made this key on a page. Raises `NotAHost`, and `Wrong` while people are inside who would not
    hear of it."""
    with transaction.atomic():
        account = require_host_of(by, meeting)
        inside = Participant.objects.filter(occurrence__meeting=meeting, state=Participant.State.INSIDE)
        if generation > 1 and inside.exists():
            raise Wrong("generation", "in_use", _("People are inside. Give the link a new key in the room."))
        _store(account, meeting, generation, check)
        changes.touch(selectors.occurrence_now(meeting).pk)
    return meeting


def _store(account: Any, meeting: Meeting, generation: int, check: str) -> None:
    """The next key counts once: of two hosts who made one at once, the first."""
    if meeting.encryption != Encryption.SEALED:
        raise Wrong("encryption", "not_sealed", _("Only the links of sealed meetings have a key."))
    if not 1 <= generation <= MOST_GENERATIONS or not CHECK.fullmatch(check):
        raise Wrong("check", "malformed", _("That is no check of a key."))
    found = Meeting.objects.filter(pk=meeting.pk, link_generation=generation - 1)
    if not found.update(link_generation=generation, link_check=check):
        raise Wrong("generation", "conflict", _("Somebody else has just given the link another key."))
    meeting.refresh_from_db(fields=["link_generation", "link_check"])
    Participant.objects.filter(occurrence__meeting=meeting, knows_link_key=True).update(knows_link_key=False)
    kind = "meeting.link_key_made" if generation == 1 else "meeting.link_key_replaced"
    audit.record(kind, actor=account, meeting=meeting)

"""Who may speak, show, share and chat: the meeting's rule, and a host's word about one person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from meetings import audit
from meetings.models import Meeting, Occurrence, Participant
from meetings.rights import Audience, Right
from meetings.selectors import limits_now, rules_of
from meetings.services.doorrules import check_choice, set_rules
from meetings.services.errors import Wrong
from meetings.services.roles import require_host
from meetings.services.seats import answering, occurrence_locked, write


def change_rights(by: Any, occurrence: Occurrence, rights: dict[Right, Audience]) -> Occurrence:
    """Whom the meeting gives these rights from now on. Raises `Wrong` where the organisation settled another answer."""
    with occurrence_locked(occurrence) as locked:
        account = require_host(by, locked)
        meeting = Meeting.objects.select_for_update().get(pk=locked.meeting_id)
        limits = limits_now()
        before = rules_of(meeting, limits)
        rules = replace(before, **{right.value: audience for right, audience in rights.items()})
        check_choice(rules, limits, before)
        changes = {right.value: audience.value for right, audience in rights.items() if _now(before, right) != audience}
        if changes:
            set_rules(meeting, rules)
            meeting.save()
            audit.record("host.rights_changed", actor=account, occurrence=locked, changes=changes)
    return locked


def _now(rules: Any, right: Right) -> Audience:
    audience: Audience = getattr(rules, right.value)
    return audience


def set_person_rights(by: Any, target: Participant, words: dict[Right, bool | None]) -> Participant:
    """A host's yes or no about one person, for this occurrence; None lets the meeting's rule hold again.

    It holds for the same account or personal link on every device. Raises `Wrong` about a host, who has every right.
    """
    with answering(by, target) as (account, occurrence):
        if occurrence.meeting.hosts.filter(pk=target.user_id).exists():
            raise Wrong("participant", "is_host", _("Hosts have every right."))
        columns = {f"may_{right.value}": word for right, word in words.items()}
        _same_person(target).update(**columns)
        target.refresh_from_db()
        changes = {right.value: {True: "yes", False: "no", None: "as_all"}[word] for right, word in words.items()}
        write("host.person_rights", occurrence, target, by=account, changes=changes)
    return target


def _same_person(target: Participant) -> Any:
    """The seat and the others of the same account or link: an older word on another device must not outweigh this."""
    same = Q(pk=target.pk)
    if target.user_id is not None:
        same |= Q(user=target.user_id)
    elif target.invitation_id is not None:
        same |= Q(user=None, invitation=target.invitation_id)
    return Participant.objects.filter(same, occurrence=target.occurrence_id)

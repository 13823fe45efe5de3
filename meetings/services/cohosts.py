"""Who else hosts a meeting while it is on: made and unmade by any host, never over the organiser's head.

The organiser is who made the meeting: no other host can take the role from them or remove them.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from meetings.models import Meeting, Participant
from meetings.services.copied_links import end_hosting
from meetings.services.errors import Wrong
from meetings.services.seats import answering, write


def make_host(by: Any, target: Participant) -> Participant:
    """Somebody who is signed in hosts the meeting from now on, here and everywhere. Raises `Wrong` for guests."""
    with answering(by, target) as (account, occurrence):
        if target.user is None or not target.user.is_active:
            raise Wrong("participant", "no_account", _("Only people who are signed in can host."))
        hosts = occurrence.meeting.hosts
        if not hosts.filter(pk=target.user_id).exists():
            hosts.add(target.user)
            write("meeting.host_made", occurrence, target, by=account)
    return target


def unmake_host(by: Any, target: Participant) -> Participant:
    """They host no longer, at once, and stay inside as a member; links that they copied and nobody used end with it.

    Raises `Wrong` for the organiser.
    """
    with answering(by, target) as (account, occurrence):
        refuse_organiser(occurrence.meeting, target, account)
        if take_role(account, occurrence.meeting, target):
            # Whatever the table says about who they are now: losing the role is not being put out.
            occurrence.participants.filter(user=target.user_id, state=Participant.State.INSIDE).update(
                let_in_at=timezone.now()
            )
            write("meeting.host_unmade", occurrence, target, by=account)
    return target


def refuse_organiser(meeting: Meeting, target: Participant, account: Any) -> None:
    """Raises `Wrong` when somebody else acts on the organiser, or the organiser would leave the meeting without one."""
    if target.user_id is not None and target.user_id == meeting.created_by_id:
        if account.pk == target.user_id:
            raise Wrong("participant", "organiser", _("You made this meeting, so you host it."))
        raise Wrong("participant", "organiser", _("They made this meeting: only they can leave it."))


def take_role(by: Any, meeting: Meeting, target: Participant) -> bool:
    """Also a part of a removal: a host who is removed hosts no longer. Says whether they did."""
    hosted = target.user_id is not None and meeting.hosts.filter(pk=target.user_id).exists()
    if hosted:
        end_hosting(by, meeting, [target.user])
    return hosted

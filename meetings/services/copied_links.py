"""Personal links that hosts had shown to them, to pass on: whoever hosts no more may have kept them.

A link is known in plain text where it was shown or mailed, and nowhere else. The mailed ones stay good.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from meetings import audit, tasks
from meetings.models import Invitation, InvitationToken, Meeting

_OPEN = InvitationToken.objects.filter(invitation=OuterRef("pk"), killed_at=None)


def end_hosting(by: Any, meeting: Meeting, users: Iterable[Any]) -> None:
    """Takes the host's role from these accounts, and with it what they could still let people in with.

    In the transaction of a caller that has checked who acts and announces the change itself.
    """
    gone = list(users)
    meeting.hosts.remove(*gone)
    for user in gone:
        withdraw(by, meeting, user)


def withdraw(by: Any, meeting: Meeting, user: Any, *, label: str = "") -> None:
    """Links to this meeting that `user` made and nobody has used open nothing from now on. A used one belongs to its
    guest's device, so that a copy of it opens nothing anyway.

    The hosts are told whose only link it was. `label` says who acts where `by` is None.
    """
    unused = {"killed_at": None, "invitation__claimed_device": "", "invitation__revoked_at": None}
    copied = InvitationToken.objects.filter(made_by=user, invitation__occurrence__meeting=meeting, **unused)
    invitations = set(copied.values_list("invitation", flat=True))
    if not invitations:
        return
    now = timezone.now()
    copied.update(killed_at=now)
    without = Invitation.objects.filter(~Exists(_OPEN), pk__in=invitations, user=None)
    left = without.update(link_withdrawn_at=now)
    facts = {"account": user.pk, "count": len(invitations)}
    target = user.name
    audit.record("invitation.links_withdrawn", actor=by, actor_label=label, meeting=meeting, target=target, **facts)
    if left:
        for host in meeting.hosts.filter(is_active=True).exclude(pk=user.pk):
            tasks.tell_of_withdrawn_links.enqueue(str(meeting.pk), str(host.pk), str(user.pk))


def withdraw_everywhere(by: Any, user: Any, *, label: str = "") -> None:
    """As `withdraw`, of every meeting: an account that has ended hosts none, whatever its meetings say."""
    made = InvitationToken.objects.filter(made_by=user, killed_at=None, invitation__claimed_device="")
    for meeting in Meeting.objects.filter(pk__in=made.values("invitation__occurrence__meeting")).order_by("pk"):
        withdraw(by, meeting, user, label=label)

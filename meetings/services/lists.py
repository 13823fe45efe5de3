"""Groups and domains on the list of a meeting, put there and taken off by its hosts. Groups are told by mail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, changes, domains, tasks
from meetings.models import ListedTogether, Meeting, Occurrence, PeopleGroup
from meetings.selectors import takes_place_no_more
from meetings.services.errors import Wrong
from meetings.services.roles import require_host_of

MAX_LISTED = 20

Wanted = PeopleGroup | str
"""A group, or a domain, written with or without "@"."""


def change_lists(by: Any, meeting: Meeting, wanted: Sequence[Wanted], *, tell: bool) -> bool:
    """Make these all the groups and domains on the list. Says whether anything changed.

    With `tell`, members of a group that comes or goes get a mail, as somebody who is invited does. People of a domain
    don't: that may be everybody. Raises `NotAHost`, or `Wrong` for what is no domain and for too many.
    """
    with transaction.atomic():
        account = require_host_of(by, meeting)
        keys = {_key(one): one for one in wanted}
        if len(keys) > MAX_LISTED:
            raise Wrong("listed", "too_many", _("At most %(count)d groups and domains.") % {"count": MAX_LISTED})
        before = {(one.group_id, one.domain): one for one in meeting.listed_together.select_related("group")}
        gone = [one for key, one in before.items() if key not in keys]
        new = [(group, keys[group, domain], domain) for group, domain in keys if (group, domain) not in before]
        for one in gone:
            _write("door.list_removed", account, one)
            if tell and one.group is not None:
                _mail(account, meeting, one.group, "cancellation", without=one)
            one.delete()
        for group_id, group, domain in new:
            one = ListedTogether.objects.create(
                meeting=meeting,
                group=group if group_id is not None else None,
                domain=domain,
                added_at=timezone.now(),
                added_by=account,
            )
            _write("door.list_added", account, one)
            if tell and one.group is not None:
                _mail(account, meeting, one.group, "invitation", without=one)
        if gone or new:
            changes.touch_meeting(meeting)
    return bool(gone or new)


def add_lists(by: Any, meeting: Meeting, wanted: Sequence[Wanted]) -> bool:
    """As `change_lists`, beside those that are there."""
    there: list[Wanted] = [one.group or one.domain for one in meeting.listed_together.select_related("group")]
    return change_lists(by, meeting, [*there, *wanted], tell=True)


def tell_members(by: Any, occurrence: Occurrence, what: str, series_id: str = "") -> None:
    """Mail the members of all groups on the list, each once: a change, a cancellation, or what else hosts are told."""
    groups = PeopleGroup.objects.filter(listings__meeting=occurrence.meeting)
    for user in _members(occurrence.meeting, groups):
        if user.pk != by.pk:
            tasks.tell_member.enqueue(str(occurrence.pk), str(user.pk), what, series_id)


def count_of(listed: ListedTogether | Wanted) -> int:
    """How many accounts that may sign in a group or domain stands for, now."""
    if isinstance(listed, ListedTogether):
        listed = listed.group or listed.domain
    active = get_user_model().objects.filter(is_active=True)
    if isinstance(listed, str):
        return active.filter(_has_address_of(domains.normal(listed))).distinct().count()
    return active.filter(people_groups=listed).count()


def _has_address_of(domain: str) -> Any:
    from django.apps import apps
    from django.db.models import Q

    if apps.is_installed("allauth.account"):
        return Q(emailaddress__verified=True, emailaddress__email__iendswith=f"@{domain}")
    return Q(email__iendswith=f"@{domain}")


def _key(wanted: Wanted) -> tuple[Any, str]:
    if not isinstance(wanted, str):
        return wanted.pk, ""
    try:
        return None, domains.normal(wanted)
    except ValueError:
        told = _("“%(text)s” is no domain, such as @example.org.") % {"text": wanted[:80]}
        raise Wrong("listed", "not_a_domain", told) from None


def _members(meeting: Meeting, groups: Iterable[PeopleGroup] | QuerySet[PeopleGroup]) -> QuerySet[Any]:
    """Members who hear of the meeting by the group alone: hosts and invited people get mails of their own."""
    hosting = meeting.hosts.values("pk")
    invited = meeting.occurrences.filter(invitations__user__isnull=False).values("invitations__user")
    active = get_user_model().objects.filter(is_active=True, people_groups__in=groups)
    return active.exclude(pk__in=hosting).exclude(pk__in=invited).distinct()


def _mail(by: Any, meeting: Meeting, group: PeopleGroup, what: str, *, without: ListedTogether) -> None:
    others = PeopleGroup.objects.filter(listings__meeting=meeting).exclude(listings=without)
    already = _members(meeting, others).values("pk")
    for occurrence in _entries(meeting):
        for user in _members(meeting, [group]).exclude(pk__in=already).exclude(pk=by.pk):
            tasks.tell_member.enqueue(str(occurrence.pk), str(user.pk), what)


def _entries(meeting: Meeting) -> Iterable[Occurrence]:
    """An open occurrence for each entry in people's calendars: what repeats is one."""
    latest_first = meeting.occurrences.select_related("meeting").order_by("-starts_at")
    now = timezone.now()
    return {one.series_id or one.pk: one for one in latest_first if not takes_place_no_more(one, now)}.values()


def _write(kind: str, by: Any, listed: ListedTogether) -> None:
    audit.record(kind, actor=by, meeting=listed.meeting, target=str(listed), count=count_of(listed))

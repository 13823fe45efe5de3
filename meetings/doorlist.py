"""What hosts settled about people at one meeting's door beside inviting them: groups and domains that are on the list,
and exceptions for single people. Reads only, and is true when it was read.

Whoever decides about many people makes one of these for all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from meetings.domains import domain_of
from meetings.door import EASE, Row, Rules, Way
from meetings.models import DoorException, Invitation, ListedTogether, Meeting, PeopleGroup


class DoorList:
    """Exceptions, groups and domains of one meeting."""

    def __init__(self, meeting: Meeting) -> None:
        self._exceptions = list(meeting.exceptions.select_related("set_by"))
        self._together = list(meeting.listed_together.select_related("group"))
        self._members: dict[Any, set[Any]] = defaultdict(set)
        groups = [one.group_id for one in self._together if one.group_id is not None]
        if groups:
            memberships = PeopleGroup.members.through.objects.filter(peoplegroup__in=groups)
            for group_id, user_id in memberships.values_list("peoplegroup_id", "user_id"):
                self._members[group_id].add(user_id)

    @property
    def has_exceptions(self) -> bool:
        return bool(self._exceptions)

    def listing(self, user: Any, addresses: Collection[str]) -> ListedTogether | None:
        """The group or domain by which an active account is on the list. `addresses`: proved to be its own."""
        domains = {domain_of(address) for address in addresses}
        for one in self._together:
            if user.pk in self._members[one.group_id] if one.group_id is not None else one.domain in domains:
                return one
        return None

    def exception(
        self,
        rules: Rules,
        *,
        row: Row,
        user: Any,
        addresses: Collection[str],
        shown: Invitation | None,
        accounts: Collection[Any],
        links: Collection[Invitation],
        given: str = "",
    ) -> DoorException | None:
        """The exception that holds for a visitor, if any; of several the strictest.

        Whoever is known as the person themselves gets it, to their good or not: the account, somebody with the proved
        address, the guest with the link that was sent there (`shown`). Whoever only leads to that person (`accounts`
        and `links`, as for blocks; `given`, an address shown to be theirs at the door) gets it where it closes:
        otherwise a person who is turned away would come signed out or by the meeting's link, and a forwarded link would
        inherit what was meant for its owner.
        """
        if row is Row.HOST or not self._exceptions:
            return None
        own = set(addresses) | (
            {shown.email} if row is Row.GUEST and shown is not None and shown.user is None else set()
        )
        led_to = {link.email for link in links} | ({given} if given else set())
        usual = EASE[rules.way(row)]
        found = [
            one
            for one in self._exceptions
            if (user is not None and one.user_id == user.pk)
            or (one.email and one.email in own)
            or (EASE[Way(one.way)] < usual and (one.user_id in accounts or one.email in led_to))
        ]
        return min(found, key=lambda one: EASE[Way(one.way)], default=None)

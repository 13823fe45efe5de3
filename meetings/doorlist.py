"""What hosts settled about single people at one meeting's door. Reads only, and is true when it was read.

Whoever decides about many people makes one of these for all of them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from meetings.door import EASE, Row, Rules, Way
from meetings.models import DoorException, Invitation, Meeting


class DoorList:
    """The exceptions of one meeting."""

    def __init__(self, meeting: Meeting) -> None:
        self._exceptions = list(meeting.exceptions.select_related("set_by"))

    @property
    def is_empty(self) -> bool:
        """No exception holds for anybody."""
        return not self._exceptions

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
    ) -> DoorException | None:
        """The exception that holds for a visitor, if any; of several the strictest.

        Whoever is known as the person themselves gets it, to their good or not: the account, somebody with the proved
        address, the guest with the link that was sent there (`shown`). Whoever only leads to that person (`accounts`
        and `links`, as for blocks) gets it where it closes: otherwise a person who is turned away would come signed
        out, and a forwarded link would inherit what was meant for its owner.
        """
        if row is Row.HOST or not self._exceptions:
            return None
        own = set(addresses) | (
            {shown.email} if row is Row.GUEST and shown is not None and shown.user is None else set()
        )
        led_to = {link.email for link in links}
        usual = EASE[rules.way(row)]
        found = [
            one
            for one in self._exceptions
            if (user is not None and one.user_id == user.pk)
            or (one.email and one.email in own)
            or (EASE[Way(one.way)] < usual and (one.user_id in accounts or one.email in led_to))
        ]
        return min(found, key=lambda one: EASE[Way(one.way)], default=None)

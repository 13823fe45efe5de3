"""Finding entries: one set of filters for the audit log, a meeting's history, their exports and the API."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from meetings.audit.details import folded
from meetings.audit.kinds import Group, Result, in_group, with_result
from meetings.audit.words import SENTENCES
from meetings.models import AuditDetail
from meetings.network import PREFIX, truncate_network

NEWEST_FIRST: Final = "-entry_id"


@dataclass(frozen=True)
class Search:
    """What is looked for; whatever is empty narrows nothing.

    `person` is a part of a name or address. `meeting` is an id, or a part of a title. `kind` is a `Group` or one kind.
    `network` is as `network_sought` returns it. From `at_from` on, before `at_before`.
    """

    person: str = ""
    meeting: str = ""
    kind: str = ""
    result: str = ""
    network: str = ""
    at_from: datetime | None = None
    at_before: datetime | None = None

    def among(self, details: QuerySet[AuditDetail]) -> QuerySet[AuditDetail]:
        """The details that match, newest first, with everything that telling them needs."""
        for condition in (self._person(), self._meeting(), self._kind()):
            details = details.filter(condition)
        if self.result:
            details = details.filter(with_result(Result(self.result)))
        if self.network:
            details = details.filter(network=self.network)
        if self.at_from is not None:
            details = details.filter(entry__at__gte=self.at_from)
        if self.at_before is not None:
            details = details.filter(entry__at__lt=self.at_before)
        return details.select_related("entry", "meeting", "actor").order_by(NEWEST_FIRST)

    def _person(self) -> Q:
        if not self.person:
            return Q()
        named_now = Q(actor__name__icontains=self.person) | Q(actor__email__icontains=self.person)
        return Q(people__contains=folded(self.person)) | named_now

    def _meeting(self) -> Q:
        if not self.meeting:
            return Q()
        try:
            return Q(meeting=UUID(self.meeting))
        except ValueError:
            return Q(meeting__title__icontains=self.meeting)

    def _kind(self) -> Q:
        if not self.kind:
            return Q()
        return in_group(Group(self.kind)) if self.kind in Group.values else Q(entry__kind=self.kind)

    @property
    def given(self) -> dict[str, Any]:
        """The filters that are set, for the entry that says how the log was read."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in found.items() if value}


def is_kind(text: str) -> bool:
    """Whether this names a group of entries or one kind."""
    return text in Group.values or text in SENTENCES


def network_sought(text: str) -> str:
    """An address, or a network such as are stored, as it is stored: "203.0.113.0/24".

    Raises ValueError for what is neither, and for wider networks than the log tells apart.
    """
    network = ipaddress.ip_network(text.strip(), strict=False)
    if network.prefixlen < PREFIX[network.version]:
        raise ValueError(text)
    return truncate_network(str(network.network_address))

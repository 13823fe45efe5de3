"""What administrators allow beside the public internet: the operator's setting and the organisation's own list."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from meetings import audit, changes
from meetings.outgoing.destinations import (
    MOST_ALLOWANCES,
    Allowances,
    WrongDestination,
    read_allowance,
    read_allowances,
)
from meetings.outgoing.models import AllowedDestination
from meetings.services.errors import Wrong
from meetings.services.organisation import require_administrator


def allowances(*, set_by_admin: bool) -> Allowances:
    """What is allowed now for an address that administrators set, or for one that anybody else did.

    Who may only schedule meetings must not reach into the organisation's network with it: for them, an entry counts
    where an administrator said so, and refusals don't tell which names lead inside. A row that can't be read any more
    allows nothing.
    """
    found = read_allowances(settings.LINTEL.outgoing_allow) if set_by_admin else Allowances(discreet=True)
    rows = AllowedDestination.objects.all() if set_by_admin else AllowedDestination.objects.filter(for_everybody=True)
    for text in rows.values_list("text", flat=True):
        try:
            found += read_allowance(text)
        except WrongDestination:
            continue
    return found


def allow(by: Any, text: str, *, for_everybody: bool = False) -> AllowedDestination:
    """Adds to the organisation's list. Raises `NotAnAdministrator` (`by` None: a command here), or `Wrong`.

    for_everybody: also for addresses that no administrator set, such as a meeting's own service.
    """
    _require_right(by)
    text = text.strip().lower()
    try:
        read_allowance(text)
    except WrongDestination as wrong:
        raise Wrong("text", wrong.code, wrong.message) from None
    with transaction.atomic():
        if AllowedDestination.objects.count() >= MOST_ALLOWANCES:
            words = _("At most %(count)d entries. Remove one first.") % {"count": MOST_ALLOWANCES}
            raise Wrong("text", "too_many", words)
        row, created = AllowedDestination.objects.get_or_create(text=text, defaults={"added_by": by})
        if created or row.for_everybody != for_everybody:
            row.for_everybody = for_everybody
            row.save(update_fields=["for_everybody"])
            audit.record("outgoing.allowed", actor=by, target=text, for_everybody=for_everybody)
            changes.touch(None)
    return row


def disallow(by: Any, row: AllowedDestination) -> None:
    """Takes an entry off the list: nothing is sent there from now on, over kept connections neither."""
    _require_right(by)
    with transaction.atomic():
        if AllowedDestination.objects.filter(pk=row.pk).delete()[0]:
            audit.record("outgoing.disallowed", actor=by, target=row.text)
            changes.touch(None)


def _require_right(by: Any) -> None:
    if by is not None:
        require_administrator(by)

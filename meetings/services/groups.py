"""Named groups of accounts, kept by administrators. Who leaves one is off every list that names it, at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from meetings import audit, changes
from meetings.models import PeopleGroup
from meetings.services.errors import Wrong
from meetings.services.organisation import require_administrator
from meetings.text import clean_line

NAME_LENGTH = 80
MAX_MEMBERS = 1_000
MAX_GROUPS = 500


def make_group(by: Any, name: str, members: Iterable[Any]) -> PeopleGroup:
    """Raises `NotAnAdministrator`, or `Wrong` for a name that is none or taken, and for too many members."""
    with transaction.atomic():
        account = require_administrator(by)
        if PeopleGroup.objects.count() >= MAX_GROUPS:
            raise Wrong("name", "too_many", _("At most %(count)d groups.") % {"count": MAX_GROUPS})
        group = PeopleGroup.objects.create(name=_name(name))
        group.members.set(_members(members))
        _tell("organisation.group_made", account, group)
    return group


def change_group(by: Any, group: PeopleGroup, *, name: str | None = None, members: Iterable[Any] | None = None) -> None:
    """What is not given stays. As `make_group`."""
    with transaction.atomic():
        account = require_administrator(by)
        PeopleGroup.objects.select_for_update().get(pk=group.pk)
        group.refresh_from_db()
        changed: dict[str, Any] = {}
        if name is not None and _name(name, group) != group.name:
            changed["was"] = group.name
            group.name = _name(name, group)
            group.save(update_fields=["name"])
        if members is not None:
            before, after = set(group.members.all()), set(_members(members))
            if before != after:
                changed["joined"] = sorted(one.email for one in after - before)
                changed["left"] = sorted(one.email for one in before - after)
                group.members.set(after)
        if changed:
            _tell("organisation.group_changed", account, group, **changed)


def delete_group(by: Any, group: PeopleGroup) -> None:
    """Nobody is on a list by it any more, also who is inside."""
    with transaction.atomic():
        account = require_administrator(by)
        _tell("organisation.group_deleted", account, group)
        group.delete()


def _name(name: str, group: PeopleGroup | None = None) -> str:
    cleaned = clean_line(name, NAME_LENGTH + 1)
    if not cleaned:
        raise Wrong("name", "required", _("Enter a name."))
    if len(cleaned) > NAME_LENGTH:
        raise Wrong("name", "too_long", _("At most %(count)d characters.") % {"count": NAME_LENGTH})
    if any(sign in cleaned for sign in ",;@"):
        raise Wrong("name", "signs", _("A name has no comma, semicolon or @: it is typed among names and addresses."))
    others = PeopleGroup.objects.exclude(pk=group.pk) if group is not None else PeopleGroup.objects.all()
    if others.filter(name__iexact=cleaned).exists():
        raise Wrong("name", "taken", _("There is a group of this name already."))
    return cleaned


def _members(members: Iterable[Any]) -> list[Any]:
    found = {one.pk: one for one in members}
    if len(found) > MAX_MEMBERS:
        raise Wrong("members", "too_many", _("A group has at most %(count)d members.") % {"count": MAX_MEMBERS})
    return list(found.values())


def _tell(kind: str, by: Any, group: PeopleGroup, **facts: Any) -> None:
    audit.record(kind, actor=by, target=group.name, group=group.pk, count=group.members.count(), **facts)
    changes.touch(None)

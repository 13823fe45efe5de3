"""What holds for the whole organisation: the door's defaults and limits, and groups of people. Administrators only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from ninja import Router

from meetings import domains
from meetings.door import Rules, Way
from meetings.doorlimits import ALL_OPEN, GuestAddresses, Limits
from meetings.models import PeopleGroup
from meetings.selectors import limits_now
from meetings.services import groups, organisation
from portal.api.meetings import rules_from, shown_door, shown_options
from portal.api.operations import operation
from portal.api.paging import PageQuery, cut, position
from portal.api.problems import Problem, invalid
from portal.api.schemas.organisation import DoorPolicyIn, DoorPolicyOut, GroupChange, GroupIn, GroupOut, Groups

router = Router()
TAG: Final = "The organisation"
ADMINS_ONLY: Final = ("admins_only",)


def administrator(request: HttpRequest) -> Any:
    """The token's owner, who administers the organisation. Raises Problem("admins_only")."""
    user = request.auth.user  # type: ignore[attr-defined]
    if not user.is_admin:
        raise Problem("admins_only")
    return user


@operation(router, "GET", "/organisation/door", scope="read", answer=DoorPolicyOut, problems=ADMINS_ONLY, tag=TAG)
def read_door_policy(request: HttpRequest) -> dict[str, Any]:
    """How the door of a new meeting stands, and how far hosts may open it"""
    administrator(request)
    return _policy(limits_now())


@operation(router, "PUT", "/organisation/door", scope="write", answer=DoorPolicyOut, problems=ADMINS_ONLY, tag=TAG)
def set_door_policy(request: HttpRequest, data: DoorPolicyIn) -> dict[str, Any]:
    """Settle how doors start and how far hosts may open them

    Replaces all of it. Limits act at once, also in meetings that exist and on people inside; they only ever close.
    """
    user = administrator(request)
    most = data.most
    limits = Limits(
        rules_from(Rules(), data),
        replace(
            ALL_OPEN,
            listed=Way(most.listed),
            colleagues=Way(most.colleagues),
            guests=Way(most.guests),
            anyone=Way(most.anyone),
            guests_verified=most.guests_verified,
            capacity=most.capacity,
        ),
        frozenset(data.fixed),
        GuestAddresses(data.guest_addresses.rule, tuple(dict.fromkeys(_domains(data.guest_addresses.domains)))),
    )
    organisation.change_door_policy(user, limits)
    return _policy(limits_now())


def _domains(typed: list[str]) -> list[str]:
    found = []
    for number, one in enumerate(typed):
        try:
            found.append(domains.normal(one))
        except ValueError:
            raise invalid(f"guest_addresses.domains.{number}", "This is no domain, such as example.org.") from None
    return found


def _policy(limits: Limits) -> dict[str, Any]:
    most = limits.most
    return {
        "door": shown_door(limits.defaults),
        "door_opens_minutes": limits.defaults.opens_minutes,
        "options": shown_options(limits.defaults),
        "most": {
            "listed": most.listed,
            "colleagues": most.colleagues,
            "guests": most.guests,
            "anyone": most.anyone,
            "guests_verified": most.guests_verified,
            "capacity": most.capacity,
        },
        "fixed": sorted(limits.fixed),
        "guest_addresses": {"rule": limits.guest_addresses.rule, "domains": list(limits.guest_addresses.domains)},
        "changed_at": limits.settled.at,
        "changed_by": limits.settled.by,
    }


@operation(router, "GET", "/organisation/groups", scope="read", answer=Groups, problems=ADMINS_ONLY, tag=TAG)
def list_groups(request: HttpRequest, page: PageQuery) -> dict[str, Any]:
    """Groups of people"""
    administrator(request)
    rows = PeopleGroup.objects.prefetch_related("members", "listings").order_by("pk")
    after = position(page.cursor, UUID)
    if after is not None:
        rows = rows.filter(pk__gt=after[0])
    found, following = cut(rows[: page.limit + 1], page.limit, lambda one: (one.pk,))
    return {"items": [_group(one) for one in found], "next": following}


@operation(
    router, "POST", "/organisation/groups", scope="write", answer=GroupOut, status=201, problems=ADMINS_ONLY, tag=TAG
)
def make_group(request: HttpRequest, data: GroupIn) -> dict[str, Any]:
    """Make a group

    Its name can be put on the list of any meeting.
    """
    return _group(groups.make_group(administrator(request), data.name, _accounts(data.members)))


@operation(
    router,
    "PATCH",
    "/organisation/groups/{group_id}",
    scope="write",
    answer=GroupOut,
    problems=("admins_only", "not_found"),
    tag=TAG,
)
def change_group(request: HttpRequest, group_id: UUID, data: GroupChange) -> dict[str, Any]:
    """Change a group

    Whoever is no longer among its members is off every list at once, also inside.
    """
    user, group = administrator(request), _found(group_id)
    given = data.model_fields_set
    if not given:
        raise invalid("", "Name at least one field to change.")
    groups.change_group(
        user,
        group,
        name=data.name if "name" in given else None,
        members=_accounts(data.members) if "members" in given else None,
    )
    return _group(_found(group_id))


@operation(
    router,
    "DELETE",
    "/organisation/groups/{group_id}",
    scope="write",
    status=204,
    problems=("admins_only", "not_found"),
    tag=TAG,
)
def delete_group(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """Delete a group

    Nobody is on a list by it any more. The accounts stay.
    """
    groups.delete_group(administrator(request), _found(group_id))
    return HttpResponse(status=204)


def _found(group_id: UUID) -> PeopleGroup:
    found = PeopleGroup.objects.filter(pk=group_id).first()
    if found is None:
        raise Problem("not_found")
    return found


def _accounts(addresses: list[str]) -> list[Any]:
    people = {one.email.lower(): one for one in get_user_model().objects.filter(email__in=addresses, is_active=True)}
    for number, address in enumerate(addresses):
        if address not in people:
            raise invalid(f"members.{number}", "Nobody has an account with this address.")
    return list(people.values())


def _group(group: PeopleGroup) -> dict[str, Any]:
    return {
        "id": group.pk,
        "name": group.name,
        "members": sorted(one.email for one in group.members.all()),
        "meetings": group.listings.count(),
    }

"""What the database says about everybody of one occurrence, read in a handful of queries.

A live meeting asks the door about all its people every few seconds; person by person, that is a thousand queries.
A register is true for the moment in which it was read: make it, ask it, drop it. It answers the same questions as the
queries about one visitor in `selectors.py`, and `tests/test_register.py` holds the two together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from meetings.doorlist import DoorList
from meetings.models import Block, EmailCode, Invitation, Occurrence, Participant, SecondDevice
from meetings.rulebook import limits_now, rules_of


@dataclass(frozen=True)
class Proofs:
    """Everything by which somebody may be known here: keys of accounts, invited addresses, and their device ("": none).

    Addresses, because the same person has another invitation to every occurrence of a meeting. alike: devices on which
    the same address was proved by people without an invitation.
    """

    accounts: frozenset[Any]
    addresses: frozenset[str]
    device: str
    alike: frozenset[str] = frozenset()

    def fit(self, row: Participant | Block) -> bool:
        """Whether a row is about somebody with one of these proofs. Says the same as `query`."""
        return (
            row.user_id in self.accounts
            or (row.invitation is not None and row.invitation.email in self.addresses)
            or (bool(self.device) and row.device == self.device)
            or row.device in self.alike
        )

    def query(self) -> Q:
        same = Q(user__in=self.accounts) | Q(invitation__email__in=self.addresses) | Q(device__in=self.alike)
        return same | Q(device=self.device) if self.device else same


WENT_AGAIN: Final = Q(
    state=Participant.State.LEFT, user=None, invitation=None, entered_at=None, let_in_at=None, refused_until=None,
    must_knock=False, may_speak=None, may_show=None, may_share=None, may_chat=None, may_record=None,
)  # fmt: skip
"""Came by the meeting's link, and left the door before anybody said anything to them. Nothing about them changes an
answer, and there can be as many as somebody has patience to make up."""


class Register:
    """Hosts, invitations, seats, blocks, second devices and typed codes of an occurrence, with everybody's verified
    addresses. Of strangers who went again only those whose keys are in `wanted`."""

    def __init__(self, occurrence: Occurrence, wanted: Collection[str] = ()) -> None:
        self.occurrence = occurrence
        self.limits = limits_now()
        self.rules = rules_of(occurrence.meeting, self.limits)
        self.door_list = DoorList(occurrence.meeting)
        self.hosts = list(occurrence.meeting.hosts.all())
        seats = occurrence.participants.filter(~WENT_AGAIN | Q(pk__in=wanted))
        self.seats = list(seats.select_related("user", "invitation__user", "let_in_by", "room_device__created_by"))
        self._active_hosts = {host.pk for host in self.hosts if host.is_active}
        self._invitations = list(occurrence.invitations.select_related("user"))
        self._blocks = list(blocks_in(occurrence.meeting_id))
        self._addresses = _verified_addresses({seat.user for seat in self.seats if seat.user is not None})
        self._accounts = accounts_of({one.email for one in self._invitations if one.user_id is None})
        self._verified: set[tuple[UUID, str]] = set()
        self._failed: dict[tuple[UUID, str], bool] = {}
        self._given: dict[str, str] = {}
        mailed = EmailCode.objects.filter(occurrence=occurrence).order_by("created_at", "pk")
        for invitation_id, device, used_at, failed_at, email in mailed.values_list(
            "invitation_id", "device", "used_at", "failed_at", "email"
        ):
            if invitation_id is not None:
                self._failed[invitation_id, device] = failed_at is not None
                if used_at is not None:
                    self._verified.add((invitation_id, device))
            elif used_at is not None:
                self._given[device] = email
        self._second: defaultdict[UUID, list[SecondDevice]] = defaultdict(list)
        for one in SecondDevice.objects.filter(invitation__occurrence=occurrence):
            self._second[one.invitation_id].append(one)
        self._own: dict[Any, list[Invitation]] = {}

    @property
    def inside(self) -> int:
        """How many people have a seat inside."""
        return sum(seat.state == Participant.State.INSIDE and seat.entered_at is not None for seat in self.seats)

    def is_host(self, user: Any) -> bool:
        return user is not None and user.is_active and user.pk in self._active_hosts

    def addresses_of(self, user: Any) -> Collection[str]:
        """Addresses proved to be this account's."""
        return self._addresses[user.pk] if user is not None and user.is_active else ()

    def own_invitations(self, user: Any) -> list[Invitation]:
        if user is None or not user.is_active:
            return []
        if user.pk not in self._own:
            addresses = self._addresses[user.pk]
            self._own[user.pk] = [
                one
                for one in self._invitations
                if one.user_id == user.pk or (one.user_id is None and one.email in addresses)
            ]
        return self._own[user.pk]

    def accounts_of(self, addresses: Iterable[str]) -> dict[str, Any]:
        return {address: self._accounts[address] for address in addresses if address in self._accounts}

    def same_person(self, proofs: Proofs) -> list[Participant]:
        return [seat for seat in self.seats if proofs.fit(seat)]

    def blocks(self, proofs: Proofs) -> list[Block]:
        return [block for block in self._blocks if proofs.fit(block)]

    def second_devices(self, invitation: Invitation) -> list[SecondDevice]:
        """Devices that came with this link while it was another's, the latest last."""
        return self._second.get(invitation.pk, [])

    def second_device(self, invitation: Invitation, device: str) -> SecondDevice | None:
        return next((one for one in self.second_devices(invitation) if one.device == device), None)

    def expected(self) -> list[tuple[UUID, UUID | None, str]]:
        """Who is invited: invitation, account and name."""
        named = [(one, one.user.name if one.user is not None else one.name) for one in self._invitations]
        return [(one.pk, one.user_id, name) for one, name in named if name and one.revoked_at is None]

    def without_link(self) -> tuple[str, ...]:
        """Guests whose only link ended with the role of the host who had copied it, by name or else address."""
        left = [one for one in self._invitations if one.link_withdrawn_at is not None and one.revoked_at is None]
        return tuple(sorted(one.name or one.email for one in left if not one.is_erased))

    def is_verified(self, invitation: Invitation, device: str) -> bool:
        return (invitation.pk, device) in self._verified

    def given_address(self, device: str) -> str:
        """What somebody with the meeting's link has proved to be theirs, or ""."""
        return self._given.get(device, "")

    def devices_alike(self, device: str) -> frozenset[str]:
        """Devices on which the address was proved that was proved on this one, without an invitation."""
        address = self._given.get(device)
        return frozenset(one for one, given in self._given.items() if address and given == address)

    def has_failed_mail(self, invitation: Invitation, device: str) -> bool:
        return self._failed.get((invitation.pk, device), False)


def blocks_in(meeting_id: UUID) -> QuerySet[Block]:
    """Blocks that hold in a meeting: whoever was blocked stays out of its later occurrences too."""
    return Block.objects.filter(occurrence__meeting=meeting_id, lifted_at=None).select_related("invitation")


def accounts_of(addresses: Iterable[str]) -> dict[str, Any]:
    """The key of the account that has proved to own it, for those of these addresses (lower case) that have one."""
    wanted = set(addresses)
    if not apps.is_installed("allauth.account"):
        found = get_user_model().objects.filter(email__in=wanted).values_list("email", "pk")
        return dict(found)
    from allauth.account.models import EmailAddress

    return dict(EmailAddress.objects.filter(email__in=wanted, verified=True).values_list("email", "user_id"))


def _verified_addresses(users: Iterable[Any]) -> defaultdict[UUID, set[str]]:
    found: defaultdict[UUID, set[str]] = defaultdict(set)
    if not apps.is_installed("allauth.account"):
        found.update({user.pk: {user.email.lower()} for user in users})
        return found
    from allauth.account.models import EmailAddress

    proved = EmailAddress.objects.filter(user__in=users, verified=True)
    for user_id, address in proved.values_list("user_id", "email"):
        found[user_id].add(address.lower())
    return found

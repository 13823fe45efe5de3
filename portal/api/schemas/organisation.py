"""What holds for the whole organisation: the door's policy, and groups of people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, StrictInt

from portal.api.schemas.doors import PRESET, WAYS, DoorOut, DoorTable, OptionsIn, OptionsOut
from portal.api.schemas.fields import ONE_LINE, Address, Input, Output, one_or_more


class Most(Input):
    """The most open answer that hosts may choose for each kind of people."""

    listed: WAYS = "walks_in"
    colleagues: WAYS = "walks_in"
    guests: WAYS = "walks_in"
    anyone: WAYS = "walks_in"
    guests_verified: StrictBool = Field(False, description="Guests always type a mailed code.")
    capacity: Annotated[StrictInt, Field(ge=1, le=100)] | None = None


SETTLEABLE_NAMES = Literal[
    "listed", "colleagues", "guests", "anyone", "opens_minutes", "without_host", "speak", "show", "share", "chat",
    "record", "mics_start_off", "lock_after_minutes", "capacity",
]  # fmt: skip


class GuestAddressesIn(Input):
    """From which domains guests are taken; a domain stands for what is below it, too."""

    rule: Literal["any", "only", "except"] = "any"
    domains: Annotated[list[Annotated[str, Field(min_length=1, max_length=254)]], Field(max_length=500)] = Field(
        default_factory=list
    )


class DoorPolicyIn(Input):
    """All of it: what is absent is as it is without a policy."""

    door: Annotated[PRESET | DoorTable, Field(description="The door of a new meeting.")] = "guests_knock"
    door_opens_minutes: Annotated[StrictInt, Field(ge=0, le=1440)] | None = 10
    options: OptionsIn = Field(default_factory=OptionsIn)
    most: Most = Field(default_factory=Most)
    fixed: Annotated[list[SETTLEABLE_NAMES], Field(max_length=20, description="What hosts may not change.")] = Field(
        default_factory=list
    )
    guest_addresses: GuestAddressesIn = Field(default_factory=GuestAddressesIn)


class MostOut(Output):
    listed: WAYS
    colleagues: WAYS
    guests: WAYS
    anyone: WAYS
    guests_verified: bool
    capacity: int | None


class GuestAddressesOut(Output):
    rule: Literal["any", "only", "except"]
    domains: list[str]


class DoorPolicyOut(Output):
    door: DoorOut
    door_opens_minutes: int | None
    options: OptionsOut
    most: MostOut
    fixed: list[SETTLEABLE_NAMES]
    guest_addresses: GuestAddressesOut
    changed_at: datetime | None
    changed_by: str


_GROUP_NAME = Field(min_length=1, max_length=80)
_MEMBERS = Field(max_length=1000, description="Addresses of accounts.")


class GroupIn(Input):
    name: Annotated[str, _GROUP_NAME, ONE_LINE]
    members: Annotated[list[Address], _MEMBERS] = Field(default_factory=list)


class GroupChange(Input):
    """Fields that are absent stay as they are; `members` replaces everybody who is in it."""

    name: Annotated[str, _GROUP_NAME, ONE_LINE] = ""
    members: Annotated[list[Address], _MEMBERS] = Field(default_factory=list)

    model_config = ConfigDict(extra="forbid", json_schema_extra=one_or_more)


class GroupOut(Output):
    id: UUID
    name: str
    members: list[str]
    meetings: int = Field(description="On the list of how many meetings it is.")


class Groups(Output):
    items: list[GroupOut]
    next: str | None
